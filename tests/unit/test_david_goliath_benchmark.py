"""The cosine benchmark of one paper and of several: what is asked, of whom, and how it is told."""

import csv
import io
import json
import runpy
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from fake_engines import vectors_of
from judged_arms import CASES, CONTRACT, REFUSAL
from sfta.evaluation.questions import read_questions

ROOT = Path(__file__).parents[2]
PARAGRAPHS = (
    "The pump of the first test stand was opened after ninety hours and its seal was found dry.",
    "The valve that Merin described in her second letter closes at eight bar and opens at three.",
    "A belt that runs warm is a belt that runs loose, which the third chapter says in other words.",
)
COLUMNS = ("page", "text", "question", "answer", "gpt_response")
ROWS = (
    ("9", PARAGRAPHS[1], "At what pressure does it close?", "It closes at eight bar.", "Eight."),
    # Asked twice, in other case.
    ("9", PARAGRAPHS[1], "at what pressure does it close", "It closes at 8 bar.", "At 8 bar."),
    # The spaces of a paper that was read badly.
    ("9", PARAGRAPHS[2].replace(" b", "b "), "When is a belt loose?", "If it's warm.", "Warm."),
    ("9", PARAGRAPHS[0], "Who built it?",
     "The text does not provide information on who built it.", "Unknown."),
    ("9", "Nothing that stands in any paper at all, in no spelling.", "Why?", "Because.", "So."),
)  # fmt: skip


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "benchmarks/david_goliath.py"))


def write_corpus(folder, separator=";"):
    with pymupdf.open() as document:
        for text in PARAGRAPHS:
            document.new_page().insert_textbox((60, 60, 400, 400), text)
        document.save(folder / "joint_paper.pdf")
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([COLUMNS, *ROWS])
    (folder / "joint_paper_data.csv").write_text("\ufeff" + text.getvalue(), "utf-8")


@pytest.fixture
def prepared(script, tmp_path):
    write_corpus(tmp_path)
    counts = script["prepare"](tmp_path / "out", tmp_path, "joint")
    return counts, tmp_path / "out"


def test_each_question_is_asked_once_and_nothing_is_dropped_unsaid(prepared):
    counts, out = prepared
    asked = read_questions(out / "measured.jsonl")
    assert counts == {"lines": 5, "questions": 4, "placed": 3, "untold": 1}
    assert [question.question for question in asked] == [ROWS[i][2] for i in (0, 2, 3, 4)]
    assert asked[0].answers == ("It closes at eight bar.",)


def test_the_page_is_that_of_the_file_whatever_the_table_says_and_the_spaces_are(prepared):
    asked = read_questions(prepared[1] / "measured.jsonl")
    pages = [[(p.document, p.page) for p in question.oracle_pages] for question in asked]
    assert pages == [[("joint_paper.pdf", 2)], [("joint_paper.pdf", 3)], [], []]


def test_what_the_reference_says_is_not_told_has_no_answer(prepared):
    untold = read_questions(prepared[1] / "measured.jsonl")[2]
    assert not untold.answerable
    assert untold.answers == ()


def test_recorded_answers_belong_to_the_questions_that_are_asked(prepared):
    said = json.loads((prepared[1] / "recorded.json").read_text())
    assert said == {
        "joint-000": "Eight.", "joint-001": "Warm.", "joint-002": "Unknown.", "joint-003": "So.",
    }  # fmt: skip


def test_either_separator_gives_the_same_questions(script, prepared, tmp_path):
    other = tmp_path / "commas"
    other.mkdir()
    write_corpus(other, separator=",")
    script["prepare"](tmp_path / "again", other, "joint")
    first, second = (
        (out / "measured.jsonl").read_bytes() for out in (prepared[1], tmp_path / "again")
    )
    assert first == second


def test_no_question_of_the_table_is_taught(script, tmp_path):
    made = script["recipe"](tmp_path, tmp_path, "single", 120)
    assert made.generate.teacher.kind == "extractive"
    assert made.generate.max_rows == 120
    assert made.ingest.sources == [str(tmp_path / "single_paper.pdf")]
    assert made.generate.split.shares[2] == 0.0


def test_the_corpora_differ_in_paper_and_questions_alone(script, tmp_path):
    single, joint = (script["recipe"](tmp_path, tmp_path, n, 120) for n in ("single", "joint"))
    for section in ("chunk", "retrieval", "model", "prompt", "generate", "train", "evaluate"):
        assert getattr(single, section) == getattr(joint, section)


def embed(texts):
    vectors = vectors_of(texts) + 0.15
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def judged(script, tmp_path, said):
    settings = script["recipe"](tmp_path, tmp_path, "single", 120)
    return script["judged"](settings, CASES, said, CONTRACT, embed)


def test_recorded_answers_that_are_right_lie_above_the_floor(script, tmp_path):
    said = {c.question.id: (c.question.answers or ("?",))[0] for c in CASES}
    found = judged(script, tmp_path, said)
    assert found["token_f1"][0] == found["rouge_l"][0] == 1.0
    value, (low, high) = found["above_floor"]
    assert found["floor"][0] < found["cosine"][0]
    assert 0.5 < low <= value <= high <= 1.0


def test_recorded_refusals_are_counted_and_worth_nothing(script, tmp_path):
    found = judged(script, tmp_path, {case.question.id: REFUSAL for case in CASES})
    assert found["over_refusal_by_question"][0] == 1.0
    assert found["token_f1"][0] == 0.0
    assert found["above_floor"][0] == pytest.approx(0.0, abs=1e-6)


FOUND = {
    "Base model": {
        "cosine": (0.61, [0.55, 0.66]), "floor": (0.4, None), "above_floor": (0.35, [0.2, 0.5]),
        "rouge_l": (0.2, [0.1, 0.3]), "token_f1": (None, None),
    },
    "Below its floor": {
        "cosine": (0.3, [0.2, 0.4]), "floor": (0.4, None), "above_floor": (-0.2, [-0.4, 0.1]),
        "rouge_l": (0.2, [0.1, 0.3]), "token_f1": (0.1, [0.0, 0.2]),
    },
}  # fmt: skip


def test_the_table_has_a_line_for_each_arm_with_intervals(script):
    head, rule, *lines = script["table"](FOUND).splitlines()
    assert len({line.count("|") for line in (head, rule, *lines)}) == 1
    assert lines[0] == (
        "| Base model | 0.610 [0.550, 0.660] | 0.400 | 0.350 [0.200, 0.500] "
        "| 0.200 [0.100, 0.300] | - |"
    )


def test_pictures_are_written_with_the_same_bytes_each_time(tmp_path):
    plots = runpy.run_path(str(ROOT / "benchmarks/david_goliath_plots.py"))
    chunks = {
        name: [{"text": "word " * n, "tokens": n} for n in range(1, 90)]
        for name in ("single", "joint")
    }
    written = []
    for turn in ("one", "two"):
        plots["draw_cosine"]({"single": FOUND, "joint": FOUND}, tmp_path / turn / "cosine.png")
        plots["draw_chunks"](chunks, tmp_path / turn / "chunks.png")
        written.append([path.read_bytes() for path in sorted((tmp_path / turn).iterdir())])
    assert written[0] == written[1]
    assert all(png.startswith(b"\x89PNG") for png in written[0])
