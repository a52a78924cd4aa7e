"""Commands on recipes, runs and artifacts: what they print, make and leave alone."""

import json

import pytest
import yaml

from called_program import RECIPE
from sfta.core.artifact import Artifact, writing
from sfta.recipe import load_recipe

pytestmark = pytest.mark.usefixtures("logging_as_before")


def test_show_prints_every_default_and_the_result_is_the_same_recipe(
    call_program, recipe_folder
):
    code, out, err = call_program(
        "show", recipe_folder / "recipe.yaml", "--set", "train.lora.rank=8"
    )
    assert (code, err) == (0, "")
    printed = yaml.safe_load(out)
    assert printed["train"]["lora"] == {
        "rank": 8,
        "alpha": 32,
        "dropout": 0.0,
        "target_modules": [],
        "dora": False,
        "rank_stabilized": False,
    }
    (recipe_folder / "printed.yaml").write_text(out, "utf-8")
    assert load_recipe(recipe_folder / "printed.yaml").model_dump(mode="json") == printed


def test_show_answers_in_json_with_the_same_settings(call_program, recipe_folder):
    _, text, _ = call_program("show", recipe_folder / "recipe.yaml")
    _, out, _ = call_program("show", recipe_folder / "recipe.yaml", "--json")
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
def test_init_makes_a_recipe_that_loads(call_program, tmp_path, folder, name):
    code, out, _ = call_program("init", tmp_path / folder)
    recipe = load_recipe(tmp_path / folder / "recipe.yaml")
    assert code == 0
    assert recipe.name == name
    assert (recipe.root / "documents").is_dir()
    assert f"sfta run {tmp_path / folder / 'recipe.yaml'}" in out


def test_init_replaces_nothing(call_program, recipe_folder):
    code, _, err = call_program("init", recipe_folder)
    assert code == 2
    assert "exists already" in err
    assert (recipe_folder / "recipe.yaml").read_text("utf-8") == RECIPE


def test_inspect_verifies_and_describes(call_program, corpus_artifact):
    code, out, _ = call_program("inspect", corpus_artifact)
    assert code == 0
    assert out.startswith(f"corpus  {Artifact.open(corpus_artifact).digest}\n")
    assert "verified" in out
    assert "chunks.jsonl  3" in out
    assert "chunks: 2" in out
    _, out, _ = call_program("inspect", corpus_artifact, "--json")
    assert json.loads(out)["files"] == {"chunks.jsonl": 3}


def test_inspect_finds_a_flipped_byte(call_program, corpus_artifact):
    (corpus_artifact / "chunks.jsonl").write_text("[]\n", "utf-8")
    code, out, err = call_program("inspect", corpus_artifact)
    assert (code, out) == (4, "")
    assert "error: changed: chunks.jsonl" in err


def test_inspect_of_something_else_is_an_integrity_error(call_program, tmp_path):
    code, _, err = call_program("inspect", tmp_path)
    assert code == 4
    assert "holds no readable manifest.json" in err


def test_inspect_shows_rows_of_a_dataset(call_program, tmp_path):
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
    _, out, _ = call_program("inspect", tmp_path / "d", "--rows", "2")
    assert "r0  fact  context: oracle distractor\nQ: What is the limit?\n[1]" in out
    assert "r1" in out
    assert "r2" not in out


def test_runs_lists_what_is_finished(call_program, corpus_artifact, tmp_path):
    code, out, _ = call_program("runs", "--runs", tmp_path / "runs")
    assert code == 0
    line = next(text for text in out.splitlines() if str(corpus_artifact) in text)
    assert line.split() == [
        str(corpus_artifact),
        "corpus",
        "2026-01-01T00:00:00Z",
        "chunks",
        "2",
    ]
    assert out.endswith("next: sfta inspect ARTIFACT\n")


def test_runs_of_an_empty_place_lists_nothing(call_program, tmp_path):
    code, out, _ = call_program("runs", "--runs", tmp_path / "none")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_a_plan_and_a_dry_run_say_the_same_and_make_nothing(
    call_program, recipe_folder, monkeypatch
):
    monkeypatch.chdir(recipe_folder)
    (recipe_folder / "documents").mkdir()
    (recipe_folder / "documents/a.txt").write_text("The limit is 9 bar.", "utf-8")
    code, planned, _ = call_program("plan", "recipe.yaml", "--until", "ingest")
    assert code == 0
    assert planned.splitlines()[1].split()[:2] == ["ingest", "make"]
    _, dry, _ = call_program("run", "recipe.yaml", "--until", "ingest", "--dry-run")
    assert dry == planned
    assert not (recipe_folder / "runs").exists()
