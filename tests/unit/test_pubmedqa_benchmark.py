"""PubMedQA: what is held out, what is taught, which arms are compared, how accuracy is counted."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.plain import parse_plain
from sfta.evaluation.questions import read_questions
from sfta_edge.citation import find_quote

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks/pubmedqa.py"))
SIZE, COUNT = 60, 20


def abstract(number):
    return (
        f"AIM: Whether drug{number} lowers the pressure of patients was asked.\n\n"
        f"RESULTS: We saw {number} patients. With drug{number} the pressure of\npatients fell. "
        f"Nobody complained of drug{number}."
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder, out = tmp_path_factory.mktemp("pubmed"), tmp_path_factory.mktemp("out")
    corpus = [{"id": f"{n}", "title": f"PubMed {n}", "text": abstract(n)} for n in range(SIZE)]
    questions = [
        {
            "id": f"{n}", "question": f"Does drug{n} lower pressure?", "oracle_ids": [f"{n}"],
            "answers": [("yes", "no", "maybe")[n % 3]], "answerable": True,
            # Every tenth says nothing that stands in the abstract.
            "long_answer": ("Unclear." if n % 10 == 9 else f"drug{n}: the pressure fell."),
        }
        for n in range(SIZE)
    ]  # fmt: skip
    for name, records in (("corpus", corpus), ("questions", questions)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    return SCRIPT["prepare"](out, folder, COUNT), out


def pages(out):
    return (out / "abstracts.txt").read_text("utf-8").split("\f")


def learned(out):
    return [json.loads(line) for line in (out / "learned.jsonl").read_text().splitlines()]


def test_every_question_is_measured_by_or_learnt_from_or_counted(prepared):
    counts, out = prepared
    assert counts["measured"] == len(read_questions(out / "measured.jsonl")) == COUNT
    assert counts["to learn from"] == len(learned(out))
    assert sum(counts.values()) == SIZE
    assert counts["without a sentence for the answer"] > 0


def test_no_question_that_is_measured_by_is_learnt_from_nor_is_its_abstract(prepared):
    out = prepared[1]
    asked = read_questions(out / "measured.jsonl")
    taught = learned(out)
    assert not {q.question for q in asked} & {row["question"] for row in taught}
    places = {page.page for question in asked for page in question.oracle_pages}
    assert len(places) == COUNT
    assert not places & {page["page"] for row in taught for page in row["oracle_pages"]}


def test_every_quote_stands_in_the_abstract_that_is_written(prepared):
    out = prepared[1]
    for row in learned(out):
        (place,) = row["oracle_pages"]
        text = pages(out)[place["page"] - 1]
        assert find_quote(row["quotes"][0], text) is not None
        assert row["quotes"][0].endswith("patients fell.")


def test_every_abstract_is_a_page_also_those_of_the_questions_that_are_asked(prepared):
    out = prepared[1]
    parsed = parse_plain((out / "abstracts.txt").read_text("utf-8"))
    assert [page.number for page in parsed.pages] == list(range(1, SIZE + 1))
    for question in read_questions(out / "measured.jsonl"):
        text = parsed.pages[question.oracle_pages[0].page - 1].text
        assert f"drug{question.id} lowers" in text


def test_the_last_of_equal_sentences_is_quoted():
    text = "RESULTS: Alpha beta gamma delta. Alpha beta gamma delta."
    assert SCRIPT["nearest_sentence"](text, "alpha beta gamma") == "Alpha beta gamma delta."


def test_findings_are_quoted_before_aims_however_near_these_are():
    text = "AIM: alpha beta gamma delta.\n\nMAIN RESULTS: So alpha and beta with gamma went."
    found = SCRIPT["nearest_sentence"](text, "Alpha beta gamma delta.")
    assert found == "MAIN RESULTS: So alpha and beta with gamma went."
    assert SCRIPT["nearest_sentence"]("Alpha beta gamma delta.", "alpha beta gamma delta")


def test_a_sentence_too_long_to_quote_is_passed_over():
    text = "RESULTS: alpha beta gamma " + "word " * 60 + "end. Alpha beta gamma is short."
    assert SCRIPT["nearest_sentence"](text, "alpha beta gamma") == "Alpha beta gamma is short."


@given(st.text(max_size=200), st.text(max_size=80))
def test_a_quote_is_always_a_part_of_its_abstract(text, conclusion):
    found = SCRIPT["nearest_sentence"](text, conclusion)
    assert found is None or found in text


def test_arms_of_training_differ_in_training_and_in_nothing_before_it(tmp_path):
    closed = SCRIPT["recipe"](tmp_path, {"rows": "closed_book"}, 100, {})
    sft = {"kind": "file", "path": "x.gguf"}
    raft = SCRIPT["recipe"](tmp_path, {}, 100, {"sft": sft})
    for section in ("ingest", "chunk", "index", "retrieval", "model", "prompt", "generate"):
        assert getattr(closed, section) == getattr(raft, section)
    assert closed.train.model_copy(update={"rows": "raft"}) == raft.train
    assert raft.evaluate.arms == list(SCRIPT["_ARMS"])
    assert not closed.evaluate.choose_quotes
    assert raft.evaluate.choose_quotes


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("yes", "yes"),
        ("No, it does not; maybe later.", "no"),
        ("Answer: Maybe.", "maybe"),
        ("Nothing is known of the north.", ""),
        ("", ""),
    ],
)
def test_the_first_of_the_three_words_decides(answer, said):
    assert SCRIPT["decision"](answer) == said


def line(wanted, answer, *, refused=False):
    return {
        "answers": [wanted], "answer": answer, "refused": refused, "cluster": f"{wanted}{answer}",
        "exact_match": answer == wanted,
    }  # fmt: skip


def test_accuracy_macro_f1_and_counts_are_those_worked_out_by_hand():
    lines = [
        line("yes", "yes"),
        line("yes", "Yes, it does."),
        line("no", "yes"),
        line("no", "no"),
        line("maybe", "no information", refused=True),
    ]
    found = SCRIPT["figures"](lines)
    assert found["exact"]["value"] == pytest.approx(0.4)
    assert found["lenient"]["value"] == pytest.approx(0.6)
    # yes: 2 of 3 said, 2 of 2 wanted; no: 1 of 1 said, 1 of 2 wanted; maybe: none.
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3 + 0.0) / 3)
    assert found["said"] == [3, 1, 0, 1]
    low, high = found["exact"]["interval"]
    assert low <= 0.4 <= high


def test_always_yes_is_right_as_often_as_yes_is_wanted():
    lines = [line("yes", "no"), line("no", "no"), line("maybe", "", refused=True)]
    found = SCRIPT["figures"](SCRIPT["always_yes"](lines))
    assert found["exact"]["value"] == found["lenient"]["value"] == pytest.approx(1 / 3)
    assert found["said"] == [3, 0, 0, 0]


def test_the_table_has_a_line_for_each_arm_with_intervals():
    found = SCRIPT["figures"]([line("yes", "yes"), line("yes", "yes")])
    head, rule, row = SCRIPT["table"]({"RAFT": found}).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|") == 6
    assert (
        row == "| RAFT | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 0.333 | 2 / 0 / 0 / 0 |"
    )
