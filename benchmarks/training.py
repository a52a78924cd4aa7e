"""Rows a second of our training beside a plain TRL script, on the same rows, and the loss after.

    python benchmarks/training.py RECIPE [--runs runs] [--method qlora] [--steps 4]

RECIPE must have its dataset: `sfta generate RECIPE`. All arms see the same rows, the same number
of them a step, the same learning rate and the same adapter. The plain script is TRL's SFTTrainer
with its defaults, and once more without activation checkpointing, which it switches on by itself.
The loss is that of held-out rows, measured for all arms by the same code.
"""

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft.helpers import disable_input_dtype_casting
from transformers import AutoModelForCausalLM, PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.core.stage import Runtime, plan_stages, select
from sfta.recipe import Recipe, load_recipe
from sfta.stages.pipeline import stages_of
from sfta.training import steps, trainer
from sfta.training.arguments import training_arguments
from sfta.training.model import choose_precision, load_student, lora_config, quantization_of
from sfta.training.packing import Pack, make_packs
from sfta.training.rows import EncodedRow, RowEncoder, read_chunks

_HELD_OUT = 40
OURS, PLAIN, LEAN = "SFTA", "TRL, its defaults", "TRL, without checkpointing"


@dataclass(frozen=True, slots=True)
class Material:
    """What both arms train on."""

    recipe: Recipe
    base: Path
    tokenizer: Any
    packs: list[Pack]
    held_out: list[Pack]
    device: str

    @property
    def rows(self) -> list[EncodedRow]:
        """Rows in the order of their packs."""
        return [row for pack in self.packs for row in pack.rows]


@dataclass(frozen=True, slots=True)
class Arm:
    """What came out."""

    rows: int
    seconds: float
    steps: int
    """Of the optimizer; packs are kept whole, so ours may be one less or more."""
    loss: float


def material(recipe: Recipe, runtime: Runtime, steps: int) -> Material:
    """Whole packs for so many steps, and some rows to measure the loss with."""
    planned = plan_stages(select(stages_of(recipe), "generate"), recipe, runtime)[-1]
    folder = planned.path
    if planned.state != "reuse" or folder is None:
        raise SystemExit("there is no dataset yet: run `sfta generate` on the recipe")
    base = hub.resolve_model(recipe.model.base, runtime.cache, root=recipe.root)
    tokenizer = hub.load_tokenizer(base)
    contract = make_contract(tokenizer, recipe.prompt)
    chunks = read_chunks(read(folder / "chunks.jsonl"))
    encoder = RowEncoder(chunks, contract, hub.hf_tokenize(tokenizer))

    def packs(name: str) -> list[Pack]:
        rows = [encoder.encode(row) for row in read(folder / f"{name}.jsonl")]
        return make_packs(rows, max_tokens=recipe.train.context_tokens, seed=recipe.seed)

    chosen, count = [], 0
    for pack in packs("train"):
        if count >= steps * recipe.train.rows_per_step:
            break
        chosen.append(pack)
        count += len(pack.rows)
    held_out = packs("validation")[: _HELD_OUT // 4]
    return Material(recipe, base, tokenizer, chosen, held_out, runtime.device)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Records of a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def ours(found: Material, folder: Path) -> Arm:
    """The trainer of the stage `train`."""
    config = found.recipe.train.model_copy(update={"epochs": 1, "start_from": None})
    precision = choose_precision(found.device)
    plan = steps.StepPlan(found.packs, config, device=precision.device)
    model = load_student(found.base, config, precision, seed=found.recipe.seed)
    arguments = training_arguments(config, precision, folder, seed=found.recipe.seed, plan=plan)
    arguments.eval_strategy = "no"
    loop = trainer.PackTrainer(
        model=model,
        args=arguments,
        data_collator=partial(steps.collate, refusal_weight=1.0),
        train_dataset=steps.PackData(found.packs),
        eval_dataset=steps.PackData(found.held_out),
    )
    loop.remove_callback(PrinterCallback)
    with disable_input_dtype_casting(model, active=precision.name != "float32"):
        seconds = timed(loop.train)
    return Arm(len(found.rows), seconds, loop.state.global_step, held_out_loss(model, found))


def texts_of(found: Material) -> list[dict[str, str]]:
    """The same rows as prompt and completion."""
    return [
        {
            "prompt": found.tokenizer.decode([*row.context, *row.question]),
            "completion": found.tokenizer.decode(row.completion[:-1]),
        }
        for row in found.rows
    ]


def plain(found: Material, folder: Path, *, checkpointing: bool) -> Arm:
    """What a practitioner writes with TRL."""
    train, precision = found.recipe.train, choose_precision(found.device)
    texts = texts_of(found)
    options: dict[str, Any] = {}
    if train.method == "qlora":
        options["quantization_config"] = quantization_of(train, precision)
    build: Any = AutoModelForCausalLM.from_pretrained
    model = build(found.base, dtype=precision.dtype, local_files_only=True, **options)
    batch = 8 if train.rows_per_step % 8 == 0 else 1
    config = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=train.rows_per_step // batch,
        learning_rate=train.peak_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(train.warmup_share * len(texts) / train.rows_per_step),
        gradient_checkpointing=checkpointing,
        max_length=None,
        bf16=precision.name == "bfloat16",
        use_cpu=precision.device == "cpu",
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        seed=found.recipe.seed,
    )
    loop: Any = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(texts),
        processing_class=found.tokenizer,
        peft_config=lora_config(train.lora),
    )
    loop.remove_callback(PrinterCallback)
    for module in loop.model.modules():  # see `sfta.training.model`: else no gradient passes
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    seconds = timed(loop.train)
    steps = loop.state.global_step
    return Arm(len(texts), seconds, steps, held_out_loss(loop.model, found))


def timed(train: Callable[[], Any]) -> float:
    """Seconds of a training."""
    started = time.perf_counter()
    train()
    return time.perf_counter() - started


def held_out_loss(model: Any, found: Material) -> float:
    """Loss per completion token on the same rows for every arm."""
    model.eval()
    total = tokens = 0.0
    precision = choose_precision(found.device)
    with torch.no_grad(), torch.autocast(precision.device, dtype=precision.dtype):
        for pack in found.held_out:
            batch = steps.collate([pack], refusal_weight=1.0)
            batch.pop("pack", None)
            moved = {name: value.to(model.device) for name, value in batch.items()}
            loss, _ = trainer.weighted_loss(model, moved)
            total += float(loss)
            tokens += len(batch["targets"])
    return total / tokens


def main() -> None:
    """Print a line for each arm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", type=Path, nargs="?", default=QUICKSTART)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--method", choices=["qlora", "lora"], default="qlora")
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    recipe = load_recipe(options.recipe)
    cache = Path(os.environ.get("SFTA_CACHE", "~/.cache/sfta")).expanduser()
    found = material(recipe, Runtime(runs=options.runs, cache=cache), options.steps)
    changed = recipe.train.model_copy(update={"method": options.method})
    recipe = recipe.model_copy(update={"train": changed})
    found = Material(recipe, *(getattr(found, n) for n in Material.__slots__[1:]))
    arms: dict[str, Callable[[Path], Arm]] = {
        OURS: partial(ours, found),
        LEAN: partial(plain, found, checkpointing=False),
        PLAIN: partial(plain, found, checkpointing=True),
    }
    print(f"{options.method}, {len(found.rows)} rows in {len(found.packs)} contexts, "
          f"{math.ceil(len(found.rows) / recipe.train.rows_per_step)} steps, "
          f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    first = 0.0
    for name, run in arms.items():
        with tempfile.TemporaryDirectory() as folder:
            arm = run(Path(folder))
        rate = arm.rows / arm.seconds
        first = first or rate
        print(f"{name:28} {arm.seconds:7.1f} s {rate:6.2f} rows/s, ours {first / rate:5.2f} "
              f"times; {arm.steps} steps, held-out loss {arm.loss:.3f}", flush=True)  # fmt: skip


QUICKSTART = Path(__file__).parents[1] / "configs/quickstart/quickstart.yaml"

if __name__ == "__main__":
    main()
