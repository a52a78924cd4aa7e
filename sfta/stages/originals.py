"""The documents themselves in the bundle: a device draws the pages that it quotes from them."""

import logging
import shutil
from pathlib import Path

from sfta.adapters.storage import fetch, list_sources
from sfta.core.stage import Job
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError
from sfta_edge.knowledge import open_knowledge
from sfta_edge.manifest import sha256_file

FOLDER = "documents"
_DRAWN = "application/pdf"
_MEGABYTE = 1 << 20
log = logging.getLogger("sfta")


def copy_originals(job: Job[Recipe], knowledge: Path, root: Path) -> int:
    """Put every PDF of the knowledge file below `root`, as ``documents/SHA256.pdf``.

    Only files whose pages a device can draw go along. One that came inside another, such as an
    attachment, does not: it is counted, and the device shows its text instead.

    Returns:
        How many were put there.

    Raises:
        ConfigError: a document has changed since it was read, or is gone.
    """
    wanted, folder = _documents(knowledge), root / FOLDER
    config, most_bytes = job.recipe.ingest, job.recipe.ingest.limits.file_mb * _MEGABYTE
    sources = list_sources(config.sources, job.recipe.root, exclude=config.exclude)
    named = [s for s in sources if s.name in set(wanted.values()) and not s.refused]
    copied = 0
    for source in named:
        path = fetch(source, job.runtime.cache, most_bytes)
        digest = sha256_file(path)[0]
        if digest in wanted:
            folder.mkdir(exist_ok=True)
            shutil.copyfile(path, folder / f"{digest}.pdf")
            del wanted[digest]
            copied += 1
    _require_unchanged(wanted, {source.name for source in named})
    if wanted:
        log.info("bundle: %d documents came inside others; their pages are text", len(wanted))
    return copied


def _documents(knowledge: Path) -> dict[str, str]:
    """Names of the PDFs by their digest."""
    opened = open_knowledge(knowledge)
    try:
        found = opened.connection.execute(
            "SELECT sha256, name FROM documents WHERE media_type = ?", (_DRAWN,)
        )
        return dict(list(found))
    finally:
        opened.close()


def _require_unchanged(missing: dict[str, str], names: set[str]) -> None:
    """A file that is there under the name of a document has to be that document."""
    changed = sorted(name for name in missing.values() if name in names)
    if changed:
        raise ConfigError(
            f"{changed[0]} has changed since it was read",
            hint="Run again from ingest, or set bundle.originals to false.",
        )
