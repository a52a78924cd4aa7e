"""What a Hugging Face model computes on some prompts: the measure for every file made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta_edge.speed import free_memory
from sfta_export.quantized_base import QuantizedBase
from sfta_export.tensors import list_tensors

Floats = NDArray[np.float32]
POSITIONS = 96
"""Positions compared at the end of each prompt; they lie in question and answer."""
WRITTEN = 24
"""Tokens of an answer that are written to compare them."""
_ROOM = 0.7


@dataclass(frozen=True, slots=True)
class Probe:
    """One prompt of the product with its answer."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and answer."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Reference:
    """What the model computes on the probes."""

    probes: tuple[Probe, ...]
    logits: tuple[Floats, ...]
    """For each probe, shape (positions, vocabulary): the last positions of prompt and answer."""
    written: tuple[tuple[int, ...], ...]
    """For each probe the most probable answer, at most `WRITTEN` tokens; the end is left out."""


def load_folder(model_dir: Path, device: str = "cpu") -> Any:
    """The model of a folder, in float32 where that fits in memory, to be asked only."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        model_dir,
        dtype=torch.float32 if _fits_in_float32(model_dir) else "auto",
        local_files_only=True,
        trust_remote_code=False,
    )
    return model.eval().to(torch.device(device))  # type: ignore[no-untyped-call]


def load_trained(base_dir: Path, adapter_dir: Path, device: str = "cpu") -> Any:
    """Base and adapter as training left them: not merged, the base in 4 or 8 bits if it was.

    Args:
        base_dir: The 16-bit base.
        adapter_dir: Adapter as PEFT saves it, with what `QuantizedBase` has written beside it.
        device: `cpu` or `cuda`.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quantized, options = QuantizedBase.read(adapter_dir), {}
    dtype = torch.float32 if _fits_in_float32(base_dir) else "auto"
    if quantized is not None:
        form: dict[str, Any] = {"load_in_8bit": True, "llm_int8_threshold": 0.0}
        if quantized.scheme == "nf4":
            form = {
                "load_in_4bit": True,
                "bnb_4bit_quant_type": "nf4",
                "bnb_4bit_use_double_quant": quantized.double,
                "bnb_4bit_compute_dtype": torch.float32,
            }
        options["quantization_config"] = BitsAndBytesConfig(**form)  # type: ignore[no-untyped-call]
    model = AutoModelForCausalLM.from_pretrained(
        base_dir, dtype=dtype, device_map={"": device}, local_files_only=True,
        trust_remote_code=False, **options,
    )  # fmt: skip
    module: Any
    for module in model.modules():
        # Packed for a CPU's bfloat16 instructions, weights would be rounded once more.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return PeftModel.from_pretrained(model, adapter_dir).eval()


def reference(model: Any, probes: Sequence[Probe], scratch: Path) -> Reference:
    """Run a model on the probes.

    Args:
        model: As `load_folder` or `load_trained` give it.
        probes: What is asked.
        scratch: Folder for the logits, which stay on disk.
    """
    import torch

    kept = []
    with torch.inference_mode():
        for index, probe in enumerate(probes):
            ids = torch.tensor([list(probe.ids)], device=model.device)
            logits = model(input_ids=ids, use_cache=False).logits[0, -POSITIONS:]
            path = scratch / f"logits-{index}.npy"
            np.save(path, logits.float().cpu().numpy())
            kept.append(np.load(path, mmap_mode="r"))
        written = _write(model, [probe.prompt for probe in probes])
    return Reference(tuple(probes), tuple(kept), tuple(written))


def _write(model: Any, prompts: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The most probable answers, all written at once."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ends = model.generation_config.eos_token_id
    stop = ends if isinstance(ends, list) else [ends]
    rows = [torch.tensor(list(prompt)) for prompt in prompts]
    # Filled up on the left, so that all answers begin at one place.
    ids = pad_sequence(rows, batch_first=True, padding_value=stop[0], padding_side="left")
    mask = pad_sequence([torch.ones_like(row) for row in rows], True, 0, padding_side="left")
    found = model.generate(
        input_ids=ids.to(model.device), attention_mask=mask.to(model.device),
        max_new_tokens=WRITTEN, do_sample=False, temperature=None, top_p=None, top_k=None,
        eos_token_id=stop, pad_token_id=stop[0],
    )  # fmt: skip
    lines = found[:, ids.shape[1] :].tolist()
    ended = [next((at for at, t in enumerate(line) if t in stop), len(line)) for line in lines]
    return [tuple(line[:end]) for line, end in zip(lines, ended, strict=True)]


def _fits_in_float32(model_dir: Path) -> bool:
    values = sum(
        np.prod(info.shape, dtype=np.int64) for info in list_tensors(model_dir).values()
    )
    return int(values) * 4 < free_memory() * _ROOM
