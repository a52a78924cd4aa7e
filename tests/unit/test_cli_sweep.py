"""`sfta sweep` on the terminal: a table, what failed, and the next command."""

import json

import pytest
from click.testing import CliRunner

from sfta.cli import sweep as command
from sfta.stages import sweep as module
from sfta.stages.sweep import Tried

RECIPE = "name: tiny\ningest: {sources: [x]}\nmodel: {base: x}\n"


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Run the command with results instead of trials."""
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")

    def run(results, *more):
        monkeypatch.setattr(module, "run_trials", lambda _trials, _runtime: iter(results))
        over = json.dumps({"train.epochs": [one.values["train.epochs"] for one in results]})
        return CliRunner().invoke(
            command.command,
            [str(tmp_path / "recipe.yaml"), "--set", f"sweep.over={over}",
             "--runs", str(tmp_path / "runs"), *more],
            catch_exceptions=False,
        )  # fmt: skip

    return run


def test_the_table_is_ranked_and_the_best_is_the_next_command(swept, tmp_path):
    done = swept(
        [
            Tried({"train.epochs": 1}, 0.41, (0.3, 0.5), tmp_path / "a"),
            Tried({"train.epochs": 2}, problem="the training has diverged"),
            Tried({"train.epochs": 3}, 0.52, (0.4, 0.6), tmp_path / "b"),
        ]
    )
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["train.epochs", "overall_f1"]
    assert rows[0].split(maxsplit=1) == ["3", "0.5200 [0.400, 0.600]"]
    assert rows[2].split(maxsplit=1) == ["2", "failed: the training has diverged"]
    assert rows[-1].endswith("recipe.yaml --set train.epochs=3")
    (picture,) = (tmp_path / "runs/sweeps").glob("tiny-*/trials.png")
    assert str(picture) in done.stdout


def test_a_program_reads_the_same_as_json(swept):
    done = swept([Tried({"train.epochs": 1}, 0.41, (0.3, 0.5))], "--json")
    (one,) = json.loads(done.stdout)
    assert one["values"] == {"train.epochs": 1}
    assert one["interval"] == [0.3, 0.5]
    assert one["artifact"] == one["problem"] == ""


def test_where_every_trial_has_failed_nothing_is_proposed(swept):
    done = swept([Tried({"train.epochs": 1}, problem="no")])
    assert "next:" not in done.stdout


def test_values_that_are_no_numbers_can_be_pasted_into_a_shell(swept):
    done = swept([Tried({"train.epochs": 1, "train.early_stopping": None,
                         "train.lora.target_modules": ["q_proj", "v_proj"]}, 0.4)])  # fmt: skip
    assert done.stdout.splitlines()[-1].endswith(
        "--set train.epochs=1 --set train.early_stopping=null "
        """--set 'train.lora.target_modules=["q_proj", "v_proj"]'"""
    )
