"""Which inputs of each weight matter: an importance matrix, gathered on the recipe's own prompts.

Rounding an input that is always near zero costs nothing. llama.cpp's quantizers therefore take
the mean square of every input (its tools/imatrix gathers the same figure); here it is gathered in
PyTorch, where the model is already, on the prompts that the model was trained on.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export import tensor_names, toolchain
from sfta_export.content import finished_file
from sfta_export.gguf_program import run_gguf_program
from sfta_export.tensors import TensorInfo, write_tensors

FILE = "importance.safetensors"
_OUTPUT, _EMBEDDING = "output.weight", "token_embd.weight"


@dataclass(frozen=True, slots=True)
class Importance:
    """Mean square of each input, by weight."""

    values: Mapping[str, NDArray[np.float32]]
    """By the weight's name in a GGUF file, shape (inputs,)."""
    prompts: int
    tokens: int
    source: str
    """What the prompts are, in a few words; goes into the metadata of quantized files."""

    def write(self, path: Path) -> Path:
        """Keep it as safetensors; same values, same bytes."""
        import torch

        facts = {
            "prompts": str(self.prompts),
            "source": self.source,
            "tokens": str(self.tokens),
        }
        infos = [TensorInfo(n, "F32", tuple(v.shape), path) for n, v in self.values.items()]
        with finished_file(path) as scratch:
            write_tensors(
                scratch, infos, lambda name: torch.from_numpy(self.values[name]), facts
            )
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` has kept.

        Raises:
            IntegrityError: the file is damaged, or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as tensors:
                facts = tensors.metadata() or {}
                values = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 not a dict
            return cls(values, int(facts["prompts"]), int(facts["tokens"]), facts["source"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise IntegrityError(f"{path} is no importance matrix: {error}") from error


def gather(
    model_dir: Path,
    prompts: Sequence[Sequence[int]],
    *,
    device: str = "cpu",
) -> dict[str, NDArray[np.float32]]:
    """Mean square of every input of every linear layer, by the weight's name in the folder.

    Args:
        model_dir: Model in Hugging Face form.
        prompts: Token ids; whole training rows, so that answers count as well.
        device: `cpu` or `cuda`.

    Raises:
        ConfigError: there is no prompt.
    """
    import torch

    from sfta_export.reference import load_folder

    if not prompts:
        raise ConfigError(
            "there are no training prompts to gather importances on",
            hint="Set export.importance_rows to 0 to quantize without them.",
        )
    model = load_folder(model_dir, device)
    sums: dict[str, torch.Tensor] = {}

    def watch(name: str) -> Any:
        def add(_module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            squares = inputs[0].detach().float().square().flatten(0, -2).sum(dim=0)
            sums[name] = sums[name] + squares if name in sums else squares

        return add

    watched = [
        module.register_forward_pre_hook(watch(f"{name}.weight"))
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    with torch.inference_mode():
        for prompt in prompts:
            model(input_ids=torch.tensor([list(prompt)], device=device), use_cache=False)
    for hook in watched:
        hook.remove()
    tokens = sum(map(len, prompts))
    return {name: (total / tokens).cpu().numpy() for name, total in sums.items()}


def for_file(
    found: Mapping[str, NDArray[np.float32]],
    source: Path,
    cache: Path = toolchain.DEFAULT_CACHE,
) -> dict[str, NDArray[np.float32]]:
    """The same figures by the names that a GGUF file of the model has.

    Args:
        found: What `gather` gave.
        source: The model as a 16-bit GGUF file.
        cache: Where the tools are.

    Raises:
        IntegrityError: a figure is missing for a layer of the file, or of another length.
        ToolError: the file cannot be read.
    """
    names, rows = _ask_names(sorted(found), source, cache)
    values = {names[name]: value for name, value in found.items() if name in names}
    if _OUTPUT in values and _OUTPUT not in rows:
        values[_EMBEDDING] = values.pop(_OUTPUT)  # one matrix is both
    layers = {name for name in rows if name.startswith("blk.")}
    if missing := sorted(layers - values.keys()):
        raise IntegrityError(
            f"no importances were gathered for {', '.join(missing[:3])} of {source.name}",
            hint="Set export.importance_rows to 0 to quantize without them.",
        )
    kept = {name: value for name, value in values.items() if name in rows}
    if wrong := sorted(name for name, value in kept.items() if len(value) != rows[name]):
        raise IntegrityError(f"the importances of {wrong[0]} are of another model")
    return kept


def source_of(name: str, prompts: Sequence[Sequence[int]]) -> str:
    """Words for the metadata: whose prompts these are, and their digest."""
    digest = hashlib.sha256(json.dumps([list(prompt) for prompt in prompts]).encode())
    return f"{len(prompts)} training rows of {name}, sha256 {digest.hexdigest()[:16]}"[:120]


def _ask_names(
    weights: list[str], source: Path, cache: Path
) -> tuple[dict[str, str], dict[str, int]]:
    said = run_gguf_program(
        tensor_names.__name__, [str(source)], cache,
        task=f"reading the names in {source.name}", said=json.dumps(weights),
    )  # fmt: skip
    answer = json.loads(said)
    return answer["names"], answer["rows"]
