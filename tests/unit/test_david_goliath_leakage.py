"""What of a test set stands in its training set: questions, texts, pages."""

import csv
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONG = "the pump of the second stand was opened after ninety hours and its seal was found dry"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "benchmarks/david_goliath_leakage.py"))


def prompt(text, asked):
    return (
        "Below is an instruction.\n\n### Instruction: Use the pieces of context.\n\n"
        f"Text: {text}\n### Input: {asked}\n### Response: It does.\n\n"
    )


TRAIN = [
    prompt(LONG, "When was the pump opened?"),
    prompt("A valve closes.\nIt opens again.", "What does the valve do?"),
]
TEST = [
    prompt(LONG.replace("second", "first"), "Who found the seal?"),
    prompt("Something else.", "what does the valve do"),
    prompt("Another text.", "Which belt is loose?"),
]


@pytest.fixture
def folder(tmp_path):
    for name, prompts in (("train", TRAIN), ("test", TEST)):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in prompts)
        (tmp_path / f"dataset_{name}.json").write_text(lines, "utf-8")
    return tmp_path


def test_a_row_is_read_into_its_question_and_its_text(script, folder):
    rows, unread = script["read_rows"](folder / "dataset_train.json")
    assert unread == 0
    assert [row["asked"] for row in rows] == [
        "When was the pump opened?", "What does the valve do?",
    ]  # fmt: skip
    assert rows[1]["text"] == "A valve closes.\nIt opens again."


def test_rows_in_another_form_are_counted(script, folder):
    path = folder / "dataset_test.json"
    path.write_text(path.read_text() + json.dumps({"text": "no form at all"}) + "\n")
    rows, unread = script["read_rows"](path)
    assert (len(rows), unread) == (3, 1)
    assert "unread: 1" in script["report"](folder)


def test_questions_and_texts_that_were_seen_are_found_to_the_letter_and_nearly(script, folder):
    test, train = (
        script["read_rows"](folder / f"dataset_{n}.json")[0] for n in ("test", "train")
    )
    asked = script["seen_in_training"](test, train, "asked")
    assert [(match.id, match.exact) for match in asked.matches] == [("test-001", True)]
    texts = script["seen_in_training"](test, train, "text")
    assert [(match.id, match.exact) for match in texts.matches] == [("test-000", False)]


def test_pages_that_both_sets_are_from_are_counted(script, folder):
    places = [
        (TRAIN[0], "a", "1"),
        (TEST[0], "a", "1"),
        (TEST[1], "a", "2"),
        (TEST[2], "b", "1"),
    ]
    with (folder / "SAI_dataset_0312.csv").open("w", newline="", encoding="utf-8-sig") as lines:
        writer = csv.writer(lines)
        writer.writerow(["text_synthetic", "pdf_name", "page"])
        writer.writerows(places)
    assert "of 3 test rows with a known page, 1 are from a page" in script["report"](folder)
    assert "and 2 from such a paper" in script["report"](folder)


def test_without_the_list_of_pages_nothing_is_said_of_them(script, folder):
    assert "known page" not in script["report"](folder)
