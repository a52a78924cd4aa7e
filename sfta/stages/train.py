"""Stage train: dataset -> adapter."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.core.progress import task
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta_edge.prompt import PROMPT_FILE


def run(job: Job[Recipe]) -> Metrics:
    """Train an adapter and write it with its contract, history and curves."""
    from sfta.training import rows as encoding
    from sfta.training.packing import make_packs

    recipe, dataset = job.recipe, job.inputs["dataset"]
    base = hub.resolve_model(recipe.model.base, job.runtime.cache, root=recipe.root)
    tokenizer = hub.load_tokenizer(base)
    contract = make_contract(tokenizer, recipe.prompt)
    (job.out / PROMPT_FILE).write_bytes(contract.to_bytes())

    chunks = encoding.read_chunks(_records(dataset.file("chunks.jsonl")))
    encoder = encoding.RowEncoder(chunks, contract, hub.hf_tokenize(tokenizer))
    packs, figures = {}, {}
    for split in ("train", "validation"):
        rows = [encoder.encode(r) for r in _records(dataset.file(f"{split}.jsonl"))]
        fit, long = encoding.within_length(
            rows,
            context_tokens=recipe.train.context_tokens,
            too_long_share=recipe.train.too_long_share,
        )
        packs[split] = make_packs(
            fit,
            max_tokens=recipe.train.context_tokens,
            seed=recipe.seed,
            most_closed=recipe.train.rows_per_step,
        )
        figures[f"{split}_rows"] = len(fit)
        figures[f"{split}_rows_too_long"] = len(long)
        _write_lines(job.out / f"too_long_{split}.jsonl", [{"id": row.id} for row in long])
    return figures | _fit(job, base, packs)


def _fit(job: Job[Recipe], base: Path, packs: dict[str, Any]) -> Metrics:
    # Loaded here: `sfta --help` must not wait for torch.
    from peft.helpers import disable_input_dtype_casting
    from transformers import PrinterCallback

    from sfta.training import trainer, watching
    from sfta.training.model import choose_precision, load_student

    config = job.recipe.train
    precision = choose_precision(job.runtime.device)
    model = load_student(base, config, precision, seed=job.recipe.seed)
    plan = trainer.StepPlan(packs["train"], config, device=precision.device)
    with task("train", plan.steps) as progress:
        loop = trainer.PackTrainer(
            model=model,
            args=trainer.training_arguments(
                config, precision, job.work / "checkpoints", seed=job.recipe.seed, plan=plan
            ),
            data_collator=partial(trainer.collate, refusal_weight=config.refusal_weight),
            train_dataset=trainer.PackData(packs["train"]),
            eval_dataset=trainer.PackData(packs["validation"]),
            callbacks=[
                watching.Watch(progress, checkpoint_seconds=config.checkpoint_minutes * 60)
            ],
        )
        loop.remove_callback(PrinterCallback)  # progress has a line of its own
        resume = trainer.last_checkpoint(job.work / "checkpoints")
        # Autocast gives the adapter what it reads; PEFT would copy it to 32 bits and back.
        with disable_input_dtype_casting(model, active=precision.name != "float32"):
            loop.train(resume_from_checkpoint=str(resume) if resume else None)
            final = watching.last_validation(loop.state.log_history) or loop.evaluate()
    _save_adapter(model, job.out)
    history = watching.history_lines(loop.state.log_history)
    settings = {"precision": precision.facts(), "steps": loop.state.global_step, **vars(plan)}
    _write_records(job.out, history, settings)
    return {
        "steps": loop.state.global_step,
        "packs": len(packs["train"]),
        "trained_parameters": model.num_parameters(only_trainable=True),
        "train_loss": round(watching.last_loss(history), 4),
        "validation_loss": round(final["eval_loss"], 4),
        "validation_token_accuracy": round(final["eval_token_accuracy"], 4),
    }


def _write_records(out: Path, history: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    from sfta.training import curves, watching

    watching.write_history(out / "history.jsonl", history)
    curves.draw_curves(history, out)
    (out / "settings.json").write_text(json.dumps(settings, sort_keys=True, indent=2), "utf-8")


def _save_adapter(model: Any, out: Path) -> None:
    """Only weights and configuration; the base is named by its content, not by a local path."""
    from sfta.training.model import quantized_base

    model.save_pretrained(out)
    if (quantized := quantized_base(model)) is not None:
        quantized.write(out)
    (out / "README.md").unlink(missing_ok=True)
    path = out / "adapter_config.json"
    config = json.loads(path.read_text("utf-8"))
    config["base_model_name_or_path"] = ""
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, sort_keys=True, indent=2), "utf-8")


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _write_lines(path: Path, records: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r, sort_keys=True) + "\n" for r in records), "utf-8")


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    return {"base": hub.model_identity(recipe.model.base, root=recipe.root)}


STAGE = Stage(
    name="train",
    needs=("dataset",),
    makes="adapter",
    sections=("seed", "model", "prompt", "train"),
    run=run,
    revision=4,
    external=_external,
)
