"""The stage generate with people as the teacher: their file becomes rows like any other."""

import json

import pytest

from generated_rows import all_rows, generate, page_text
from sfta.core.config import build
from sfta.core.stage import Runtime
from sfta.recipe import Recipe
from sfta.stages.generate import STAGE
from sfta_edge.errors import ConfigError


def question(number, **more):
    """What somebody asks about the page of a part."""
    answer = f"{number + 2}.5 bar"
    part = page_text(number).split(" opens")[0].removeprefix("The ")
    return {"question": f"At what pressure does the {part} open?", "answers": [answer], **more}


def recipe(folder, text, **more):
    (folder / "asked.jsonl").write_text(text, "utf-8")
    teacher = {"kind": "written", "file": "asked.jsonl"}
    settings = {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": "x"},
                "generate": {"teacher": teacher}, **more}  # fmt: skip
    made = build(Recipe, settings, name="recipe")
    made._root = folder
    return made


def test_questions_of_people_become_rows_with_quotes_and_refusals(inputs, tmp_path):
    asked = [question(n) for n in range(24)]
    asked.append(
        {"question": "Who made the main pump MP-0?", "answers": [], "answerable": False}
    )
    asked.append(
        question(0, answers=["99 bar"], question="When does the main pump MP-0 burst?")
    )
    file = tmp_path / "asked.jsonl"
    file.write_text("".join(json.dumps(q) + "\n" for q in asked), "utf-8")
    out, metrics = generate(
        inputs, tmp_path / "run", teacher={"kind": "written", "file": str(file)},
        filters={"round_trip": "count"},
    )  # fmt: skip
    rows = all_rows(out)
    answered = [row for row in rows if row["quotes"]]
    assert len(answered) >= 15
    assert {row["teacher"] for row in rows} == {"written"}
    for row in answered:
        assert f'"{row["quotes"][0]["text"]}"\nAnswer: {row["answer"]}' in row["completion"]
    assert metrics["rejected"]["no sentence holds the answer"] == 1
    assert metrics["teacher"] == {"questions": 26, "placed": 25}
    assert "written" in (out / "README.md").read_text("utf-8")


def test_a_file_that_cannot_be_used_is_found_before_anything_runs(tmp_path):
    found = STAGE.check(recipe(tmp_path, '{"question": "Why?"}\n[]\n'), Runtime())
    assert found[0].startswith("generate.teacher.file: ")
    assert any("record 2: is not an object" in line for line in found)


def test_another_file_content_is_another_dataset(tmp_path):
    first = STAGE.external(recipe(tmp_path, "a"), Runtime())
    assert first["written"] != STAGE.external(recipe(tmp_path, "b"), Runtime())["written"]


def test_the_questions_that_measure_the_model_are_not_taught(tmp_path):
    with pytest.raises(ConfigError, match="another file than"):
        recipe(tmp_path, "", evaluate={"questions": "./asked.jsonl"})
