"""Stages: functions between artifacts, run only when their result is not there yet.

``key = sha256(stage, revision, recipe sections, external inputs, input digests)`` and the
artifact is ``runs/<stage>/<key[:16]>``. Same key: reuse. What an interrupted stage must not
pay for twice lives in ``runs/.work/<stage>-<key>`` until the artifact is complete.
"""

import fcntl
import hashlib
import logging
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from sfta.core.artifact import Artifact, remove_leftovers, writing
from sfta.core.config import Section
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import canonical_json

log = logging.getLogger("sfta")
Metrics = dict[str, Any]
R = TypeVar("R", bound=Section)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where and how the work runs. Never part of a key."""

    runs: Path = Path("runs")
    """Folder of the artifacts."""
    cache: Path = Path("~/.cache/sfta")
    """Folder for what any recipe may share: prepared base models, built tools, results of
    records that have not changed."""
    workers: int = 0
    """Processes for parsing; 0 means one per core."""
    executor: str = "local"
    """Where maps over records run: `local` or `ray`."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    signing_key: Path | None = None
    """Private key for the bundle."""


@dataclass(frozen=True, slots=True)
class Job(Generic[R]):
    """What a stage function is given."""

    recipe: R
    inputs: Mapping[str, Artifact]
    """By kind."""
    out: Path
    """Scratch folder that becomes the artifact."""
    work: Path
    """Folder that survives an interruption and is empty on the first try."""
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Stage(Generic[R]):
    """A function plus the facts the runner needs."""

    name: str
    needs: tuple[str, ...]
    """Kinds of artifact."""
    makes: str
    """Kind of artifact."""
    sections: tuple[str, ...]
    """Recipe sections that decide the result; the function reads no other."""
    run: Callable[[Job[R]], Metrics]
    revision: int = 1
    """Raise it when the same settings give another result."""
    external: Callable[[R, Runtime], Any] = field(default=lambda _recipe, _runtime: None)
    """Identity of what is read from outside: file digests. JSON-serializable."""
    check: Callable[[R, Runtime], Sequence[str]] = field(default=lambda _recipe, _runtime: ())
    """Cheap checks made for all stages before the first one runs; one sentence per problem."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one stage."""

    stage: str
    artifact: Artifact
    reused: bool
    seconds: float


def key_of(stage: Stage[R], recipe: R, inputs: Mapping[str, Artifact], runtime: Runtime) -> str:
    """Would-be identity of a stage's result."""
    parts = {
        "stage": stage.name,
        "revision": stage.revision,
        "sections": {name: _plain(getattr(recipe, name)) for name in stage.sections},
        "external": stage.external(recipe, runtime),
        "inputs": {kind: inputs[kind].digest for kind in stage.needs},
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def select(stages: Sequence[Stage[R]], until: str) -> list[Stage[R]]:
    """The stages that `until` depends on, and itself, in pipeline order."""
    names = [stage.name for stage in stages]
    if until not in names:
        raise ConfigError(f"there is no stage {until!r}", hint=f"Stages: {', '.join(names)}.")
    wanted = {until}
    for stage in reversed(stages[: names.index(until) + 1]):
        if stage.name in wanted:
            wanted |= {maker.name for maker in stages if maker.makes in stage.needs}
    return [stage for stage in stages if stage.name in wanted]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do with one stage."""

    stage: str
    state: str
    """`reuse`, `make`, or `make (after ...)` when the key depends on a result not made yet."""
    path: Path | None


def plan_stages(stages: Sequence[Stage[R]], recipe: R, runtime: Runtime) -> list[Planned]:
    """Say what would run, without running it."""
    made: dict[str, Artifact] = {}
    planned = []
    for stage in stages:
        if waiting := [kind for kind in stage.needs if kind not in made]:
            planned.append(Planned(stage.name, f"make (after {', '.join(waiting)})", None))
            continue
        final = place_of(stage, recipe, made, runtime)
        if artifact := _intact(final):
            made[stage.makes] = artifact
        planned.append(Planned(stage.name, "reuse" if artifact else "make", final))
    return planned


def place_of(
    stage: Stage[R], recipe: R, made: Mapping[str, Artifact], runtime: Runtime
) -> Path:
    """Where the stage's artifact is or will be."""
    inputs = {kind: made[kind] for kind in stage.needs}
    return runtime.runs / stage.name / key_of(stage, recipe, inputs, runtime)[:16]


def run_stages(
    stages: Sequence[Stage[R]],
    recipe: R,
    runtime: Runtime,
    *,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> dict[str, Artifact]:
    """Run what is missing, in order; return the artifacts by kind.

    Raises:
        ConfigError: the cheap check of a stage that is to run found a problem; nothing was run.
    """
    if problems := _problems(stages, recipe, runtime):
        raise ConfigError("\n".join(problems))
    made: dict[str, Artifact] = {}
    for stage in stages:
        outcome = run_stage(stage, recipe, made, runtime)
        made[stage.makes] = outcome.artifact
        on_outcome(outcome)
    return made


def _problems(stages: Sequence[Stage[R]], recipe: R, runtime: Runtime) -> list[str]:
    found = {stage.name: stage.check(recipe, runtime) for stage in stages}
    if any(found.values()):
        # A finished dataset does not need its teacher any more.
        for planned in plan_stages(stages, recipe, runtime):
            if planned.state == "reuse":
                del found[planned.stage]
    # Two stages may say the same of what both need.
    return list(dict.fromkeys(problem for problems in found.values() for problem in problems))


def run_stage(
    stage: Stage[R], recipe: R, made: Mapping[str, Artifact], runtime: Runtime
) -> Outcome:
    """Reuse the artifact of this key, or make it.

    Raises:
        IntegrityError: an input is not what was made, file by file.
        SftaError: another process is making it.
    """
    inputs = {kind: made[kind] for kind in stage.needs}
    key = key_of(stage, recipe, inputs, runtime)
    final = runtime.runs / stage.name / key[:16]
    started = time.monotonic()
    artifact, reused = _intact(final), True
    if artifact is None:
        work = runtime.runs / ".work" / f"{stage.name}-{key[:16]}"
        with _alone(work):
            artifact = existing(final)
            if artifact is None:
                job = Job(recipe, inputs, final, work, runtime)
                artifact, reused = _make(stage, job, key), False
            shutil.rmtree(work, ignore_errors=True)
    log.info("%s: %s %s", stage.name, "reused" if reused else "made", final)
    return Outcome(stage.name, artifact, reused, round(time.monotonic() - started, 2))


def _make(stage: Stage[R], job: Job[R], key: str) -> Artifact:
    started = time.monotonic()
    remove_leftovers(job.out.parent)
    facts = _facts(stage, job.recipe, job.inputs, key)
    log.info("%s: working", stage.name)
    # A byte that has changed since would be trained on, converted and signed without a word.
    for artifact in job.inputs.values():
        artifact.verify()
    with writing(job.out, stage.makes, facts) as scratch:
        facts["metrics"] = stage.run(replace(job, out=scratch))
        facts["seconds"] = round(time.monotonic() - started, 2)
    return Artifact.open(job.out)


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Hold the work folder: two runs of one recipe must not mix their checkpoints.

    The lock is the kernel's and ends with the process, however it ends.
    """
    work.mkdir(parents=True, exist_ok=True)
    handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SftaError(
                f"another run is making {work.name}", hint="Wait until it ends, or stop it."
            ) from None
        yield
    finally:
        os.close(handle)


def existing(final: Path) -> Artifact | None:
    """The artifact at this place; a damaged one is set aside and said so."""
    artifact = _intact(final)
    if artifact is None and final.exists():
        aside = final.with_name(f"damaged-{final.name}-{time.time_ns()}")
        final.rename(aside)
        log.warning("%s is damaged. Moved to %s; making it again.", final, aside)
    return artifact


def _intact(final: Path) -> Artifact | None:
    try:
        return Artifact.open(final)
    except IntegrityError:
        return None


def _facts(
    stage: Stage[R], recipe: R, inputs: Mapping[str, Artifact], key: str
) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "revision": stage.revision,
        "key": key,
        "settings": {name: _plain(getattr(recipe, name)) for name in stage.sections},
        "inputs": {kind: artifact.digest for kind, artifact in inputs.items()},
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": {"python": platform.python_version(), "machine": platform.machine()},
    }


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Section) else value
