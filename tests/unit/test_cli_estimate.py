"""`sfta generate --dry-run`: what asking would cost, and nothing made or asked."""

import json

import pytest
from click.testing import CliRunner

from sfta.cli.estimate_screen import print_estimate
from sfta.cli.stage import COMMANDS
from sfta.core.artifact import Artifact, writing
from sfta.stages import teacher_estimate
from sfta_edge.manifest import canonical_json

RECIPE = """\
# A recipe.
name: pumps
ingest: {sources: [documents]}
model: {base: x}
generate:
  teacher: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: m}
  budget: {tokens: 100000}
  prices: {m: {prompt: 2.0, completion: 8.0, currency: EUR}}
"""
CHUNK = {"id": "c", "document_id": "d", "title": "T", "page": 1, "start": 0, "end": 9,
         "heading": "H", "text": "The pump weighs 3 kg."}  # fmt: skip


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    with writing(tmp_path / "corpus", "corpus", {}) as out:
        (out / "chunks.jsonl").write_bytes(canonical_json(CHUNK) + b"\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")
    made = Artifact.open(tmp_path / "corpus")
    monkeypatch.setattr(teacher_estimate, "corpus_of", lambda _recipe, _runtime: made)
    return tmp_path


def call(folder, *options):
    result = CliRunner().invoke(
        COMMANDS["generate"],
        [str(folder / "recipe.yaml"), "--dry-run", "--runs", str(folder / "runs"), "--cache",
         str(folder / "cache"), *options],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return result.stdout


def test_calls_tokens_and_money_are_printed_with_the_most_they_can_be(corpus):
    lines = {line.split("  ")[0]: line.split() for line in call(corpus).splitlines() if line}
    assert lines["calls"][-1] == "1"
    assert int(lines["prompt tokens"][-1].replace(",", "")) > 100
    assert lines["completion tokens"][-1] == "1,024"
    assert "EUR" in "".join(lines["cost, EUR"])
    assert lines["generate.budget: fits"]
    assert not (corpus / "runs").exists()


def test_a_program_reads_the_same_as_json(corpus):
    read = json.loads(call(corpus, "--json"))
    assert (read["calls"], read["chunks"], read["currency"]) == (1, 1, "EUR")
    assert read["most_cost"] == pytest.approx(
        (read["most_prompt_tokens"] * 2 + 1024 * 8) / 1e6
    )  # fmt: skip


def test_a_price_that_is_missing_is_said(capsys):
    estimate = teacher_estimate.Estimate("openai: m", 2, calls=2, on_disk=1, measured_on=1)
    print_estimate(estimate.to_json(), as_json=False)
    out = capsys.readouterr().out
    assert "no price in generate.prices" in out
    assert "measured on 1 replies on disk" in out


def test_rules_are_free(capsys):
    print_estimate(teacher_estimate.Estimate("extractive", 9).to_json(), as_json=False)
    out = capsys.readouterr().out
    assert "extractive" in out
    assert "guessed" not in out


def test_only_the_stage_that_may_cost_money_has_the_option():
    with_it = [name for name, command in COMMANDS.items()
               if "dry_run" in {option.name for option in command.params}]  # fmt: skip
    assert with_it == ["generate"]
