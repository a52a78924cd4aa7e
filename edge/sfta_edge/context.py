"""The state of one model at work: memory of past tokens, batch, logits.

Every call into llama.cpp that computes goes through `Context`, so errors and the shapes of
arrays are handled once.
"""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.llama import first_error
from sfta_edge.model import Model

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a context is."""

    tokens: int
    """Tokens that fit, over all sequences."""
    batch: int
    """Tokens computed at once."""
    sequences: int = 1
    threads: int = 1
    pooled: bool = False
    """Gives one embedding per sequence instead of logits."""
    outputs: int = 1
    """Rows of logits that one batch may give; there is always one for each sequence."""
    unified: bool = False
    """Sequences share the room and what they have in common, instead of a part for each."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One token to compute."""

    token: int
    position: int
    sequence: int = 0
    wanted: bool = False
    """Whether its logits will be read."""
    shared: tuple[int, ...] = ()
    """Further sequences that it belongs to."""


class Context:
    """Memory and batch of one model. Not safe for two threads at once."""

    def __init__(self, model: Model, shape: Shape) -> None:
        """Allocate.

        Raises:
            SftaError: the memory for this shape cannot be had.
        """
        self.model, self.shape = model, shape
        self._native: Any = model.native
        first_error()
        self._handle = self._native.llama_init_from_model(model.handle, self._params())
        if not self._handle:
            raise SftaError(
                f"no room for a context of {shape.tokens} tokens: "
                f"{first_error() or 'llama.cpp gave no reason'}",
                hint="Ask for fewer context tokens, or free memory on the device.",
            )
        self._batch = self._native.llama_batch_init(shape.batch, 0, shape.sequences)
        self._free = weakref.finalize(self, _free, self._native, self._batch, self._handle)

    def decode(self, entries: Sequence[Entry]) -> None:
        """Compute at most `shape.batch` tokens.

        Raises:
            SftaError: llama.cpp refused or failed.
        """
        handle = self.handle
        self._fill(entries)
        compute = self._native.llama_encode if self.shape.pooled else self._native.llama_decode
        code = compute(handle, self._batch)
        if code:
            raise SftaError(
                f"llama.cpp could not compute {len(entries)} tokens (code {code}): "
                f"{first_error() or 'it gave no reason'}"
            )

    def logits(self, index: int) -> Floats:
        """Logits after the entry `index` of the last batch; a view that the next batch reuses."""
        pointer = self._native.llama_get_logits_ith(self.handle, index)
        if not pointer:
            raise SftaError(f"llama.cpp gave no logits for entry {index}")
        return np.ctypeslib.as_array(pointer, (self.model.token_count,))

    def best(self, index: int, bias: Mapping[int, float] | None = None) -> int:
        """The most probable token after the entry `index`.

        Raises:
            IntegrityError: the logits are no numbers, so the weights are damaged.
        """
        row = self.logits(index)
        if bias:
            row = row.copy()
            for token, value in bias.items():
                row[token] += value
        token = int(np.argmax(row))
        if not np.isfinite(row[token]):
            raise IntegrityError(
                f"{self.model.path.name} computes values that are no numbers",
                hint="The model file is damaged. Install the bundle again.",
            )
        return token

    def embedding(self, sequence: int) -> Floats:
        """Pooled embedding of a sequence of the last batch; a copy."""
        pointer = self._native.llama_get_embeddings_seq(self.handle, sequence)
        if not pointer:
            raise IntegrityError(f"{self.model.path.name} gives no pooled embedding")
        return np.ctypeslib.as_array(pointer, (self.model.dimension,)).copy()

    def forget(self, position: int, sequence: int = 0) -> bool:
        """Drop a sequence's tokens from `position` on; False if the model cannot (recurrent)."""
        memory = self._native.llama_get_memory(self.handle)
        return bool(self._native.llama_memory_seq_rm(memory, sequence, position, -1))

    def continue_as(self, sequence: int) -> None:
        """Let another sequence hold all that the first one holds; nothing is copied."""
        memory = self._native.llama_get_memory(self.handle)
        self._native.llama_memory_seq_cp(memory, 0, sequence, -1, -1)

    @property
    def pooling(self) -> int:
        """llama.cpp's number of the pooling in effect: 0 none, 1 mean, 2 cls, 3 last, 4 rank."""
        return int(self._native.llama_pooling_type(self.handle))

    @property
    def handle(self) -> Any:
        """Address of the native context; refused after `close`."""
        if not self._free.alive:
            raise ConfigError(f"{self.model.path.name} has been closed")
        return self._handle

    def close(self) -> None:
        """Free the memory."""
        self._free()

    def _params(self) -> Any:
        shape = self.shape
        params = self._native.llama_context_default_params()
        params.n_ctx = shape.tokens
        params.n_batch = params.n_ubatch = shape.batch
        params.n_seq_max = shape.sequences
        # By default room for one row of logits per token is taken.
        rows = max(shape.sequences, shape.outputs)
        params.n_outputs_max = shape.batch if shape.pooled else rows
        params.n_threads = params.n_threads_batch = shape.threads
        params.embeddings = shape.pooled
        params.kv_unified = shape.pooled or shape.unified
        params.no_perf = True
        return params

    def _fill(self, entries: Sequence[Entry]) -> None:
        if not 0 < len(entries) <= self.shape.batch:
            raise ConfigError(
                f"a batch holds 1 to {self.shape.batch} tokens, not {len(entries)}"
            )
        batch = self._batch
        batch.n_tokens = len(entries)
        for index, entry in enumerate(entries):
            if not 0 <= entry.token < self.model.token_count:
                raise ConfigError(
                    f"token {entry.token} is not in the vocabulary of {self.model.token_count}"
                )
            batch.token[index] = entry.token
            batch.pos[index] = entry.position
            sequences = (entry.sequence, *entry.shared)
            batch.n_seq_id[index] = len(sequences)
            for place, sequence in enumerate(sequences):
                batch.seq_id[index][place] = sequence
            batch.logits[index] = entry.wanted


def _free(native: Any, batch: Any, handle: Any) -> None:
    native.llama_batch_free(batch)
    native.llama_free(handle)
