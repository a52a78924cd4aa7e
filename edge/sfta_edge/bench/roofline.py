"""The most that a machine can do with a model: what measured speeds are held against.

Writing a token reads all weights and the memory of the text so far, so memory sets its limit;
reading a prompt computes many tokens with each weight that is read, so arithmetic does (Williams,
Waterman and Patterson, "Roofline", CACM 2009). Both limits are a little too high: the arithmetic
of attention and what is written back to memory are left out.
"""

from dataclasses import dataclass
from typing import Self

from sfta_edge.errors import ConfigError
from sfta_edge.model import Model
from sfta_edge.own_profile import weights_multiplied

_HALF = 2  # bytes of a number in the memory of past tokens
_KEYS_AND_VALUES = 2


@dataclass(frozen=True, slots=True)
class ModelWork:
    """What a model makes a machine do."""

    weight_bytes: int
    """Read for every new token."""
    memory_bytes: int
    """Read for every new token and every token before it; 0 for a model with a fixed state."""
    operations: int
    """Multiplications and additions for every token of a prompt."""

    @classmethod
    def of(cls, model: Model) -> Self:
        """Look at a model that is loaded.

        Windows of attention are taken for whole contexts, and layers for alike.
        """
        native, handle = model.native, model.handle
        in_prompt, in_answer = weights_multiplied(model)
        every = int(native.llama_model_n_params(handle))
        size = int(native.llama_model_size(handle))
        return cls(size * in_answer // every, _memory_bytes(model), 2 * in_prompt)


@dataclass(frozen=True, slots=True)
class Held:
    """A speed and the most that it could be."""

    measured: float
    """Tokens per second."""
    ceiling: float
    """Same."""

    @property
    def share(self) -> float:
        """Measured through ceiling."""
        return self.measured / self.ceiling


def decode_bytes(work: ModelWork, context_tokens: int) -> int:
    """Bytes that are read for one new token after so many."""
    return work.weight_bytes + context_tokens * work.memory_bytes


def decode_ceiling(work: ModelWork, bandwidth: float, context_tokens: int) -> float:
    """Most tokens per second that can be written.

    Args:
        work: of the model.
        bandwidth: bytes per second that are read from memory.
        context_tokens: in memory while it writes.

    Raises:
        ConfigError: a figure that cannot be.
    """
    needed = decode_bytes(work, context_tokens)
    if not bandwidth > 0 or context_tokens < 0 or needed <= 0:
        raise ConfigError(f"no limit for {needed} bytes a token at {bandwidth} bytes a second")
    return bandwidth / needed


def prefill_ceiling(work: ModelWork, operations_per_second: float) -> float:
    """Most tokens per second that can be read, whatever arithmetic the weights are in.

    Kernels that multiply small integers do more in a second than those of float numbers with
    which a machine's peak is measured: a share above 1 is theirs.

    Raises:
        ConfigError: a figure that cannot be.
    """
    if not operations_per_second > 0 or work.operations <= 0:
        raise ConfigError(
            f"no limit for {work.operations} operations at {operations_per_second} a second"
        )
    return operations_per_second / work.operations


def _memory_bytes(model: Model) -> int:
    """Bytes of keys and values of one token over all layers."""
    if model.is_recurrent:
        return 0
    native, handle = model.native, model.handle
    heads = int(native.llama_model_n_head(handle))
    if heads == 0:
        return 0
    architecture = model.metadata("general.architecture")
    stated = [
        model.metadata(f"{architecture}.attention.{name}_length") for name in ("key", "value")
    ]
    plain = model.dimension // heads
    lengths = [int(text) if text.isdigit() else plain for text in stated]
    layers, shared = (
        int(native.llama_model_n_layer(handle)),
        int(native.llama_model_n_head_kv(handle)),
    )
    return _HALF * layers * shared * sum(lengths)
