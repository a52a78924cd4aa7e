"""A sweep: the recipe with every combination of some values, compared by one figure.

A trial is a run of the pipeline like any other. What two trials have in common is made once, and
a sweep that was interrupted finds what is there.
"""

import itertools
import json
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.core.artifact import Artifact
from sfta.core.stage import Runtime, run_stages, select
from sfta.evaluation.config import CANDIDATE
from sfta.recipe import Recipe, load_recipe
from sfta.stages.pipeline import stages_of
from sfta_edge.errors import ConfigError, SftaError

log = logging.getLogger("sfta")


@dataclass(frozen=True, slots=True)
class Trial:
    """The recipe with some values of its own."""

    values: dict[str, Any]
    """By setting."""
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial."""

    values: dict[str, Any]
    figure: float | None = None
    interval: tuple[float, float] | None = None
    """95 %, where the figure has one."""
    artifact: Path | None = None
    """What its last stage has made."""
    problem: str = ""
    """Why there is none."""


def make_trials(path: Path, overrides: Sequence[str]) -> list[Trial]:
    """Every trial, checked before the first one runs.

    Raises:
        ConfigError: the recipe names no values, or one of them is not allowed.
    """
    recipe = load_recipe(path, overrides)
    sweep = recipe.sweep
    if not sweep.over:
        raise ConfigError(
            "the recipe names nothing to try",
            hint="Set sweep.over, as in --set 'sweep.over={train.lora.rank: [8, 16]}'.",
        )
    keys = sorted(sweep.over)
    grid = list(itertools.product(*(sweep.over[key] for key in keys)))
    if sweep.trials is not None and sweep.trials < len(grid):
        kept = random.Random(recipe.seed).sample(range(len(grid)), sweep.trials)
        grid = [grid[place] for place in sorted(kept)]
    trials = []
    for combination in grid:
        values = dict(zip(keys, combination, strict=True))
        given = [f"{key}={json.dumps(value)}" for key, value in values.items()]
        trials.append(Trial(values, load_recipe(path, [*overrides, *given])))
    return trials


def run_trials(trials: Sequence[Trial], runtime: Runtime) -> Iterator[Tried]:
    """Run one after the other; a trial that fails is said and does not end the others."""
    for number, trial in enumerate(trials, 1):
        named = ", ".join(f"{key} = {value}" for key, value in trial.values.items())
        log.info("sweep: trial %d of %d, %s", number, len(trials), named)
        until = trial.recipe.sweep.until
        try:
            made = run_stages(select(stages_of(trial.recipe), until), trial.recipe, runtime)
            yield _tried(trial, made["adapter" if until == "train" else "report"])
        except SftaError as error:
            log.warning("sweep: trial %d failed: %s", number, error)
            yield Tried(trial.values, problem=" ".join(str(error).split()))


def _tried(trial: Trial, artifact: Artifact) -> Tried:
    metric = trial.recipe.sweep.compared
    if trial.recipe.sweep.until == "train":
        return Tried(trial.values, artifact.metrics[metric], artifact=artifact.path)
    arm = json.loads(artifact.file("report.json").read_bytes())["arms"][CANDIDATE]
    if metric not in arm["metrics"]:
        raise ConfigError(
            f"sweep.metric: the report has no figure {metric}",
            hint=f"It has {', '.join(sorted(arm['metrics']))}.",
        )
    interval = arm["intervals"][metric]
    return Tried(
        trial.values, arm["metrics"][metric], tuple(interval) if interval else None,
        artifact.path,
    )  # fmt: skip
