"""Which number format a quantized file holds each tensor in, and how many bytes that takes.

The rules are those of llama.cpp's quantizer (src/llama-quant.cpp of the pinned source), told
again for models whose layers are all alike, so that the size of a file is known before there
is one. Rows that do not fit the blocks of a format are stored in a larger one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sfta_edge.errors import ConfigError

Role = Literal[
    "embedding", "output", "query", "key", "value", "qkv", "attention_output",
    "gate", "up", "down", "other", "vector",
]  # fmt: skip
"""What a tensor does in a model; `vector` has one dimension and is never quantized."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a model."""

    role: Role
    layer: int
    """From 0; -1 outside of the layers."""
    rows: int
    width: int
    """Numbers in a row."""

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return self.rows * self.width


BLOCKS = {
    "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2),
    "Q8_0": (32, 34), "Q5_1": (32, 24), "Q5_0": (32, 22), "Q4_1": (32, 20), "Q4_0": (32, 18),
    "IQ4_NL": (32, 18), "IQ4_XS": (256, 136),
    "Q6_K": (256, 210), "Q5_K": (256, 176), "Q4_K": (256, 144), "Q3_K": (256, 110),
    "Q2_K": (256, 84),
}  # fmt: skip
"""Weights of a block and bytes it takes (ggml/src/ggml-common.h)."""
_SMALLER_BLOCKS = {
    "IQ4_XS": "IQ4_NL", "Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}  # fmt: skip
_PLAIN = (
    "F32",
    "F16",
    "BF16",
    "Q8_0",
    "Q6_K",
    "Q5_1",
    "Q5_0",
    "Q4_1",
    "Q4_0",
    "IQ4_XS",
    "Q2_K",
)
_USUAL = {scheme: scheme for scheme in _PLAIN} | {
    "Q5_K_M": "Q5_K", "Q5_K_S": "Q5_K", "Q4_K_M": "Q4_K", "Q4_K_S": "Q4_K",
    "Q3_K_L": "Q3_K", "Q3_K_M": "Q3_K", "Q3_K_S": "Q3_K",
}  # fmt: skip
SCHEMES = tuple(_USUAL)
"""Schemes whose files can be foretold."""
_FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Quantizer:
    """One scheme applied to a model."""

    scheme: str
    layers: int
    grouped: int
    """Query heads that share a key: 1 without sharing."""
    tied: bool
    """One matrix is embedding and output."""
    importance: bool
    """Whether the file is made with an importance matrix; a few formats follow from it."""

    def __post_init__(self) -> None:
        if self.scheme not in _USUAL:
            raise ConfigError(
                f"no plan for the scheme {self.scheme!r}", hint=f"One of {', '.join(SCHEMES)}."
            )

    def format_of(self, tensor: Tensor) -> str:
        """The format that a tensor is stored in."""
        usual = _USUAL[self.scheme]
        if tensor.role == "vector":
            return "F32"
        if usual in _FLOATS:
            return usual
        return fitting(self._wanted(tensor, usual), tensor.width)

    def _wanted(self, tensor: Tensor, usual: str) -> str:
        """The format before rows are held against its blocks."""
        role = tensor.role
        if role == "output" or (role == "embedding" and self.tied):
            narrow = tensor.width % BLOCKS[usual][0]
            return "Q8_0" if narrow or usual == "Q8_0" else "Q6_K"
        if role in ("value", "qkv"):
            return self._value(tensor.layer, usual)
        if role == "down":
            return self._down(tensor.layer, usual)
        if role == "attention_output":
            return {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K"}.get(self.scheme, usual)
        return usual

    def _value(self, layer: int, usual: str) -> str:
        """Of values, which suffer most; here a fused matrix counts as one."""
        many = self.grouped >= 4
        scheme = self.scheme
        if scheme in ("Q4_K_M", "Q5_K_M"):
            return "Q6_K" if self._more_bits(layer) else usual
        changed = {
            "Q2_K": "Q4_K" if many else "Q3_K",
            "Q3_K_M": "Q5_K" if layer < 2 else "Q4_K",
            "Q3_K_L": "Q5_K",
            "IQ4_XS": "Q5_K" if many else usual,
            "Q4_K_S": "Q5_K" if layer < 4 else usual,
        }
        return changed.get(scheme, usual)

    def _down(self, layer: int, usual: str) -> str:
        first = layer < self.layers // 8
        if self.scheme in ("Q4_K_M", "Q5_K_M"):
            return "Q6_K" if self._more_bits(layer) else usual
        if self.importance and first and self.scheme in ("Q4_0", "Q5_0"):
            return {"Q4_0": "Q4_1", "Q5_0": "Q5_1"}[self.scheme]
        changed = {
            "Q2_K": "Q3_K",
            "Q3_K_M": "Q5_K" if layer < self.layers // 16 else "Q4_K",
            "Q3_K_L": "Q5_K",
            "Q4_K_S": "Q5_K" if first else usual,
            "IQ4_XS": "Q5_K" if first and not self.importance else usual,
        }
        return changed.get(self.scheme, usual)

    def _more_bits(self, layer: int) -> bool:
        eighth = self.layers // 8
        return layer < eighth or layer >= 7 * self.layers // 8 or (layer - eighth) % 3 == 2


def fitting(wanted: str, width: int) -> str:
    """The format itself if rows of this width fill its blocks, else the next that they fill."""
    if width % BLOCKS[wanted][0] == 0:
        return wanted
    smaller = _SMALLER_BLOCKS.get(wanted, wanted)
    return smaller if width % BLOCKS[smaller][0] == 0 else "F16"


def stored_bytes(tensor: Tensor, number_format: str) -> int:
    """Bytes of a tensor in a format, its scales included."""
    weights, size = BLOCKS[number_format]
    return tensor.rows * (tensor.width // weights) * size


def bits_per_weight(tensors: Sequence[Tensor], quantizer: Quantizer) -> float:
    """Over all tensors of a model."""
    total = sum(stored_bytes(t, quantizer.format_of(t)) for t in tensors)
    return total * 8 / sum(t.weights for t in tensors)
