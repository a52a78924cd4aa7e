"""Vectors of texts that were embedded lately.

Every question compares itself with all sentences of its chunks, and the same chunks come back with
the next question. A text's vector depends on the text alone (see `embedder`), so keeping it
changes no answer.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sfta_edge.knowledge_format import Identity, Vectors

MOST_BYTES = 8 << 20
"""Five thousand vectors of 384 numbers: some hundred chunks."""


class TextEmbedder(Protocol):
    """Turns texts into normalised vectors, each text by itself."""

    @property
    def identity(self) -> Identity: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class KeptVectors:
    """An embedder that remembers; what was not used for the longest time goes first.

    Threads may share it. Where two ask for the same new text at once, both have it computed.
    """

    def __init__(self, embedder: TextEmbedder, most_bytes: int = MOST_BYTES) -> None:
        self._embedder = embedder
        self._most = max(1, most_bytes // (4 * max(1, embedder.identity.dimension)))
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def identity(self) -> Identity:
        """Of the embedder."""
        return self._embedder.identity

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length one, shape (texts, dimension); raises as the embedder."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        if new := [text for text in dict.fromkeys(texts) if text not in found]:
            found.update(zip(new, self._embedder.embed(new), strict=True))
        with self._lock:
            for text in dict.fromkeys(texts):
                self._kept[text] = found[text]
                self._kept.move_to_end(text)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if not texts:
            return np.zeros((0, self.identity.dimension), dtype=np.float32)
        return np.stack([found[text] for text in texts])
