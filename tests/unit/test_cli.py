"""The command line: results on stdout, narration on stderr, no traceback for a mistake."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sfta.cli import main as program
from sfta.cli.main import COMMANDS, STAGE_COMMANDS, cli
from sfta.cli.options import make_runtime
from sfta.cli.screen import figures, print_outcomes, print_table
from sfta.core.artifact import Artifact
from sfta.core.stage import Outcome
from sfta_edge.errors import (
    ConfigError,
    IntegrityError,
    MissingDependencyError,
    SftaError,
    ToolError,
)

pytestmark = pytest.mark.usefixtures("logging_as_before")

ROOT = Path(__file__).parents[2]


def sfta(*arguments, cwd):
    """Run the real program."""
    return subprocess.run(
        [sys.executable, "-m", "sfta.cli.main", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'edge'}:{ROOT / 'export'}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_mistake_ends_the_program_with_code_2_and_one_line_for_each_problem(recipe_folder):
    done = sfta(
        "show", "recipe.yaml", "--set", "train.epoch=3", "--set", "seed=x", cwd=recipe_folder
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: recipe.yaml has 2 problems:",
        "  seed: input should be a valid integer",
        "  train.epoch: unknown key (did you mean epochs?)",
    ]


def test_the_program_runs_from_a_shell(recipe_folder):
    done = sfta("show", "recipe.yaml", "--json", cwd=recipe_folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "pumps"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["show", "none.yaml"], "error: there is no file none.yaml"),
        (["run", "none.yaml"], "error: there is no file none.yaml"),
        (["plan", "none.yaml"], "error: there is no file none.yaml"),
        (["train", "none.yaml"], "error: there is no file none.yaml"),
        (["run", "recipe.yaml", "--until", "bake"], "error: there is no stage 'bake'"),
        (["run", "recipe.yaml", "--set", "train.epochs"], "error: cannot read --set"),
        (["show", "recipe.yaml", "--set", "a.b=1"], "  a: unknown key"),
        (
            ["show", "recipe.yaml", "--set", "name.x=1"],
            "error: --set 'name.x=1': name is a value",
        ),
        (["show", "recipe.yaml", "--set", "seed=[1"], "error: cannot read the value '[1'"),
        (["show", "."], "error: cannot read ."),
    ],
)
def test_a_mistake_is_named(call_program, recipe_folder, monkeypatch, arguments, line):
    monkeypatch.chdir(recipe_folder)
    code, out, err = call_program(*arguments)
    assert code == 2
    assert out == ""
    assert any(said.startswith(line) for said in err.splitlines()), err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["bake"],
        ["show"],
        ["show", "recipe.yaml", "--sett", "a=1"],
        ["run", "x", "--device", "tpu"],
    ],
)
def test_wrong_usage_has_code_2(call_program, arguments):
    code, _, err = call_program(*arguments)
    assert code == 2
    assert "Usage:" in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SftaError("it broke", hint="Try again."), 1, ["error: it broke", "hint: Try again."]),
        (ConfigError("no file"), 2, ["error: no file"]),
        (ConfigError("a is wrong\nb is wrong"), 2, ["error: a is wrong", "error: b is wrong"]),
        (MissingDependencyError("no tool"), 3, ["error: no tool"]),
        (IntegrityError("changed: a"), 4, ["error: changed: a"]),
        (ToolError("teacher failed"), 5, ["error: teacher failed"]),
        (
            OSError(28, "No space left on device", "/runs/x"),
            1,
            [
                "error: No space left on device (/runs/x)",
                "hint: Check free disk space and permissions; finished stages are kept.",
            ],
        ),
        (
            OSError("odd"),
            1,
            [
                "error: odd",
                "hint: Check free disk space and permissions; finished stages are kept.",
            ],
        ),
    ],
)
def test_an_error_becomes_a_message_and_an_exit_code(
    call_program, monkeypatch, error, code, said
):
    @click.command()
    def fails():
        raise error

    monkeypatch.setattr(program, "cli", fails)
    found, out, err = call_program()
    assert (found, out) == (code, "")
    assert err.splitlines() == said


def test_a_defect_is_not_hidden(monkeypatch):
    @click.command()
    def fails():
        raise ZeroDivisionError

    monkeypatch.setattr(program, "cli", fails)
    monkeypatch.setattr(sys, "argv", ["sfta"])
    with pytest.raises(ZeroDivisionError):
        program.main()


def test_an_interrupted_program_says_so_without_a_traceback(call_program, monkeypatch):
    @click.command()
    def waits():
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "cli", waits)
    code, _, err = call_program()
    assert code == 1
    assert "Aborted!" in err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["run", "--help"], ["show", "--help"]]
)
def test_help_does_not_wait_for_torch(recipe_folder, arguments):
    code = (
        "import sys; from sfta.cli.main import cli\n"
        f"try: cli({arguments!r})\n"
        "finally: print('LOADED', *({'torch', 'transformers', 'datasets', 'matplotlib', 'pymupdf',"
        " 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
    assert done.stderr.split() == ["LOADED"]


def test_help_names_every_command_in_pipeline_order():
    text = CliRunner().invoke(cli, ["--help"]).output
    places = [text.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert set(STAGE_COMMANDS) < set(COMMANDS)


def test_the_version_is_printed(call_program):
    code, out, _ = call_program("--version")
    assert code == 0
    assert out.startswith("sfta, version ")


def test_runtime_options_become_the_runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    runtime = make_runtime(
        runs=Path("runs"), cache=Path("~/cache"), workers=2, executor="ray", device="cpu",
        key=None,
    )  # fmt: skip
    assert runtime.cache == tmp_path / "cache"
    assert (runtime.workers, runtime.device, runtime.signing_key) == (2, "cpu", None)
    assert runtime.executor == "ray"


def test_a_table_is_as_wide_as_its_cells(capsys):
    print_table(
        ("stage", "", "s"), [("chunk", "made", "1.0"), ("a long one", "reused", "12.0")]
    )
    assert capsys.readouterr().out.splitlines() == [
        "stage               s",
        "chunk       made    1.0",
        "a long one  reused  12.0",
    ]


def test_key_figures_are_the_first_plain_ones():
    metrics = {"rows": 120, "loss": 0.123456, "list": [1], "model": "x", "a": 1, "b": 2, "c": 3}
    assert figures(metrics) == "rows 120  loss 0.1235  model x  a 1  b 2"
    assert figures(metrics, 1) == "rows 120"
    assert figures({}) == ""


def test_outcomes_end_with_the_next_command(corpus_artifact, capsys):
    outcome = Outcome("chunk", Artifact.open(corpus_artifact), reused=False, seconds=1.25)
    print_outcomes([outcome], as_json=False, recipe=Path("my.yaml"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["chunk", "made", "1.2", "chunks", "2"]
    assert lines[-2:] == [f"corpus: {corpus_artifact}", "next: sfta index my.yaml"]


@pytest.mark.parametrize("stage", STAGE_COMMANDS)
def test_every_stage_has_a_next_command(corpus_artifact, capsys, stage):
    outcome = Outcome(stage, Artifact.open(corpus_artifact), reused=True, seconds=0.0)
    print_outcomes([outcome], as_json=False, recipe=Path("my.yaml"))
    assert capsys.readouterr().out.splitlines()[-1].startswith("next: s")


def test_quiet_and_verbose_set_what_is_narrated(call_program, corpus_artifact):
    for flags, level in (([], "INFO"), (["-q"], "WARNING"), (["-v"], "DEBUG")):
        call_program(*flags, "inspect", corpus_artifact)
        assert logging.getLevelName(logging.getLogger("sfta").level) == level
        logging.getLogger().handlers[:] = [
            h for h in logging.getLogger().handlers if type(h) is not logging.StreamHandler
        ]


def test_keygen_makes_a_pair_once(call_program, tmp_path):
    code, out, _ = call_program("keygen", tmp_path / "release.pem")
    assert code == 0
    assert (tmp_path / "release.pub").is_file()
    assert (tmp_path / "release.pem").stat().st_mode & 0o077 == 0
    assert "keep it offline" in out
    before = (tmp_path / "release.pem").read_bytes()
    code, _, _ = call_program("keygen", tmp_path / "release.pem")
    assert code != 0
    assert (tmp_path / "release.pem").read_bytes() == before
