"""Stages run what is missing, reuse what is there, and survive being killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from sfta.core.config import Section
from sfta.core.stage import (
    Runtime,
    Stage,
    key_of,
    plan_stages,
    run_stage,
    run_stages,
    select,
)
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import MANIFEST

ROOT = Path(__file__).parents[2]


class Chunk(Section):
    words: int = 3


class Recipe(Section):
    seed: int = 7
    source: str = "a b c d"
    chunk: Chunk = Chunk()
    unrelated: int = 0


def ingest(job):
    (job.out / "text.txt").write_text(job.recipe.source, "utf-8")
    return {"characters": len(job.recipe.source)}


def chunk(job):
    words = job.inputs["documents"].file("text.txt").read_text("utf-8").split()
    kept = words[: job.recipe.chunk.words]
    (job.out / "chunks.txt").write_text(" ".join(kept), "utf-8")
    return {"chunks": len(kept)}


def count(job):
    chunks = job.inputs["corpus"].file("chunks.txt").read_text("utf-8")
    (job.out / "count.txt").write_text(str(len(chunks.split())), "utf-8")
    return {}


def stages(**changes):
    """Three stages in a row; `changes` go to the first one."""
    first = Stage(name="ingest", needs=(), makes="documents", sections=("source",), run=ingest)
    return (
        replace(first, **changes),
        Stage(
            name="chunk",
            needs=("documents",),
            makes="corpus",
            sections=("seed", "chunk"),
            run=chunk,
        ),
        Stage(name="count", needs=("corpus",), makes="index", sections=(), run=count),
    )


@pytest.fixture
def runtime(tmp_path):
    return Runtime(runs=tmp_path / "runs", cache=tmp_path / "cache")


def ran(chosen, recipe, runtime):
    """Names of the stages that were made, not reused."""
    outcomes = []
    run_stages(chosen, recipe, runtime, on_outcome=outcomes.append)
    return [outcome.stage for outcome in outcomes if not outcome.reused]


ALL = ["ingest", "chunk", "count"]


def test_a_run_makes_every_artifact_with_its_facts(runtime):
    made = run_stages(stages(), Recipe(), runtime)
    assert list(made) == ["documents", "corpus", "index"]
    assert made["index"].file("count.txt").read_text("utf-8") == "3"
    assert made["corpus"].metrics == {"chunks": 3}
    facts = made["corpus"].manifest.facts
    assert facts["stage"] == "chunk"
    assert facts["settings"] == {"seed": 7, "chunk": {"words": 3}}
    assert facts["inputs"] == {"documents": made["documents"].digest}
    assert made["corpus"].path == runtime.runs / "chunk" / facts["key"][:16]
    assert facts["seconds"] >= 0


def test_nothing_is_made_twice(runtime):
    assert ran(stages(), Recipe(), runtime) == ALL
    assert ran(stages(), Recipe(), runtime) == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (Recipe(unrelated=1), []),
        (Recipe(seed=8), ["chunk"]),
        (Recipe(chunk=Chunk(words=2)), ["chunk", "count"]),
        (Recipe(source="a b c e"), ["ingest", "chunk"]),
        (Recipe(source="x b c d"), ALL),
    ],
)
def test_a_changed_setting_runs_the_stages_it_reaches(runtime, changed, again):
    run_stages(stages(), Recipe(), runtime)
    # Three words are kept: another fourth word gives the same chunks, and `count` is reused.
    assert ran(stages(), changed, runtime) == again


@pytest.mark.parametrize(
    "changes", [{"revision": 2}, {"external": lambda _recipe, _runtime: {"file": "digest"}}]
)
def test_a_new_revision_or_external_input_runs_the_stage_again(runtime, changes):
    run_stages(stages(), Recipe(), runtime)
    # The text comes out the same, so nothing after it runs.
    assert ran(stages(**changes), Recipe(), runtime) == ["ingest"]


def test_runtime_decides_nothing(runtime, tmp_path):
    run_stages(stages(), Recipe(), runtime)
    other = replace(runtime, cache=tmp_path, workers=9, device="cpu", signing_key=tmp_path)
    assert ran(stages(), Recipe(), other) == []


def test_a_key_does_not_change_between_versions(runtime):
    first = stages(external=lambda _recipe, _runtime: ["abc"])[0]
    assert key_of(first, Recipe(), {}, runtime) == (
        "f7f851f98879547ab4aa068e80966f4be611faf1a34500c0eacd119a38773401"
    )


def test_a_key_depends_on_what_an_input_holds_not_on_where_it_is(runtime, tmp_path):
    first, second, _ = stages()
    here = run_stage(first, Recipe(), {}, runtime).artifact
    there = run_stage(first, Recipe(), {}, replace(runtime, runs=tmp_path / "other")).artifact
    keys = {key_of(second, Recipe(), {"documents": a}, runtime) for a in (here, there)}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("until", "names"),
    [("ingest", ["ingest"]), ("chunk", ["ingest", "chunk"]), ("count", ALL)],
)
def test_a_stage_brings_the_stages_it_needs(until, names):
    assert [stage.name for stage in select(stages(), until)] == names


def test_a_stage_that_is_not_needed_is_left_out():
    side = Stage(name="side", needs=("documents",), makes="other", sections=(), run=count)
    first, second, third = stages()
    assert select((first, side, second, third), "count") == [first, second, third]


def test_an_unknown_stage_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match="there is no stage 'bake'") as info:
        select(stages(), "bake")
    assert info.value.hint == "Stages: ingest, chunk, count."


def states(chosen, recipe, runtime):
    return [(planned.stage, planned.state) for planned in plan_stages(chosen, recipe, runtime)]


def test_a_plan_says_what_would_be_reused_and_made(runtime):
    assert states(stages(), Recipe(), runtime) == [
        ("ingest", "make"),
        ("chunk", "make (after documents)"),
        ("count", "make (after corpus)"),
    ]
    run_stages(stages(), Recipe(), runtime)
    assert {state for _, state in states(stages(), Recipe(), runtime)} == {"reuse"}
    assert states(stages(), Recipe(seed=8), runtime) == [
        ("ingest", "reuse"),
        ("chunk", "make"),
        ("count", "make (after corpus)"),
    ]


def test_a_plan_names_the_place_where_the_run_puts_it(runtime):
    (planned,) = plan_stages(stages()[:1], Recipe(), runtime)
    made = run_stages(stages()[:1], Recipe(), runtime)
    assert planned.path == made["documents"].path


def test_a_plan_touches_nothing(runtime):
    plan_stages(stages(), Recipe(), runtime)
    assert not runtime.runs.exists()
    made = run_stages(stages(), Recipe(), runtime)["documents"]
    (made.path / "text.txt").unlink()
    assert states(stages(), Recipe(), runtime)[0] == ("ingest", "make")
    assert made.path.is_dir()


def with_problems(*problems):
    return {"check": lambda _recipe, _runtime: problems}


def never(job):
    raise AssertionError(f"{job} ran")


def test_the_problems_of_all_stages_are_reported_before_anything_runs(runtime):
    first, second, third = stages(run=never, **with_problems("no file a", "no file b"))
    third = replace(third, **with_problems("no teacher"))
    with pytest.raises(ConfigError, match=r"^no file a\nno file b\nno teacher$"):
        run_stages((first, second, third), Recipe(), runtime)
    assert not runtime.runs.exists()


def test_a_finished_stage_is_not_checked_again(runtime):
    first, second, third = stages()
    run_stages((first, second), Recipe(), runtime)
    gone = replace(first, **with_problems("the source is offline"))
    assert ran((gone, second, third), Recipe(), runtime) == ["count"]
    with pytest.raises(ConfigError, match="the source is offline"):
        run_stages((gone, second, third), Recipe(source="new"), runtime)


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "text.txt").unlink(),
        lambda root: (root / "text.txt").write_text("cut", "utf-8"),
        lambda root: (root / MANIFEST).unlink(),
        lambda root: (root / MANIFEST).write_text("{", "utf-8"),
    ],
    ids=["missing", "other size", "no manifest", "half a manifest"],
)
def test_a_damaged_artifact_is_set_aside_and_made_again(runtime, caplog, damage):
    made = run_stages(stages(), Recipe(), runtime)["documents"]
    damage(made.path)
    with caplog.at_level("WARNING", "sfta"):
        assert ran(stages(), Recipe(), runtime) == ["ingest"]
    (aside,) = made.path.parent.glob("damaged-*")
    assert f"{made.path} is damaged. Moved to {aside}" in caplog.text
    assert ran(stages(), Recipe(), runtime) == []


def test_a_failed_stage_keeps_its_work_and_the_next_run_continues_it(runtime):
    def fragile(job):
        done = job.work / "done"
        if not done.exists():
            assert list(job.work.iterdir()) == []
            done.write_text("paid for", "utf-8")
            raise ConfigError("the teacher went away")
        return ingest(job)

    (first, *_) = stages(run=fragile)
    with pytest.raises(ConfigError, match="the teacher went away"):
        run_stages((first,), Recipe(), runtime)
    assert [p.name for p in runtime.runs.glob("ingest/*")] == []
    (work,) = (runtime.runs / ".work").iterdir()
    assert (work / "done").read_text("utf-8") == "paid for"
    assert ran((first,), Recipe(), runtime) == ["ingest"]
    assert list((runtime.runs / ".work").iterdir()) == []


def test_two_stages_do_not_share_a_work_folder(runtime):
    places = []

    def remember(job):
        places.append(job.work)
        (job.out / "text.txt").write_text("x", "utf-8")
        return {}

    for recipe in (Recipe(), Recipe(source="other")):
        run_stages(stages(run=remember)[:1], recipe, runtime)
    assert len(set(places)) == 2


def test_only_one_run_at_a_time_makes_an_artifact(runtime):
    def meanwhile(job):
        with pytest.raises(SftaError, match="another run is making ingest-"):
            run_stages(stages(run=never)[:1], Recipe(), runtime)
        return ingest(job)

    assert ran(stages(run=meanwhile)[:1], Recipe(), runtime) == ["ingest"]


def test_reusing_needs_no_right_to_write(runtime):
    run_stages(stages(), Recipe(), runtime)
    before = sorted((p, p.stat().st_mtime_ns) for p in runtime.runs.rglob("*"))
    run_stages(stages(), Recipe(), runtime)
    assert sorted((p, p.stat().st_mtime_ns) for p in runtime.runs.rglob("*")) == before


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from sfta.core import artifact
    from sfta.core.config import Section
    from sfta.core.stage import Runtime, Stage, run_stages

    point = sys.argv[2]

    def here(name):
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(name, function):
        def wrapped(*arguments):
            here(name)
            return function(*arguments)
        return wrapped

    class Recipe(Section):
        seed: int = 7

    def run(job):
        here("before files")
        (job.work / "progress").write_text("half", "utf-8")
        (job.out / "a.txt").write_text("first", "utf-8")
        here("between files")
        (job.out / "b.txt").write_text("second", "utf-8")
        here("after files")
        return {"resumed": (job.work / "seen").exists()}

    if point != "nowhere":
        artifact.write_durably = before("before manifest", artifact.write_durably)
        Path.rename = before("before rename", Path.rename)
        artifact.sync_folder = before("after rename", artifact.sync_folder)
        artifact.sync_tree = lambda folder: None  # it would call sync_folder too early
    stage = Stage(name="make", needs=(), makes="thing", sections=("seed",), run=run)
    made = run_stages([stage], Recipe(), Runtime(runs=Path(sys.argv[1])))
    print(made["thing"].digest)
"""


def run_and_die(runs, point):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(runs), point],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'edge'}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    done = run_and_die(tmp_path_factory.mktemp("undisturbed"), "nowhere")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "point",
    ["before files", "between files", "after files", "before manifest", "before rename"],
)
def test_a_killed_stage_is_not_there_and_the_next_run_makes_it_whole(
    tmp_path, undisturbed, point
):
    killed = run_and_die(tmp_path, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = list((tmp_path / "make").iterdir())
    assert [p.name.startswith(".partial-") for p in left] == [True]
    assert len(list((tmp_path / ".work").iterdir())) == 1
    done = run_and_die(tmp_path, "nowhere")
    assert done.stdout == undisturbed, done.stderr
    (finished,) = (tmp_path / "make").iterdir()  # the leftover is gone
    assert sorted(p.name for p in finished.iterdir()) == ["a.txt", "b.txt", MANIFEST]
    assert list((tmp_path / ".work").iterdir()) == []


def test_a_stage_killed_after_the_rename_is_complete(tmp_path, undisturbed):
    killed = run_and_die(tmp_path, "after rename")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (finished,) = (tmp_path / "make").iterdir()
    made_at = json.loads((finished / MANIFEST).read_text("utf-8"))["facts"]["made_at"]
    done = run_and_die(tmp_path, "nowhere")
    assert done.stdout == undisturbed, done.stderr
    again = json.loads((finished / MANIFEST).read_text("utf-8"))["facts"]["made_at"]
    assert again == made_at


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_no_artifact_and_is_said_in_one_line(small_disk):
    program = """
        import sys
        from pathlib import Path
        import click
        from sfta.cli import main
        from sfta.core.config import Section
        from sfta.core.stage import Runtime, Stage, run_stages

        class Recipe(Section):
            seed: int = 7

        def run(job):
            (job.out / "large.bin").write_bytes(bytes(1 << 20))
            return {}

        @click.command()
        def cli():
            stage = Stage(name="make", needs=(), makes="thing", sections=(), run=run)
            run_stages([stage], Recipe(), Runtime(runs=Path(sys.argv[1])))

        main.cli = lambda: cli([])
        main.main()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(small_disk / "runs")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'edge'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: No space left on device",
        "hint: Check free disk space and permissions; finished stages are kept.",
    ]
    assert list((small_disk / "runs/make").iterdir()) == []
