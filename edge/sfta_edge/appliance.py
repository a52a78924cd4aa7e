"""A bundle at work: its files checked, its model, embedder and knowledge opened."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sfta_edge.answer import Answerer
from sfta_edge.bundle import KIND
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import Manifest, verify_files
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.retriever import Retriever
from sfta_edge.settings import AnswerSettings

KNOWLEDGE = "knowledge/knowledge.sqlite"
CONTEXT_TOKENS = 4096
"""Of a bundle that does not say how many."""


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """Which bundle answers."""

    name: str
    counter: int
    """Version: newer bundles have a higher one."""
    digest: str
    """Identity of the bundle's files."""

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Read it from a manifest.

        Raises:
            IntegrityError: this is no bundle, or it has no name and counter.
        """
        name, counter = manifest.facts.get("name"), manifest.facts.get("counter")
        if manifest.kind != KIND or not isinstance(name, str) or not isinstance(counter, int):
            raise IntegrityError("this folder is no bundle: it has no usable name and counter")
        return cls(name, counter, manifest.digest)

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API."""
        return {"name": self.name, "counter": self.counter, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """Where the parts of a bundle lie."""

    model: Path
    embedder: Path
    knowledge: Path
    prompt: Path

    @classmethod
    def of(cls, root: Path, manifest: Manifest) -> Self:
        """Find them in the manifest.

        Raises:
            IntegrityError: a part is missing or there are two of a kind.
        """
        listed = [entry.path for entry in manifest.files]
        return cls(
            root / _only(listed, "model/", ".gguf"),
            root / _only(listed, "embedder/", ".gguf"),
            root / _only(listed, KNOWLEDGE, ""),
            root / _only(listed, PROMPT_FILE, ""),
        )


@dataclass(frozen=True, slots=True)
class Appliance:
    """Everything one bundle needs to answer; `close` frees it."""

    info: BundleInfo
    answerer: Answerer
    engine: Engine
    embedder: Embedder
    retriever: Retriever
    _resources: ExitStack = field(repr=False)

    @classmethod
    def open(cls, root: Path, *, threads: int | None = None, own: Path | None = None) -> Self:
        """Check every file of the folder against its manifest, then load.

        `own` is the knowledge file of the device itself; it is searched as well if it is there.

        The signature is checked where the bundle is installed; here a file that has changed
        since then is found: damaged weights would load and answer nonsense.

        Raises:
            IntegrityError: a file is missing, changed or not listed, or parts do not fit.
            ConfigError: the settings are of another version.
            SftaError: not enough memory.
        """
        manifest = Manifest.read(root)
        info = BundleInfo.of(manifest)
        files = BundleFiles.of(root, manifest)
        verify_files(root, manifest)
        settings = AnswerSettings.from_facts(manifest.facts.get("answer", {}))
        contract = PromptContract.read(files.prompt)
        with ExitStack() as stack:
            embedder = stack.enter_context(Embedder(files.embedder, threads=threads))
            retriever = stack.enter_context(
                Retriever(
                    [files.knowledge, *([own] if own is not None and own.exists() else [])],
                    embedder,
                    candidates=settings.candidates,
                )
            )
            context_tokens = settings.context_tokens or CONTEXT_TOKENS
            engine = stack.enter_context(
                Engine(files.model, context_tokens=context_tokens, threads=threads)
            )
            answerer = Answerer(engine, retriever, contract, settings)
            return cls(info, answerer, engine, embedder, retriever, stack.pop_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free model, embedder and knowledge."""
        self._resources.close()


def _only(paths: Sequence[str], start: str, end: str) -> str:
    found = [path for path in paths if path.startswith(start) and path.endswith(end)]
    if len(found) != 1:
        what = f"{start}*{end}" if end else start
        raise IntegrityError(f"the bundle has {len(found)} files {what} instead of one")
    return found[0]
