"""Golden questions are answers of the report that a device can give again."""

import json

import pytest

from bundle_inputs import artifact, index_artifact
from sfta.stages.golden import golden_questions
from sfta_edge.golden import GoldenQuestion


def row(name, **changes):
    """One line of answers.jsonl: right, with a valid quote of the only chunk."""
    quote = {"number": 1, "text": "Stop", "chunk_id": "c1", "valid": True}
    facts = {
        "id": name, "arm": "raft_rag", "question": f"question {name}", "answerable": True,
        "kind": "fact", "refused": False, "right": True, "truncated": False, "quotes": [quote],
        "context": ["c1"],
    }  # fmt: skip
    return {**facts, **changes}


def refusal(name, **changes):
    return row(name, answerable=False, refused=True, quotes=[], **changes)


@pytest.fixture(name="golden")
def _golden(tmp_path):
    index = index_artifact(tmp_path / "index")

    def made(*rows):
        lines = "".join(json.dumps(line) + "\n" for line in rows)
        report = artifact(tmp_path / f"report-{len(lines)}", "report", {"answers.jsonl": lines})
        return golden_questions(report, index.file("knowledge.sqlite")).questions

    return made


def test_an_answer_comes_with_the_page_that_it_quotes(golden):
    assert golden(row("a")) == (GoldenQuestion("question a", False, (("manual.pdf", 1),)),)


def test_a_refusal_that_was_right_is_golden(golden):
    assert golden(refusal("r")) == (GoldenQuestion("question r", True),)


@pytest.mark.parametrize(
    "changes",
    [
        {"right": False},
        {"refused": True},
        {"truncated": True},
        {"arm": "base_rag"},
        {"quotes": []},
        {"quotes": [{"number": 1, "text": "x", "chunk_id": "c1", "valid": False}]},
        {"context": ["of the question itself"]},
    ],
)
def test_what_a_device_cannot_give_again_is_left_out(golden, changes):
    assert golden(row("a", **changes)) == ()


def test_a_refusal_of_a_question_with_an_answer_is_no_example(golden):
    assert golden(refusal("r") | {"answerable": True, "right": False}) == ()


def test_six_answers_and_three_refusals_are_enough(golden):
    found = golden(*(row(f"a{n}") for n in range(9)), *(refusal(f"r{n}") for n in range(9)))
    assert [question.refused for question in found] == [False] * 6 + [True] * 3


def test_every_kind_has_its_turn(golden):
    rows = [row(f"{kind}{n}", kind=kind) for kind in ("code", "table") for n in range(9)]
    kinds = {question.question.split()[1].rstrip("0123456789") for question in golden(*rows)}
    assert kinds == {"code", "table"}


def test_the_same_report_gives_the_same_questions(golden):
    rows = [row(f"a{n}") for n in range(20)]
    assert golden(*rows) == golden(*reversed(rows))
