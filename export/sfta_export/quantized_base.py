"""Base weights as training on a quantized base saw them: quantized and back.

NF4 is that of arXiv 2305.14314, int8 that of arXiv 2208.07339.

An adapter trained on a quantized base has learnt to correct its rounding. On the weights that
were never rounded the same adapter corrects an error that is not there.
"""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import canonical_json, write_durably

QUANTIZATION_FILE = "quantization.json"
SCHEMES = ("nf4", "int8")


@dataclass(frozen=True, slots=True)
class QuantizedBase:
    """Which weights of a base model training read in 4 or 8 bits, and how they were quantized."""

    weights: tuple[str, ...]
    """Names in the base model, sorted."""
    block_size: int
    """Values that share one scale; 0: each row has one (int8)."""
    double: bool
    """Whether the scales are quantized too."""
    scheme: str = "nf4"
    """`nf4` or `int8`."""

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"{self.scheme!r} is no scheme: {', '.join(SCHEMES)}")

    def write(self, adapter_dir: Path) -> None:
        """Keep the facts beside the adapter they belong to."""
        write_durably(adapter_dir / QUANTIZATION_FILE, canonical_json(asdict(self)))

    @classmethod
    def read(cls, adapter_dir: Path) -> Self | None:
        """The facts beside an adapter; None if it was trained on an unquantized base.

        Raises:
            IntegrityError: the file is not readable.
        """
        path = adapter_dir / QUANTIZATION_FILE
        if not path.exists():
            return None
        try:
            data = json.loads(path.read_bytes())
            names = tuple(str(name) for name in data.pop("weights"))
            return cls(weights=names, **data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{path} is not readable: {error}") from error

    def as_trained(self, weight: Any) -> Any:
        """A weight after quantization and back, in its own number format.

        These are bitsandbytes' own functions, so on one machine the bits are those that
        training computed with.
        """
        # It warns of a faster inference kernel that a hub would have.
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        from bitsandbytes.functional import (
            dequantize_4bit,
            int8_vectorwise_dequant,
            int8_vectorwise_quant,
            quantize_4bit,
        )

        if self.scheme == "int8":
            # Training quantizes a weight in half precision, whatever its own.
            rows, scales, _ = int8_vectorwise_quant(weight.contiguous().half())
            return int8_vectorwise_dequant(rows, scales).to(weight.dtype)
        packed, state = quantize_4bit(
            weight.contiguous(),
            blocksize=self.block_size,
            compress_statistics=self.double,
            quant_type="nf4",
        )
        return dequantize_4bit(packed, state).to(weight.dtype)
