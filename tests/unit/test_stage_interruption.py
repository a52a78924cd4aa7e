"""A stage that fails, is killed or fills the disk leaves nothing half made."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from counting_stages import Recipe, ingest, never, ran, stages
from sfta.core.stage import (
    run_stages,
)
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import MANIFEST

ROOT = Path(__file__).parents[2]


def test_a_failed_stage_keeps_its_work_and_the_next_run_continues_it(stage_runtime):
    def fragile(job):
        done = job.work / "done"
        if not done.exists():
            assert list(job.work.iterdir()) == []
            done.write_text("paid for", "utf-8")
            raise ConfigError("the teacher went away")
        return ingest(job)

    (first, *_) = stages(run=fragile)
    with pytest.raises(ConfigError, match="the teacher went away"):
        run_stages((first,), Recipe(), stage_runtime)
    assert [p.name for p in stage_runtime.runs.glob("ingest/*")] == []
    (work,) = (stage_runtime.runs / ".work").iterdir()
    assert (work / "done").read_text("utf-8") == "paid for"
    assert ran((first,), Recipe(), stage_runtime) == ["ingest"]
    assert list((stage_runtime.runs / ".work").iterdir()) == []


def test_two_stages_do_not_share_a_work_folder(stage_runtime):
    places = []

    def remember(job):
        places.append(job.work)
        (job.out / "text.txt").write_text("x", "utf-8")
        return {}

    for recipe in (Recipe(), Recipe(source="other")):
        run_stages(stages(run=remember)[:1], recipe, stage_runtime)
    assert len(set(places)) == 2


def test_only_one_run_at_a_time_makes_an_artifact(stage_runtime):
    def meanwhile(job):
        with pytest.raises(SftaError, match="another run is making ingest-"):
            run_stages(stages(run=never)[:1], Recipe(), stage_runtime)
        return ingest(job)

    assert ran(stages(run=meanwhile)[:1], Recipe(), stage_runtime) == ["ingest"]


def test_reusing_needs_no_right_to_write(stage_runtime):
    run_stages(stages(), Recipe(), stage_runtime)
    before = sorted((p, p.stat().st_mtime_ns) for p in stage_runtime.runs.rglob("*"))
    run_stages(stages(), Recipe(), stage_runtime)
    assert sorted((p, p.stat().st_mtime_ns) for p in stage_runtime.runs.rglob("*")) == before


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
