"""The target of the stage generate: a file of questions, and the rows that are near to it."""

import json

import pytest

from generated_rows import generate, write_inputs
from sfta.core.config import build
from sfta.core.stage import Runtime
from sfta.recipe import Recipe
from sfta.stages.generate import STAGE
from sfta.stages.target import target_problems, target_questions
from sfta_edge.errors import ConfigError


def recipe(folder, name, text, **more):
    (folder / name).write_text(text, "utf-8")
    settings = {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": "x"},
                "generate": {"target": {"questions": name}}, **more}  # fmt: skip
    made = build(Recipe, settings, name="recipe")
    made._root = folder
    return made


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("asked.txt", "Why?\n\n How  much?\nWhy?\n"),
        ("asked.jsonl", '{"question": "Why?"}\n{"question": "How much?", "id": 3}\n'),
        ("asked.csv", "question,asked\nWhy?,3\nHow much?,4\n"),
    ],
)
def test_a_file_of_lines_or_records_is_read(tmp_path, name, text):
    made = recipe(tmp_path, name, text)
    assert target_questions(made) == ("Why?", "How much?")
    assert target_problems(made) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("asked.txt", "\n \n", "holds no question"),
        ("asked.jsonl", '{"query": "Why?"}\n', "record 1: has no text in the field question"),
        ("asked.jsonl", '{"question": 3}\n', "record 1: has no text"),
        ("asked.jsonl", "{\n", "is not JSON"),
        ("asked.pdf", "%PDF", "are not read"),
    ],
)
def test_a_file_that_cannot_be_used_is_found_before_anything_runs(tmp_path, name, text, said):
    (problem,) = STAGE.check(recipe(tmp_path, name, text), Runtime())
    assert problem.startswith("generate.target.questions: ")
    assert said in problem


def test_a_file_that_is_not_there_is_found_before_anything_runs(tmp_path):
    made = recipe(tmp_path, "asked.txt", "Why?")
    (tmp_path / "asked.txt").unlink()
    (problem,) = target_problems(made)
    assert "asked.txt" in problem


def test_the_file_that_measures_the_model_is_no_target(tmp_path):
    with pytest.raises(ConfigError, match="another file than"):
        recipe(tmp_path, "asked.jsonl", "", evaluate={"questions": "./asked.jsonl"})


def test_another_file_content_is_another_dataset(tmp_path):
    first = STAGE.external(recipe(tmp_path, "asked.txt", "Why?"), Runtime())
    other = STAGE.external(recipe(tmp_path, "asked.txt", "How?"), Runtime())
    assert first["target"] != other["target"]


def test_the_rows_are_near_the_target_and_the_funnel_says_how_near(tmp_path):
    inputs = write_inputs(tmp_path / "inputs")
    asked = tmp_path / "asked.txt"
    asked.write_text("At what torque are the bolts tightened?\n", "utf-8")
    out, _ = generate(
        inputs, tmp_path / "run", target={"questions": str(asked), "keep": 0.3},
        filters={"round_trip": "count"},
    )  # fmt: skip
    funnel = json.loads((out / "funnel.json").read_bytes())
    target = funnel["target"]
    assert target["mean_cosine_of_kept"] > target["mean_cosine_of_all"]
    assert target["kept"] == pytest.approx(0.3 * target["of"], abs=1)
    (line,) = [line for line in funnel["filters"] if line["filter"] == "near the target"]
    assert line["on"]
    assert line["turned_away"] == target["of"] - target["kept"]
    assert len(line["examples"]) == 5
