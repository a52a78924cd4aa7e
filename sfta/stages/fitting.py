"""One training run: the loop with what watches it, from the last checkpoint to the end."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sfta.adapters.trackers import ALWAYS
from sfta.core.progress import task
from sfta.core.stage import Job
from sfta.recipe import Recipe
from sfta.stages.watched_answers import Beside
from sfta_edge.errors import ConfigError

log = logging.getLogger("sfta")


@dataclass(frozen=True, slots=True)
class Fitting:
    """What one training is made of."""

    job: Job[Recipe]
    base: Path
    packs: dict[str, Any]
    precision: Any
    plan: Any
    beside: Beside | None


def trained(fitting: Fitting) -> Any:
    """The trainer at the end of its run; micro-batches that do not fit are made smaller."""
    import torch

    while True:
        try:
            return _run_loop(fitting)
        except torch.OutOfMemoryError as error:
            # The others wait for this process; they do not know that it has to begin anew.
            if fitting.plan.processes > 1 or not fitting.plan.halve():
                raise ConfigError(
                    "the GPU's memory does not hold one pack",
                    hint="Set train.activation_checkpointing: true, or lower "
                    "generate.context.rows_per_context or train.context_tokens.",
                ) from error
        log.warning(
            "train: out of memory; going on with %d packs at once",
            fitting.plan.packs_per_batch,
        )
        torch.cuda.empty_cache()


def whole_model(fitting: Fitting, loop: Any) -> Any:
    """The trained model in one piece.

    Where each process holds a part of every weight, all of them must ask, and the first gets it.
    """
    from sfta.training import processes
    from sfta.training.best import trained_weights

    if not processes.is_sharded():
        return loop.model
    weights = trained_weights(loop.model)
    if not processes.is_first():
        return loop.model
    model = _student(fitting)
    for name, value in trained_weights(model).items():
        value.copy_(weights[name])
    return model


def _student(fitting: Fitting) -> Any:
    """The model before its first step."""
    from sfta.training.model import load_student

    recipe = fitting.job.recipe
    return load_student(
        fitting.base, recipe.train, fitting.precision, seed=recipe.seed,
        start_from=start_of(recipe),
    )  # fmt: skip


def _run_loop(fitting: Fitting) -> Any:
    """Train from the last checkpoint, or from the beginning, to the end."""
    from peft.helpers import disable_input_dtype_casting

    from sfta.training.best import Best
    from sfta.training.checkpoints import go_on, last_checkpoint
    from sfta.training.watching import Watch

    job, config, precision = fitting.job, fitting.job.recipe.train, fitting.precision
    best = Best(job.work, config.early_stopping)
    model = _student(fitting)
    with task("train", fitting.plan.steps) as progress:
        loop = _loop(fitting, model)
        loop.watch = Watch(progress, loop, checkpoint_seconds=config.checkpoint_minutes * 60)
        loop.add_callback(loop.watch)
        if config.keep == "best" or config.early_stopping is not None:
            loop.add_callback(best)
        checkpoints = job.work / "checkpoints"
        if last_checkpoint(checkpoints) is None:
            best.forget()
        # Autocast gives the adapter what it reads; PEFT would copy it to 32 bits and back.
        with disable_input_dtype_casting(model, active=precision.name != "float32"):
            go_on(loop, checkpoints)
    return loop


def _loop(fitting: Fitting, model: Any) -> Any:
    """The trainer, before its first step."""
    from sfta.training import arguments, steps, trainer

    job, config, packs = fitting.job, fitting.job.recipe.train, fitting.packs
    told = arguments.training_arguments(
        config, fitting.precision, job.work / "checkpoints", seed=job.recipe.seed,
        plan=fitting.plan, shown=_shown(job),
    )  # fmt: skip
    loop = trainer.PackTrainer(
        model=model,
        args=told,
        data_collator=partial(steps.collate, refusal_weight=config.refusal_weight),
        train_dataset=steps.PackData(packs["train"]),
        eval_dataset=steps.PackData(packs["validation"]),
    )
    loop.beside = fitting.beside
    return loop


def _shown(job: Job[Recipe]) -> Any:
    from sfta.training.arguments import Shown

    track = job.recipe.track
    return Shown((ALWAYS, *track.to), job.work.name, track.project)


def start_of(recipe: Recipe) -> Path | None:
    """The adapter that training goes on from."""
    name = recipe.train.start_from
    return recipe.root / name if name is not None else None
