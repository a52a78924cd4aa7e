"""The state of one model at work: memory of past tokens, batch, logits.

Every call into llama.cpp that computes goes through `Context`, so errors and the shapes of
arrays are handled once.
"""

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.llama import first_error
from sfta_edge.model import Model
from sfta_edge.thread_pool import ThreadPool

Floats = NDArray[np.float32]
_ABORTED = 2  # what llama_decode returns when its abort callback said so


class AbortedError(SftaError):
    """A computation was stopped from outside; nothing of its tokens is in memory."""


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
        self._pool = ThreadPool(shape.threads) if shape.threads > 1 else None
        self._free = weakref.finalize(
            self, _free, self._native, self._batch, self._handle, self._pool
        )
        self._threads = 0
        self.use_threads(shape.threads)

    def decode(self, entries: Sequence[Entry]) -> None:
        """Compute at most `shape.batch` tokens.

        Raises:
            AbortedError: `abort_when` said so.
            SftaError: llama.cpp refused or failed.
        """
        handle = self.handle
        self._fill(entries)
        compute = self._native.llama_encode if self.shape.pooled else self._native.llama_decode
        code = compute(handle, self._batch)
        if code == _ABORTED:
            first_error()
            raise AbortedError(f"stopped while computing {len(entries)} tokens")
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
        row = self.biased(index, bias)
        self.require_numbers(row)
        return int(np.argmax(row))

    def biased(self, index: int, bias: Mapping[int, float] | None = None) -> Floats:
        """Logits after the entry `index`, with something added to some; without, a view."""
        row = self.logits(index)
        if bias:
            row = row.copy()
            for token, value in bias.items():
                row[token] += value
        return row

    def require_numbers(self, row: Floats) -> None:
        """Refuse logits that are none.

        Raises:
            IntegrityError: the best of them is no number, so the weights are damaged.
        """
        if not np.isfinite(row[np.argmax(row)]):
            raise IntegrityError(
                f"{self.model.path.name} computes values that are no numbers",
                hint="The model file is damaged. Install the bundle again.",
            )

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

    def continue_as(self, sequence: int, source: int = 0, end: int = -1) -> None:
        """Let another sequence hold what `source` holds, up to `end`; nothing is copied."""
        memory = self._native.llama_get_memory(self.handle)
        self._native.llama_memory_seq_cp(memory, source, sequence, -1, end)

    def length(self, sequence: int) -> int:
        """Tokens that a sequence holds."""
        memory = self._native.llama_get_memory(self.handle)
        return int(self._native.llama_memory_seq_pos_max(memory, sequence)) + 1

    def state(self, sequence: int) -> bytes:
        """What is known of a sequence's tokens, for `restore` on this build and processor."""
        size = self._native.llama_state_seq_get_size(self.handle, sequence)
        buffer = (ctypes.c_uint8 * size)()
        count = self._native.llama_state_seq_get_data(self.handle, buffer, size, sequence)
        return bytes(buffer)[:count]

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put a state back into a sequence; False, and an empty sequence, if it does not fit."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        read = self._native.llama_state_seq_set_data(self.handle, buffer, len(state), sequence)
        if read != len(state):
            first_error()
            self.forget(0, sequence)
        return bool(read == len(state))

    def use_threads(self, count: int) -> None:
        """How many threads share the next computations, `shape.threads` at most."""
        if count == self._threads:
            return
        self._threads = count
        self._native.llama_set_n_threads(self.handle, count, count)
        if self._pool is None:
            return
        # One thread alone would wake the others for nothing.
        if count > 1:
            self._pool.attach(self.handle)
        else:
            self._pool.detach(self.handle)

    def use_adapter(self, adapter: Any) -> None:
        """Compute with an adapter of `Model.load_adapter`, or with the model alone (None)."""
        if adapter is None:
            self._native.llama_set_adapters_lora(self.handle, None, 0, None)
            return
        adapters = (self._native.llama_adapter_lora_p_ctypes * 1)(adapter)
        self._native.llama_set_adapters_lora(self.handle, adapters, 1, (ctypes.c_float * 1)(1))

    def abort_when(self, asked: Any, data: Any) -> None:
        """Ask ``asked(data)`` after every operation; true stops it with `AbortedError`.

        Args:
            asked: native function. A Python function would wait for the interpreter at every
                operation, a thousand times a token.
            data: its argument. Both have to live as long as the context.
        """
        callback = ctypes.cast(asked, self._native.ggml_abort_callback)
        self._native.llama_set_abort_callback(self.handle, callback, data)

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


def _free(native: Any, batch: Any, handle: Any, pool: ThreadPool | None) -> None:
    native.llama_batch_free(batch)
    native.llama_free(handle)
    if pool is not None:
        pool.close()
