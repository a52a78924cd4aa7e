"""`sfta robustness` and `sfta inspect` of what it makes."""

import json

import pytest
from click.testing import CliRunner

from evaluated_models import artifact
from sfta.cli.inspect import command as inspect
from sfta.cli.main import cli
from sfta.cli.robustness_screen import print_robustness

RECORD = {
    "arms": {"raft_rag": "Trained model + retrieval", "base_rag": "Base model + retrieval"},
    "probes": [
        {
            "name": "wrong_documents",
            "sentences": {"raft_rag": ["It refuses 40%.", "It guesses 60%."], "base_rag": []},
        },
        {"name": "typos", "sentences": {"raft_rag": [], "base_rag": ["Nothing is lost."]}},
    ],
    "notes": ["Only 20 questions: the intervals are wide."],
}


def test_sentences_are_printed_by_probe_and_arm(capsys):
    print_robustness(RECORD)
    assert capsys.readouterr().out.splitlines() == [
        "",
        "wrong documents",
        "  Trained model + retrieval: It refuses 40%. It guesses 60%.",
        "",
        "typos",
        "  Base model + retrieval: Nothing is lost.",
        "",
        "  Only 20 questions: the intervals are wide.",
    ]


def test_long_sentences_are_wrapped(capsys):
    long = {"name": "typos", "sentences": {"raft_rag": ["word " * 60], "base_rag": []}}
    print_robustness(RECORD | {"probes": [long]})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 96
    assert lines[3].startswith("    word")


def test_an_artifact_of_this_kind_is_inspected_with_its_sentences(tmp_path):
    files = {"robustness.json": json.dumps(RECORD).encode()}
    made = artifact(tmp_path / "made", "robustness", files)
    result = CliRunner().invoke(inspect, [str(made.path)])
    assert result.exit_code == 0, result.output
    assert "It refuses 40%. It guesses 60%." in result.output
    assert "verified" in result.output


def test_a_changed_record_is_not_shown(tmp_path):
    made = artifact(tmp_path / "made", "robustness", {"robustness.json": b"{}"})
    (made.path / "robustness.json").write_bytes(b"[]")
    result = CliRunner().invoke(inspect, [str(made.path)])
    assert result.exit_code != 0


@pytest.mark.parametrize("argument", ["--help", "-h"])
def test_the_command_says_what_it_does(argument):
    result = CliRunner().invoke(cli, ["robustness", argument])
    assert result.exit_code == 0
    assert "contradicting and hostile documents" in " ".join(result.output.split())
    assert "Example: sfta robustness my.yaml" in result.output


def test_the_command_stands_among_the_others():
    result = CliRunner().invoke(cli, ["--help"])
    assert "  robustness " in result.output
