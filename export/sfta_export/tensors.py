"""Writing a safetensors file tensor by tensor, so that no model has to fit in memory.

Format: https://github.com/huggingface/safetensors, eight bytes of header length, a JSON
header, then the tensors' bytes in header order.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError

_ALIGNMENT = 8
FLOATS = {"BF16": 2, "F16": 2, "F32": 4}
"""Number formats of unquantized weights, with bytes per value."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a file."""

    name: str
    dtype: str
    """As safetensors spells it: BF16, F16, F32."""
    shape: tuple[int, ...]
    file: Path

    @property
    def size(self) -> int:
        """Bytes."""
        count = 1
        for length in self.shape:
            count *= length
        return count * FLOATS[self.dtype]


def list_tensors(folder: Path) -> dict[str, TensorInfo]:
    """Every tensor of a model folder by name, without reading weights.

    Raises:
        ConfigError: no or unreadable safetensors, a repeated name, or weights that are no
            16 or 32 bit numbers.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, TensorInfo] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 not a dict
                    part = tensors.get_slice(name)
                    info = TensorInfo(name, part.get_dtype(), tuple(part.get_shape()), path)
                    _check(info, found)
                    found[name] = info
        except SafetensorError as error:
            raise ConfigError(
                f"{path} is not readable: {error}", hint="Copy it again."
            ) from error
    if not found:
        raise ConfigError(f"{folder} holds no safetensors")
    return found


def write_tensors(
    path: Path,
    infos: Iterable[TensorInfo],
    read: Callable[[str], Any],
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write one file, in the order of names.

    Args:
        path: The file.
        infos: What to write; their `file` is not looked at.
        read: Gives the torch tensor of a name; one is alive at a time.
        facts: Metadata of the file.
    """
    ordered = sorted(infos, key=lambda info: info.name)
    header: dict[str, Any] = {"__metadata__": {"format": "pt", **(facts or {})}}
    at = 0
    for info in ordered:
        header[info.name] = {
            "dtype": info.dtype,
            "shape": list(info.shape),
            "data_offsets": [at, at + info.size],
        }
        at += info.size
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % _ALIGNMENT)
    with path.open("wb") as stream:
        stream.write(len(raw).to_bytes(8, "little"))
        stream.write(raw)
        for info in ordered:
            stream.write(_bytes_of(read(info.name)))


def read_tensor(info: TensorInfo) -> Any:
    """One tensor. Its file is closed again: what is mapped counts as this process's memory."""
    from safetensors import safe_open

    with safe_open(info.file, framework="pt") as tensors:
        return tensors.get_tensor(info.name)


def same_values(one: TensorInfo, two: TensorInfo) -> bool:
    """Whether two tensors hold the same numbers."""
    import torch

    return one.shape == two.shape and torch.equal(read_tensor(one), read_tensor(two))


def _bytes_of(tensor: Any) -> memoryview:
    import torch

    flat = tensor.detach().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())


def _check(info: TensorInfo, found: dict[str, TensorInfo]) -> None:
    if info.name in found:
        raise ConfigError(
            f"{info.file.name} and {found[info.name].file.name} both hold {info.name}"
        )
    if info.dtype not in FLOATS:
        raise ConfigError(
            f"{info.file.name} holds {info.name} as {info.dtype}",
            hint="Give the unquantized model in 16 or 32 bits.",
        )
