"""What decides how fast a device computes: memory, bandwidth, cores, and its instruction set.

How many operations a core does per cycle depends on the kernels that llama.cpp has for an
instruction set and for a number format. `KERNELS` holds what those kernels sustain, not what a
data sheet promises; a multiplication with its addition counts as two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from sfta_edge.errors import ConfigError

Kernel = Literal["float", "Q8_0", "Q5_0", "Q4_1", "Q4_0", "K", "attention", "vector"]
"""What is computed in one way: prompts with weights in 16 and 32 bits; in Q8_0; in Q5_0; in Q4_1
and Q5_1; in Q4_0 and IQ4_NL, which are repacked; in super-blocks (K and IQ4_XS); prompts with keys
and values in 16 bits; and one token with weights of any format."""
_OF_FORMAT: dict[str, Kernel] = {
    "F32": "float", "F16": "float", "BF16": "float", "Q8_0": "Q8_0", "Q5_0": "Q5_0",
    "Q4_0": "Q4_0", "IQ4_NL": "Q4_0", "Q4_1": "Q4_1", "Q5_1": "Q4_1",
}  # fmt: skip


def _kernels(*values: float) -> dict[Kernel, float]:
    return dict(zip(get_args(Kernel), values, strict=True))


_X64, _SSE42 = (
    _kernels(0.7, 4, 1.3, 1.3, 1.8, 1.3, 1, 2.2),
    _kernels(1, 4, 0.8, 0.8, 8, 3, 1, 3),
)
_AVX, _AVX2 = _kernels(14, 13, 8, 9, 12, 16, 5, 6), _kernels(30, 26, 17, 14, 28, 32, 12, 10)
_AVX512 = _kernels(29, 28, 24, 14, 32, 36, 13, 10)
_VNNI = _kernels(28, 35, 27, 14, 43, 50, 14, 11)
_DOTPROD, _I8MM = _kernels(8, 9, 5, 4, 11, 7, 4, 4), _kernels(10, 14, 8, 6, 18, 14, 6, 6)
KERNELS: dict[str, dict[Kernel, float]] = {
    # haswell, skylakex, icelake, zen4, ivybridge and sse42 were measured on one core of Zen 4, see
    # docs/how-to/choose-a-device.md; the others are taken to be like the nearest of them. A core
    # that is narrower than that one needs `kernels` of its own.
    **dict.fromkeys(("haswell", "alderlake"), _AVX2),
    **dict.fromkeys(("skylakex", "cannonlake"), _AVX512),
    **dict.fromkeys(("cascadelake", "icelake", "cooperlake", "zen4", "sapphirerapids"), _VNNI),
    **dict.fromkeys(("sandybridge", "ivybridge", "piledriver"), _AVX),
    "sse42": _SSE42,
    "x64": _X64,
    # From what others have measured: TinyLlama in Q8_0 on a Raspberry Pi 4 (10 tok/s) and 5 (45),
    # Llama 2 7B in Q4_0 on a Pi 5 (8.1), TinyLlama in Q4_K_M on twelve cores with I8MM (194).
    # The formats they did not measure are assumed in proportion.
    "armv8.0_1": _kernels(1, 2.7, 2, 2, 3, 2.5, 1, 2),
    "armv8.2_1": _DOTPROD | {"float": 4},
    **dict.fromkeys(("armv8.2_2", "armv8.2_3"), _DOTPROD),
    **dict.fromkeys(("armv8.6_1", "armv8.6_2", "armv9.2_1", "armv9.2_2"), _I8MM),
}
"""Operations per cycle and core by CPU backend of llama.cpp and what is computed."""


@dataclass(frozen=True, slots=True)
class Device:
    """One kind of machine."""

    name: str
    memory: int
    """Bytes."""
    reserved: int
    """Bytes of them that the system and other programs keep."""
    bandwidth: float
    """Bytes per second that all cores together read from memory, sustained."""
    cores: int
    """Physical ones."""
    clock: float
    """Cycles per second of a core under load."""
    instruction_set: str
    """The CPU backend of llama.cpp that runs there: a key of `KERNELS`."""
    kernels: Mapping[Kernel, float] = field(default_factory=dict)
    """Operations per cycle and core where they are known of this device itself."""

    def __post_init__(self) -> None:
        known = KERNELS.get(self.instruction_set)
        if known is None:
            raise ConfigError(
                f"{self.name}: unknown instruction set {self.instruction_set!r}",
                hint=f"One of {', '.join(KERNELS)}; sfta-edge doctor says which.",
            )
        if self.reserved >= self.memory:
            raise ConfigError(f"{self.name}: the system keeps all of the memory")

    @property
    def free(self) -> int:
        """Bytes left for a model and its runtime."""
        return self.memory - self.reserved

    def operations(self, kernel: Kernel) -> float:
        """Operations per second of all cores."""
        known = KERNELS[self.instruction_set] | dict(self.kernels)
        return known[kernel] * self.cores * self.clock


def kernel_of(number_format: str) -> Kernel:
    """The kind of kernel that computes a number format."""
    return _OF_FORMAT.get(number_format, "K")
