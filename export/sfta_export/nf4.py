"""Base weights as 4-bit training saw them: quantized to NF4 and back (arXiv 2305.14314).

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


@dataclass(frozen=True, slots=True)
class QuantizedBase:
    """Which weights of a base model training read in NF4, and how they were quantized."""

    weights: tuple[str, ...]
    """Names in the base model, sorted."""
    block_size: int
    """Values that share one scale."""
    double: bool
    """Whether the scales are quantized too."""

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
        """A weight after NF4 and back, in its own number format.

        These are bitsandbytes' own functions, so on one machine the bits are those that
        training computed with.
        """
        # It warns of a faster inference kernel that a hub would have.
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        from bitsandbytes.functional import dequantize_4bit, quantize_4bit

        packed, state = quantize_4bit(
            weight.contiguous(),
            blocksize=self.block_size,
            compress_statistics=self.double,
            quant_type="nf4",
        )
        return dequantize_4bit(packed, state).to(weight.dtype)
