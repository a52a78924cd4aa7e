"""Names of weights in a GGUF file, asked of the converter's own tables.

Runs as a program (``python -m sfta_export.tensor_names FILE``) with the converter's gguf-py first
on the path: a JSON list of names as Hugging Face has them comes in, and what they are called in
the file goes out, with the row length of each matrix of the file.
"""

import json
import sys
from typing import Any


def main(path: str) -> int:
    """Answer on stdout."""
    import gguf

    reader = gguf.GGUFReader(path)
    architecture = str(_value(reader, "general.architecture"))
    blocks = int(_value(reader, f"{architecture}.block_count"))
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    table = gguf.get_tensor_name_map(kinds[architecture], blocks)
    found = {}
    for name in json.load(sys.stdin):
        known = table.get_name(name, try_suffixes=(".weight",))
        if known is not None:
            found[name] = known
    rows = {str(t.name): int(t.shape[0]) for t in reader.tensors if len(t.shape) > 1}
    json.dump({"names": found, "rows": rows}, sys.stdout, sort_keys=True)
    return 0


def _value(reader: Any, key: str) -> Any:
    return reader.fields[key].contents()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
