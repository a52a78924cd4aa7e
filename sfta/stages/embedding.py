"""Passages to vectors, on any executor; a text that is as before is not embedded again."""

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sfta.core.cached_map import cached_map
from sfta.core.executor import executor_of
from sfta.core.progress import track
from sfta.core.record_cache import FOLDER, RecordCache, code_identity, record_key
from sfta.core.stage import Runtime
from sfta_edge.knowledge_format import Vectors

if TYPE_CHECKING:
    from sfta_edge.embedder import Embedder

_BATCH = 64  # what an interruption can cost
_CODE = ("sfta_edge.embedder", "sfta_edge.context", "sfta_edge.model", __name__)
_FLOATS = np.dtype("<f4")


def embed_all(
    texts: Sequence[str], model: Path, identity: str, runtime: Runtime
) -> tuple[Vectors, int]:
    """Vectors of all texts, (n, dimension), and how many texts were cut because of their length.

    Args:
        texts: as the embedder reads them, without its prefix.
        model: the embedder's GGUF file; every worker sees it under this path.
        identity: digest of the file.
        runtime: where, and the folder of vectors that are kept.
    """
    executor = executor_of(runtime)
    code = code_identity(_CODE, ("llama-cpp-python",))
    try:
        with RecordCache(runtime.cache / FOLDER / "vectors.sqlite") as cache:
            values = cached_map(
                partial(_embed, model, executor.threads),
                texts,
                lambda text: record_key(code, identity, text),
                cache=cache,
                executor=executor,
                batch=_BATCH,
                lasting=lambda value: bool(np.isfinite(_vector(value)).all()),
            )
            found = list(track(values, "embed chunks", len(texts)))
    finally:
        _HELD.close()
    return np.stack([_vector(value) for value in found]), sum(value[-1] for value in found)


def _vector(value: bytes) -> Vectors:
    return np.frombuffer(value[:-1], dtype=_FLOATS).astype(np.float32)


def _embed(model: Path, threads: int | None, texts: Sequence[str]) -> list[bytes]:
    """For each text its vector, and one byte that is 1 when the text was cut."""
    embedder = _HELD.embedder(model, threads)
    cut = [embedder.count_tokens(text) > embedder.context_tokens for text in texts]
    vectors = embedder.embed(texts).astype(_FLOATS)
    return [v.tobytes() + bytes([c]) for v, c in zip(vectors, cut, strict=True)]


class _Held:
    """The embedder of this process: loaded for its first batch, shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self._made_of: tuple[Path, int | None] | None = None

    def embedder(self, model: Path, threads: int | None) -> "Embedder":
        """The embedder of this file; another one is closed."""
        # Loaded here: `sfta --help` must not wait for llama.cpp.
        from sfta_edge.embedder import Embedder

        with self._lock:
            if self._embedder is None or self._made_of != (model, threads):
                self._close()
                self._embedder = Embedder(model, threads=threads)
                self._made_of = (model, threads)
            return self._embedder

    def close(self) -> None:
        """Free its memory."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._embedder is not None:
            self._embedder.close()
        self._embedder = self._made_of = None


_HELD = _Held()
