"""What the worker has loaded: the one place that chooses the engine."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, Self

from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.counters import EngineCounters
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.following import OnPlace
from sfta_edge.context import Floats
from sfta_edge.cores import physical_cores
from sfta_edge.embedder import Embedder, EmbedderIdentity
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits, Prompt, Scored
from sfta_edge.llama import variant
from sfta_edge.manifest import sha256_file
from sfta_edge.worker.kept_states import SentStates


class ServedEngine(Protocol):
    """An engine the worker can serve; several threads call it at once."""

    @property
    def name(self) -> str: ...
    @property
    def context_tokens(self) -> int: ...

    def tokenize(self, text: str, special: bool = False) -> list[int]: ...  # noqa: FBT001, FBT002 prompt.Tokenize

    def stream(
        self, prompt: Prompt, limits: Limits, *, on_place: OnPlace | None = None
    ) -> Generator[str, None, Generation]: ...

    def score(
        self,
        prompt: Prompt,
        options: Sequence[Sequence[int]],
        limits: Limits,
        *,
        on_place: OnPlace | None = None,
    ) -> Scored: ...

    def counters(self) -> EngineCounters: ...

    def close(self) -> None: ...


class ServedEmbedder(Protocol):
    """An embedder the worker can serve."""

    context_tokens: int

    @property
    def identity(self) -> EmbedderIdentity: ...

    def embed(self, texts: Sequence[str]) -> Floats: ...

    def count_tokens(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class WorkerFiles:
    """What is loaded, and how large."""

    model: Path
    embedder: Path | None = None
    context_tokens: int = 4096
    threads: int | None = None
    """Default: one per physical core."""
    parallel: int = 8
    """Requests computed at once."""
    waiting: int = 64
    """Requests that may wait for their turn; more are refused with `BusyError`."""
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """LoRA adapters by the name that `Limits.adapter` gives."""
    cache: Path | None = None
    """Folder for what is known after the system prefix; None: nothing outlives the worker."""
    model_sha256: str | None = None
    """Of the model's file, if it is known; only `cache` needs it, and reading takes seconds."""


@dataclass(frozen=True, slots=True)
class Models:
    """An engine and an embedder at work."""

    files: WorkerFiles
    engine: ServedEngine
    embedder: ServedEmbedder | None
    states: SentStates | None
    """Where the engine keeps what is known after the system prefix."""
    _resources: ExitStack = field(repr=False)
    _digests: dict[Path, str] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def load(cls, files: WorkerFiles) -> Self:
        """Load both.

        Raises:
            ConfigError, IntegrityError, SftaError: as `Engine` and `Embedder`.
        """
        with ExitStack() as stack:
            states = None if files.cache is None else SentStates(files.cache)
            engine = make_engine(files, states)
            stack.callback(engine.close)
            embedder = None
            if files.embedder is not None:
                embedder = stack.enter_context(Embedder(files.embedder, threads=files.threads))
            return cls(files, engine, embedder, states, stack.pop_all())

    def required_embedder(self) -> ServedEmbedder:
        """The embedder.

        Raises:
            ConfigError: none was loaded.
        """
        if self.embedder is None:
            raise ConfigError("this worker has no embedder", hint="Start it with --embedder.")
        return self.embedder

    def facts(self) -> dict[str, Any]:
        """What is loaded, without what takes long to find out."""
        identity = None if self.embedder is None else asdict(self.embedder.identity)
        return {
            "name": self.engine.name,
            "context_tokens": self.engine.context_tokens,
            "embedder": identity,
            "embedder_tokens": 0 if self.embedder is None else self.embedder.context_tokens,
            "threads": self.files.threads or physical_cores(),
            "variant": variant(),
        }

    def digest(self) -> str:
        """SHA-256 of the model file, read when it is first asked for."""
        with self._lock:
            path = self.files.model
            if path not in self._digests:
                self._digests[path] = sha256_file(path)[0]
            return self._digests[path]

    def stats(self) -> Mapping[str, Any]:
        """What the engine counts."""
        return asdict(self.engine.counters())

    def close(self) -> None:
        """Free both; waits for what is being computed."""
        self._resources.close()


def make_engine(files: WorkerFiles, states: SentStates | None) -> ServedEngine:
    """The engine that answers requests."""
    return BatchEngine(
        files.model,
        context_tokens=files.context_tokens,
        threads=files.threads,
        capacity=Capacity(files.parallel, files.waiting),
        adapters=files.adapters,
        cache=states,
        model_sha256=files.model_sha256,
    )
