"""A GGUF file in parts: for media and file systems with a largest file, and for slow copies.

llama.cpp loads the first part and finds the others beside it. The parts are written by the
converter's own gguf-py in a program of its own (``python -m sfta_export.splitting``).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError
from sfta_export import toolchain
from sfta_export.content import finished_folder
from sfta_export.gguf_program import run_gguf_program

_MEGABYTE = 1_000_000
_OWN_KEYS = ("general.architecture", "split.no", "split.count", "split.tensors.count")


def split_gguf(
    path: Path, out: Path, megabytes: int, cache: Path = toolchain.DEFAULT_CACHE
) -> list[Path]:
    """Write a file in parts into the folder `out`; return them in order.

    A part is larger than `megabytes` only if a single tensor is. Same inputs, same bytes.

    Args:
        path: The file.
        out: Folder to make.
        megabytes: Most that a part holds, in millions of bytes; its header comes on top.
        cache: Where the tools are.

    Raises:
        ConfigError: less than a megabyte is asked for, or the folder exists.
        MissingDependencyError: the tools were not built.
        ToolError: the file cannot be read, or the disk is full.
    """
    if megabytes < 1:
        raise ConfigError(f"a part of {megabytes} MB holds nothing")
    if out.exists():
        raise ConfigError(f"{out} exists", hint="Name a folder that is not there yet.")
    with finished_folder(out) as scratch:
        arguments = [str(path), str(scratch / path.name), str(megabytes)]
        run_gguf_program(__name__, arguments, cache, task=f"splitting {path.name}")
    return sorted(out.glob("*.gguf"))


def _split_here(path: Path, target: Path, size: int) -> None:
    import gguf

    reader = gguf.GGUFReader(path)
    architecture = str(reader.fields["general.architecture"].contents())
    writer = gguf.GGUFWriter(target, architecture, split_max_size=size)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in _OWN_KEYS:
            _copy(gguf, writer, field)
    for tensor in reader.tensors:
        writer.add_tensor_info(
            tensor.name,
            tensor.data.shape,
            tensor.data.dtype,
            tensor.data.nbytes,
            tensor.tensor_type,
        )
    writer.write_header_to_file(target)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        writer.write_tensor_data(tensor.data)
    writer.close()


def _copy(gguf: Any, writer: Any, field: Any) -> None:
    kind = field.types[0]
    inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
    writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("megabytes", type=int)
    options = parser.parse_args()
    _split_here(options.path, options.target, options.megabytes * _MEGABYTE)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
