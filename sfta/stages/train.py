"""Stage train: dataset -> adapter, or with `method: full` the trained weights."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.adapters.model_licence import model_licence
from sfta.adapters.trackers import tracker_problems, tracking
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta.stages.adapter_card import CARD, adapter_card
from sfta.stages.fitting import Fitting, start_of, trained, whole_model
from sfta.stages.saved_adapter import save_adapter
from sfta.stages.split_rows import read_lines
from sfta.stages.watched_answers import Beside, answering
from sfta_edge.errors import ConfigError, MissingDependencyError, SftaError
from sfta_edge.manifest import sha256_file
from sfta_edge.prompt import PROMPT_FILE, PromptContract, Tokenize
from sfta_export.gguf import check_convertible

log = logging.getLogger("sfta")
_WEIGHTS = "adapter_model.safetensors"


def run(job: Job[Recipe]) -> Metrics:
    """Train, and write what was learnt with its contract, history and curves."""
    from sfta.training import rows as encoding
    from sfta.training.packing import make_packs

    recipe = job.recipe
    base = hub.resolve_model(recipe.model.base, job.runtime.cache, root=recipe.root)
    tokenizer = hub.load_tokenizer(base)
    contract = make_contract(tokenizer, recipe.prompt)
    (job.out / PROMPT_FILE).write_bytes(contract.to_bytes())

    packs, figures, encoded = {}, {}, _encoded(job, contract, hub.hf_tokenize(tokenizer))
    for split, rows in encoded.items():
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
    beside = answering(job, contract, hub.hf_tokenize(tokenizer), tokenizer.decode)
    track, shown = recipe.track, job.runtime.runs / "tracked"
    with tracking(track.to, shown, job.work.name, track.project):
        fitted, history = _fit(job, base, packs, beside)
    if not fitted:
        return {}
    _write_card(job, figures | fitted, history)
    return figures | fitted


def _encoded(job: Job[Recipe], contract: PromptContract, tokenize: Tokenize) -> dict[str, Any]:
    """Rows of train and validation as token ids, in the form that the recipe teaches."""
    from sfta.training.forms import all_in_form, text_rows
    from sfta.training.rows import RowEncoder, read_chunks

    dataset, form = job.inputs["dataset"], job.recipe.train.rows
    chunks = read_chunks(read_lines(dataset.file("chunks.jsonl")))
    if form == "text":
        learned, held_out = text_rows(chunks, contract, tokenize, job.recipe.seed)
        return {"train": learned, "validation": held_out}
    encoder = RowEncoder(chunks, contract, tokenize)
    return {
        split: [
            encoder.encode(row)
            for row in all_in_form(read_lines(dataset.file(f"{split}.jsonl")), form, contract)
        ]
        for split in ("train", "validation")
    }


def _fit(
    job: Job[Recipe], base: Path, packs: dict[str, Any], beside: Beside | None
) -> tuple[Metrics, list[dict[str, Any]]]:
    # Loaded here: `sfta --help` must not wait for torch.
    from sfta.training import processes, watching
    from sfta.training.best import Best
    from sfta.training.model import save_weights

    config = job.recipe.train
    fitting, needed = _foreseen(job, base, packs, beside)
    loop = trained(fitting)
    speed = round(loop.watch.tokens_per_second, 1)
    if watching.last_validation(loop.state.log_history) is None:
        loop.evaluate()
    model = whole_model(fitting, loop)
    if not processes.is_first():
        return {}, []
    step = Best(job.work, None).restore(model) if config.keep == "best" else None
    kept = watching.validation_at(loop.state.log_history, step or loop.state.global_step)
    if config.method == "full":
        save_weights(model, base, job.out)
    else:
        save_adapter(model, job.out)
    history = watching.history_lines(loop.state.log_history)
    settings = {"precision": fitting.precision.facts(), **fitting.plan.facts()}
    settings |= {"steps": loop.state.global_step}
    _write_records(job.out, history, settings)
    ran = {"tokens_per_second": speed, "processes": processes.count()}
    return _metrics(loop, packs, kept, needed) | ran, history


def _foreseen(
    job: Job[Recipe], base: Path, packs: dict[str, Any], beside: Beside | None
) -> tuple[Fitting, Any]:
    """What the training is made of and the memory it needs, before anything heavy is loaded."""
    from sfta.training import processes
    from sfta.training.memory import check_disk, check_memory
    from sfta.training.model import choose_precision
    from sfta.training.steps import StepPlan

    config = job.recipe.train
    precision = choose_precision(job.runtime.device)
    count = processes.join(precision.device).num_processes
    if beside is not None and processes.is_sharded():
        raise ConfigError(
            "train.answers needs whole weights, and the launcher shards them",
            hint="Set train.answers: 0, or launch without FSDP.",
        )
    plan = StepPlan(packs["train"], config, device=precision.device, processes=count)
    every = [*packs["train"], *packs["validation"]]
    needed = check_memory(base, config, precision, every, plan.packs_per_batch)
    check_disk(job.work, needed)
    log.info("train: %s on %s, %s; memory: %s", precision.name, precision.device,
             precision.reason, needed or "not foreseen")  # fmt: skip
    return Fitting(job, base, packs, precision, plan, beside), needed


def _metrics(loop: Any, packs: dict[str, Any], kept: dict[str, Any], needed: Any) -> Metrics:
    from sfta.training.memory import GIB, peak_memory
    from sfta.training.watching import history_lines, last_loss

    return {
        "steps": loop.state.global_step,
        "packs": len(packs["train"]),
        "trained_parameters": loop.model.num_parameters(only_trainable=True),
        "train_loss": round(last_loss(history_lines(loop.state.log_history)), 4),
        "kept_step": kept["step"],
        "validation_loss": round(kept["eval_loss"], 4),
        "validation_token_accuracy": round(kept["eval_token_accuracy"], 4),
        "peak_memory_gib": round(peak_memory(loop.model) / GIB, 2),
        "memory_foreseen_gib": round(needed.total / GIB, 2) if needed else None,
    }


def _write_card(job: Job[Recipe], metrics: Metrics, history: list[dict[str, Any]]) -> None:
    base = job.recipe.model.base
    licence = model_licence(base, job.runtime.cache, root=job.recipe.root)
    origin = {"Dataset": job.inputs["dataset"].digest}
    if (start := start_of(job.recipe)) is not None:
        origin["Gone on from the adapter"] = sha256_file(start / _WEIGHTS)[0]
    card = adapter_card(job.recipe, licence, origin, metrics, history)
    (job.out / CARD).write_text(card, "utf-8")


def _write_records(out: Path, history: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    from sfta.training import curves, watching

    watching.write_history(out / "history.jsonl", history)
    curves.draw_curves(history, out)
    (out / "settings.json").write_text(json.dumps(settings, sort_keys=True, indent=2), "utf-8")


def _write_lines(path: Path, records: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r, sort_keys=True) + "\n" for r in records), "utf-8")


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    found = {"base": hub.model_identity(recipe.model.base, root=recipe.root)}
    if (start := start_of(recipe)) is not None and (start / _WEIGHTS).is_file():
        found["start_from"] = sha256_file(start / _WEIGHTS)[0]
    return found


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    problems = [
        *tracker_problems(recipe.track.to),
        *_device_problems(recipe, runtime),
        *_base_problems(recipe, runtime),
    ]
    start = start_of(recipe)
    if start is None:
        return problems
    if not (start / _WEIGHTS).is_file():
        return [*problems, f"train.start_from: there is no {start / _WEIGHTS}"]
    # Loaded here: torch is not needed where nothing is gone on from.
    from sfta.training.model import start_problems

    return [*problems, *start_problems(start, recipe.train.lora)]


def _device_problems(recipe: Recipe, runtime: Runtime) -> list[str]:
    from sfta.training.arguments import optimizer_problems
    from sfta.training.model import choose_precision

    try:
        device = choose_precision(runtime.device).device
    except ConfigError as error:
        return [f"{error}. {error.hint}"]
    return optimizer_problems(recipe.train, device)


def _base_problems(recipe: Recipe, runtime: Runtime) -> list[str]:
    """What would only show after rows were made: a model that cannot be prompted.

    One that cannot be exported is warned of: an adapter is of use without a GGUF file, and a run
    that goes on until the export is refused there.
    """
    try:
        base = hub.resolve_settings(recipe.model.base, runtime.cache, root=recipe.root)
        make_contract(hub.load_tokenizer(base), recipe.prompt)
        for problem in check_convertible(base, runtime.cache):
            log.warning("train: the adapter can be trained and not exported: %s", problem)
    except MissingDependencyError:
        return []  # a machine that only trains has no tools of the export
    except SftaError as error:
        return [f"base model: {error}"]
    return []


STAGE = Stage(
    name="train",
    needs=("dataset",),
    makes="adapter",
    sections=("seed", "model", "prompt", "train"),
    run=run,
    revision=8,
    external=_external,
    check=_check,
)
