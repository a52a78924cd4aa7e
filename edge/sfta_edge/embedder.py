"""Texts to vectors, on the same llama.cpp as the language model.

Rules this module upholds:

- A text's vector depends on the text and the model alone: every text is computed by itself.
- Vectors have length one. A value that is no number is refused, never stored.
- A text longer than the model's context is cut, and counted.
- Several texts are computed side by side, each by one thread. Threads that share a text wait for
  each other at every layer, and spin while they wait: beside one busy process two of them were
  thirteen times slower than one.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from sfta_edge.context import Context, Entry, Floats, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import sha256_file
from sfta_edge.model import Model

_POOLINGS = {1: "mean", 2: "cls", 3: "last"}
_LONGEST = 2048  # tokens of one text; the work of attention grows with the square
_PREFIX_KEY = "sfta.embedder.prefix"


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """What must be the same where vectors are made and where they are searched."""

    name: str
    """What the model calls itself."""
    sha256: str
    """Of the file."""
    dimension: int
    pooling: str
    """How token vectors become one: mean, cls or last."""
    prefix: str = ""
    """Put before every text."""


class Embedder:
    """A GGUF encoder with pooling. Threads may share it; they wait for each other."""

    def __init__(self, model: Path, *, threads: int | None = None) -> None:
        """Load the model.

        Args:
            model: GGUF file.
            threads: Texts computed at once. Default: one per physical core.

        Raises:
            ConfigError: no such file, or a model that gives no pooled embeddings.
            IntegrityError: the file is damaged.
        """
        self.model = Model(model)
        self.context_tokens = min(self.model.trained_context, _LONGEST)
        """Tokens of a text that count, begin and end token included."""
        self._threads = threads or physical_cores()
        # An encoder attends to all tokens at once: a text has to fit into one batch.
        self._shape = Shape(self.context_tokens, self.context_tokens, 1, 1, pooled=True)
        self._context = Context(self.model, self._shape)
        self._others: list[Context] = []
        pooling = _POOLINGS.get(self._context.pooling)
        if pooling is None or not self.model.is_encoder:
            self.close()
            raise ConfigError(
                f"{model} gives no embeddings",
                hint="Give an encoder such as a BERT model with mean, cls or last pooling.",
            )
        self.identity = EmbedderIdentity(
            name=self.model.metadata("general.name") or model.stem,
            sha256=sha256_file(model)[0],
            dimension=self.model.dimension,
            pooling=pooling,
            prefix=self.model.metadata(_PREFIX_KEY),
        )
        self.truncated = 0
        """Texts cut so far because they were too long."""
        self._begin, self._end = self._frame()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors of length one, shape (texts, dimension).

        Raises:
            IntegrityError: the model computes values that are no numbers.
        """
        vectors = np.zeros((len(texts), self.identity.dimension), dtype=np.float32)
        ids = [self._ids(text) for text in texts]
        with self._lock:
            self.truncated += sum(cut for _, cut in ids)
            lanes = self._lanes(len(texts))

            def fill(lane: int) -> None:
                for row in range(lane, len(texts), len(lanes)):
                    vectors[row] = self._vector(lanes[lane], ids[row][0])

            if len(lanes) == 1:
                fill(0)
            else:
                with ThreadPoolExecutor(len(lanes)) as pool:
                    list(pool.map(fill, range(len(lanes))))
        return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens a text takes, begin and end token included; more than fit are cut."""
        return len(self._begin) + len(self._body(text)) + len(self._end)

    def close(self) -> None:
        """Free all memory."""
        for context in (self._context, *self._others):
            context.close()
        self.model.close()

    def _lanes(self, texts: int) -> list[Context]:
        """A context for each text that is computed at once; made when first needed."""
        count = max(1, min(self._threads, texts))
        while len(self._others) + 1 < count:
            self._others.append(Context(self.model, self._shape))
        return [self._context, *self._others[: count - 1]]

    def _ids(self, text: str) -> tuple[list[int], bool]:
        """Token ids of a text, and whether it was cut."""
        body = self._body(text)
        room = self.context_tokens - len(self._begin) - len(self._end)
        return [*self._begin, *body[:room], *self._end], len(body) > room

    def _vector(self, context: Context, ids: Sequence[int]) -> Floats:
        if not ids:
            raise ConfigError("an empty text cannot be embedded by this model")
        context.decode([Entry(token, i, wanted=True) for i, token in enumerate(ids)])
        vector = context.embedding(0)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise IntegrityError(
                f"{self.model.path.name} computes a vector without a direction",
                hint="The embedder file is damaged. Install the bundle again.",
            )
        return np.asarray(vector / np.float32(length), dtype=np.float32)

    def _body(self, text: str) -> list[int]:
        return self.model.tokenize(self.identity.prefix + text)

    def _frame(self) -> tuple[list[int], list[int]]:
        """The tokens that the model wants around every text."""
        native, vocabulary = self.model.native, self.model.vocabulary
        begin, end = native.llama_vocab_bos(vocabulary), native.llama_vocab_eos(vocabulary)
        return (
            [begin] if native.llama_vocab_get_add_bos(vocabulary) and begin >= 0 else [],
            [end] if native.llama_vocab_get_add_eos(vocabulary) and end >= 0 else [],
        )
