"""The command line: results on stdout, narration on stderr, no traceback for a mistake."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from sfta.cli import main as program
from sfta.cli.main import COMMANDS, STAGE_COMMANDS, cli
from sfta.cli.options import make_runtime
from sfta.cli.screen import figures, print_outcomes, print_table
from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Outcome
from sfta.recipe import load_recipe
from sfta_edge.errors import (
    ConfigError,
    IntegrityError,
    MissingDependencyError,
    SftaError,
    ToolError,
)

ROOT = Path(__file__).parents[2]
RECIPE = "name: pumps\ningest:\n  sources: [documents]\nmodel:\n  base: models/student\n"


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


@pytest.fixture(autouse=True)
def logging_as_before():
    """A command sets up the program's logger; put it back for the other tests."""
    logger = logging.getLogger("sfta")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def call(monkeypatch, capsys):
    """Call the program in this process: exit code, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sfta", *map(str, arguments)])
        monkeypatch.setattr(program, "_silence_libraries", lambda: None)
        with pytest.raises(SystemExit) as info:
            program.main()
        said = capsys.readouterr()
        return info.value.code, said.out, said.err

    return run


@pytest.fixture
def project(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")
    return tmp_path


@pytest.fixture
def artifact(tmp_path):
    facts = {"metrics": {"chunks": 2}, "made_at": "2026-01-01T00:00:00Z"}
    with writing(tmp_path / "runs/chunk/0123456789abcdef", "corpus", facts) as out:
        (out / "chunks.jsonl").write_text("{}\n", "utf-8")
    return tmp_path / "runs/chunk/0123456789abcdef"


def test_a_mistake_ends_the_program_with_code_2_and_one_line_for_each_problem(project):
    done = sfta("show", "recipe.yaml", "--set", "train.epoch=3", "--set", "seed=x", cwd=project)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: recipe.yaml has 2 problems:",
        "  seed: input should be a valid integer",
        "  train.epoch: unknown key (did you mean epochs?)",
    ]


def test_the_program_runs_from_a_shell(project):
    done = sfta("show", "recipe.yaml", "--json", cwd=project)
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
def test_a_mistake_is_named(call, project, monkeypatch, arguments, line):
    monkeypatch.chdir(project)
    code, out, err = call(*arguments)
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
def test_wrong_usage_has_code_2(call, arguments):
    code, _, err = call(*arguments)
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
def test_an_error_becomes_a_message_and_an_exit_code(call, monkeypatch, error, code, said):
    @click.command()
    def fails():
        raise error

    monkeypatch.setattr(program, "cli", fails)
    found, out, err = call()
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


def test_an_interrupted_program_says_so_without_a_traceback(call, monkeypatch):
    @click.command()
    def waits():
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "cli", waits)
    code, _, err = call()
    assert code == 1
    assert "Aborted!" in err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["run", "--help"], ["show", "--help"]]
)
def test_help_does_not_wait_for_torch(project, arguments):
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


def test_the_version_is_printed(call):
    code, out, _ = call("--version")
    assert code == 0
    assert out.startswith("sfta, version ")


def test_show_prints_every_default_and_the_result_is_the_same_recipe(call, project):
    code, out, err = call("show", project / "recipe.yaml", "--set", "train.lora.rank=8")
    assert (code, err) == (0, "")
    printed = yaml.safe_load(out)
    assert printed["train"]["lora"] == {
        "rank": 8,
        "alpha": 32,
        "dropout": 0.0,
        "target_modules": [],
    }
    (project / "printed.yaml").write_text(out, "utf-8")
    assert load_recipe(project / "printed.yaml").model_dump(mode="json") == printed


def test_show_answers_in_json_with_the_same_settings(call, project):
    _, text, _ = call("show", project / "recipe.yaml")
    _, out, _ = call("show", project / "recipe.yaml", "--json")
    assert json.loads(out) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("pumps", "pumps"),
        ("My Pumps 2", "my-pumps-2"),
        ("füße_日本", "f-e"),
        ("---", "my-model"),
        ("x" * 100, "x" * 63),
        ("x" * 62 + "-y", "x" * 62),
    ],
)
def test_init_makes_a_recipe_that_loads(call, tmp_path, folder, name):
    code, out, _ = call("init", tmp_path / folder)
    recipe = load_recipe(tmp_path / folder / "recipe.yaml")
    assert code == 0
    assert recipe.name == name
    assert (recipe.root / "documents").is_dir()
    assert f"sfta run {tmp_path / folder / 'recipe.yaml'}" in out


def test_init_replaces_nothing(call, project):
    code, _, err = call("init", project)
    assert code == 2
    assert "exists already" in err
    assert (project / "recipe.yaml").read_text("utf-8") == RECIPE


def test_inspect_verifies_and_describes(call, artifact):
    code, out, _ = call("inspect", artifact)
    assert code == 0
    assert out.startswith(f"corpus  {Artifact.open(artifact).digest}\n")
    assert "verified" in out
    assert "chunks.jsonl  3" in out
    assert "chunks: 2" in out
    _, out, _ = call("inspect", artifact, "--json")
    assert json.loads(out)["files"] == {"chunks.jsonl": 3}


def test_inspect_finds_a_flipped_byte(call, artifact):
    (artifact / "chunks.jsonl").write_text("[]\n", "utf-8")
    code, out, err = call("inspect", artifact)
    assert (code, out) == (4, "")
    assert "error: changed: chunks.jsonl" in err


def test_inspect_of_something_else_is_an_integrity_error(call, tmp_path):
    code, _, err = call("inspect", tmp_path)
    assert code == 4
    assert "holds no readable manifest.json" in err


def test_inspect_shows_rows_of_a_dataset(call, tmp_path):
    row = {
        "id": "r1",
        "kind": "fact",
        "context": [
            {"chunk_id": "c1", "role": "oracle"},
            {"chunk_id": "c2", "role": "distractor"},
        ],
        "question": "What is the limit?",
        "completion": '[1] "The limit is 9 bar."\nAnswer: 9 bar',
    }
    with writing(tmp_path / "d", "dataset", {}) as out:
        lines = [json.dumps(row | {"id": f"r{n}"}) + "\n" for n in range(5)]
        (out / "train.jsonl").write_text("".join(lines), "utf-8")
    _, out, _ = call("inspect", tmp_path / "d", "--rows", "2")
    assert "r0  fact  context: oracle distractor\nQ: What is the limit?\n[1]" in out
    assert "r1" in out
    assert "r2" not in out


def test_runs_lists_what_is_finished(call, artifact, tmp_path):
    code, out, _ = call("runs", "--runs", tmp_path / "runs")
    assert code == 0
    line = next(text for text in out.splitlines() if str(artifact) in text)
    assert line.split() == [str(artifact), "corpus", "2026-01-01T00:00:00Z", "chunks", "2"]
    assert out.endswith("next: sfta inspect ARTIFACT\n")


def test_runs_of_an_empty_place_lists_nothing(call, tmp_path):
    code, out, _ = call("runs", "--runs", tmp_path / "none")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_a_plan_and_a_dry_run_say_the_same_and_make_nothing(call, project, monkeypatch):
    monkeypatch.chdir(project)
    (project / "documents").mkdir()
    (project / "documents/a.txt").write_text("The limit is 9 bar.", "utf-8")
    code, planned, _ = call("plan", "recipe.yaml", "--until", "ingest")
    assert code == 0
    assert planned.splitlines()[1].split()[:2] == ["ingest", "make"]
    _, dry, _ = call("run", "recipe.yaml", "--until", "ingest", "--dry-run")
    assert dry == planned
    assert not (project / "runs").exists()


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


def test_outcomes_end_with_the_next_command(artifact, capsys):
    outcome = Outcome("chunk", Artifact.open(artifact), reused=False, seconds=1.25)
    print_outcomes([outcome], as_json=False, recipe=Path("my.yaml"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["chunk", "made", "1.2", "chunks", "2"]
    assert lines[-2:] == [f"corpus: {artifact}", "next: sfta index my.yaml"]


@pytest.mark.parametrize("stage", STAGE_COMMANDS)
def test_every_stage_has_a_next_command(artifact, capsys, stage):
    outcome = Outcome(stage, Artifact.open(artifact), reused=True, seconds=0.0)
    print_outcomes([outcome], as_json=False, recipe=Path("my.yaml"))
    assert capsys.readouterr().out.splitlines()[-1].startswith("next: s")


def test_quiet_and_verbose_set_what_is_narrated(call, artifact):
    for flags, level in (([], "INFO"), (["-q"], "WARNING"), (["-v"], "DEBUG")):
        call(*flags, "inspect", artifact)
        assert logging.getLevelName(logging.getLogger("sfta").level) == level
        logging.getLogger().handlers[:] = [
            h for h in logging.getLogger().handlers if type(h) is not logging.StreamHandler
        ]


def test_keygen_makes_a_pair_once(call, tmp_path):
    code, out, _ = call("keygen", tmp_path / "release.pem")
    assert code == 0
    assert (tmp_path / "release.pub").is_file()
    assert (tmp_path / "release.pem").stat().st_mode & 0o077 == 0
    assert "keep it offline" in out
    before = (tmp_path / "release.pem").read_bytes()
    code, _, _ = call("keygen", tmp_path / "release.pem")
    assert code != 0
    assert (tmp_path / "release.pem").read_bytes() == before
