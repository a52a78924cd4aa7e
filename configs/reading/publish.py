"""An adapter as it lies in the tree: weights in bfloat16, and what is needed to go on from them.

    python configs/reading/publish.py runs/train/0123456789abcdef configs/reading/adapter

Prints the digest that the card beside it names.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from sfta_edge.manifest import sha256_file, write_durably

WEIGHTS = "adapter_model.safetensors"
BESIDE = ("adapter_config.json", "quantization.json")


def publish(made: Path, out: Path) -> str:
    """Write the adapter; the digest of its weights. The same adapter gives the same bytes."""
    tensors = sorted(load_file(made / WEIGHTS).items())
    rounded = {name: value.to(torch.bfloat16).contiguous() for name, value in tensors}
    out.mkdir(parents=True, exist_ok=True)
    write_durably(out / WEIGHTS, save(rounded, metadata={"format": "pt"}))
    for name in BESIDE:
        if (made / name).exists():
            shutil.copyfile(made / name, out / name)
    return sha256_file(out / WEIGHTS)[0]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("made", type=Path, help="what `sfta train` has made")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    print(publish(options.made, options.out))


if __name__ == "__main__":
    main()
