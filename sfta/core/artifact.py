"""A folder of files plus the manifest that identifies it: complete, or not there."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import MANIFEST, Manifest, sync_folder, verify_files, write_durably

log = logging.getLogger("sfta")
SCRATCH_PREFIX = ".partial-"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished folder. If its manifest exists, it is complete."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the manifest and check that every listed file is there with its size."""
        manifest = Manifest.read(path)
        for entry in manifest.files:
            file = path / entry.path
            if not file.is_file() or file.stat().st_size != entry.size:
                raise IntegrityError(
                    f"{path} is damaged: {entry.path} is missing or has another size",
                    hint=f"Delete {path} and run again.",
                )
        return cls(path, manifest)

    def verify(self) -> None:
        """Hash every file; raise `IntegrityError` naming each that differs."""
        verify_files(self.path, self.manifest)

    @property
    def kind(self) -> str:
        """What the folder holds: documents, corpus, index, dataset, adapter, ..."""
        return self.manifest.kind

    @property
    def digest(self) -> str:
        """Identity of the content."""
        return self.manifest.digest

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures its stage reported."""
        return dict(self.manifest.facts.get("metrics", {}))

    def file(self, name: str) -> Path:
        """Path of one listed file."""
        if name not in {entry.path for entry in self.manifest.files}:
            raise IntegrityError(f"{self.path} holds no {name}")
        return self.path / name


@contextmanager
def writing(final: Path, kind: str, facts: dict[str, Any]) -> Iterator[Path]:
    """Yield a scratch folder that becomes `final` only if the block succeeds.

    Files are flushed to disk, the manifest is written last and the folder moved in one
    step: a crash leaves a complete artifact or a scratch folder nobody reads. `facts` may be
    filled in by the block.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    scratch = final.with_name(f"{SCRATCH_PREFIX}{final.name}-{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        sync_tree(scratch)
        write_durably(scratch / MANIFEST, Manifest.of(scratch, kind, facts).to_bytes())
        scratch.rename(final)
        sync_folder(final.parent)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def remove_leftovers(folder: Path) -> int:
    """Delete scratch folders whose process is gone; return how many."""
    removed = 0
    for path in folder.glob(f"{SCRATCH_PREFIX}*"):
        pid = path.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed


def sync_tree(root: Path) -> None:
    """Make every file and name below a folder durable."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        elif path.is_dir():
            sync_folder(path)
    sync_folder(root)


def finished(runs: Path) -> list[Artifact]:
    """Every complete artifact below a runs folder, newest first; damaged ones are named."""
    found = []
    for path in sorted(runs.glob(f"[!.]*/[!.]*/{MANIFEST}")):
        if path.parent.name.startswith("damaged-"):
            continue
        try:
            found.append(Artifact.open(path.parent))
        except IntegrityError as error:
            log.warning("%s %s", error, error.hint)
    return sorted(
        found, key=lambda a: (a.manifest.facts.get("made_at", ""), a.path), reverse=True
    )
