"""The script that makes documents and questions of question sets for the recipe `reading`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sfta.adapters.record_files import read_records
from sfta.evaluation.questions import read_questions
from sfta.raft.written import read_written

SCRIPT = Path(__file__).parents[2] / "configs/reading/prepare.py"
PASSAGES = 90


@pytest.fixture
def question_set(tmp_path):
    """Ninety passages of thirty articles; every third question has no answer."""
    folder = tmp_path / "trivia"
    folder.mkdir()
    corpus = [
        {
            "id": f"p{n:02d}",
            "title": f"Article {n % 30}",
            "text": f"Pump {n} starts\nat {n} bar.",
        }
        for n in range(PASSAGES)
    ]
    questions = [
        {"id": f"q{n}", "question": f"When does pump {n} start?", "answers": [f"{n} bar"],
         "oracle_ids": [f"p{n:02d}"], "answerable": True}
        if n % 3
        else {"id": f"q{n}", "question": f"When does pump {n} stop?", "answers": [],
              "oracle_ids": [], "near_ids": [f"p{n:02d}"], "answerable": False}
        for n in range(PASSAGES)
    ]  # fmt: skip
    for name, records in (("corpus", corpus), ("questions", questions)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    return folder


def prepare(out, *arguments):
    command = [sys.executable, str(SCRIPT), str(out), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def text_of(folder):
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.md")))


def test_every_passage_is_a_section_and_every_question_names_its_file(question_set, tmp_path):
    out = tmp_path / "out"
    assert prepare(out, question_set).stdout == "trivia: 90 questions, 0 held out\n"
    assert text_of(out / "documents").count("# Article ") == PASSAGES
    found, problems = read_written(read_records(out / "questions.jsonl"))
    assert problems == []
    assert len(found) == PASSAGES
    for question in found:
        ((file, page),) = question.pages
        said = question.question.split()[3]
        assert page == 1
        assert f"Pump {said} starts at {said} bar." in (out / "documents" / file).read_text()
    assert sum(not question.answers for question in found) == 30


def test_passages_of_an_article_stand_together(question_set, tmp_path):
    out = tmp_path / "out"
    prepare(out, question_set)
    titles = [line for line in text_of(out / "documents").splitlines() if line.startswith("# ")]
    assert titles == sorted(titles)


def test_what_is_held_out_is_nowhere_in_the_rest(question_set, tmp_path):
    out = tmp_path / "out"
    done = prepare(out, question_set, "--hold-out", "trivia:20")
    assert done.stdout == "trivia: 70 questions, 20 held out\n"
    held = read_questions(out / "held_out/trivia/questions.jsonl")
    learnt = text_of(out / "documents")
    asked = (out / "questions.jsonl").read_text("utf-8")
    assert len(held) == 20
    for question in held:
        number = question.question.split()[3]
        assert f"Pump {number} starts" not in learnt
        assert question.question not in asked


def test_the_measured_questions_are_asked_of_the_whole_corpus(question_set, tmp_path):
    out = tmp_path / "out"
    prepare(out, question_set, "--hold-out", "trivia:20")
    beside = out / "held_out/trivia"
    assert text_of(beside / "documents").count("# Article ") == PASSAGES
    for question in read_questions(beside / "questions.jsonl"):
        assert bool(question.oracle_pages) == question.answerable
        for page in question.oracle_pages:
            text = (beside / "documents" / page.document).read_text("utf-8")
            assert question.answers[0] in text


def test_the_same_sets_give_the_same_bytes(question_set, tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    for out in (first, again):
        prepare(out, question_set, "--hold-out", "trivia:5")
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert len(files) == 8
    for file in files:
        assert (first / file).read_bytes() == (again / file).read_bytes()


def test_a_set_that_is_not_there_cannot_be_held_out(question_set, tmp_path):
    done = prepare(tmp_path / "out", question_set, "--hold-out", "quiz:5")
    assert done.returncode == 2
    assert "names no set that is given: quiz" in done.stderr
    assert not (tmp_path / "out").exists()
