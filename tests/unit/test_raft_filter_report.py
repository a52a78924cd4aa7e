"""Every filter has its line: what it turned away, why, with examples; or that it did not look."""

import numpy as np
import pytest

from sfta.raft.candidate import EXAMPLES_PER_REASON, Candidate, Rejected, Support
from sfta.raft.corpus import CorpusChunk
from sfta.raft.filter_report import FILTERS, filter_report, filters_off
from sfta.raft.filters import (
    drop_semantic_duplicates,
    supported,
    unreadable_reply,
    why_unusable,
)
from sfta.raft.row_config import FilterConfig

ROW_A, ROW_B = "Flange | 125 N·m", "Anchor | 90 N·m"
TEXT = f"{ROW_A}\n{ROW_B}"
CHUNKS = {"c": CorpusChunk("c", "d", "Manual", 1, 0, len(TEXT), "2 Torques", TEXT)}


def candidate(question="Which is tighter, the flange or the anchor?", **known):
    settings = {
        "kind": "comparison",
        "chunk_id": "c",
        "quote": ROW_A,
        "answer": "Flange",
        **known,
    }
    return Candidate(question=question, **settings)


def test_every_filter_has_a_line_even_if_it_found_nothing():
    report = filter_report([], filters_off(FilterConfig(), judged=False, aimed=False))
    assert [line["filter"] for line in report] == [name for name, _ in FILTERS]
    assert {line["turned_away"] for line in report} == {0}
    assert [line["filter"] for line in report if not line["on"]] == [
        "semantic duplicate", "near the target", "judge"]  # fmt: skip


def test_a_filter_that_is_turned_on_says_so():
    config = FilterConfig(semantic_duplicate=0.9, round_trip="count")
    assert filters_off(config, judged=True, aimed=True) == {"round trip"}


def test_counts_reasons_and_five_examples_of_each_filter():
    lost = [Rejected(candidate(f"Question number {n}?"), "quote length") for n in range(7)]
    lost += [
        Rejected(candidate(), "answer length"),
        Rejected(candidate(), "judge: answer wrong"),
    ]
    lost += [Rejected(candidate(), "not needed")]
    report = {line["filter"]: line for line in filter_report(lost, frozenset())}
    assert report["length"]["turned_away"] == 8
    assert report["length"]["reasons"] == {"answer length": 1, "quote length": 7}
    assert len(report["length"]["examples"]) == EXAMPLES_PER_REASON
    assert report["length"]["examples"][0] == {
        "reason": "quote length", "question": "Question number 0?", "answer": "Flange",
        "quote": ROW_A, "chunk_id": "c",
    }  # fmt: skip
    assert report["judge"]["turned_away"] == 1
    assert sum(line["turned_away"] for line in report.values()) == 9


def test_a_reply_that_is_no_json_stays_on_record():
    lost = unreadable_reply("I am sorry,\nbut " + "no " * 400, "c", "m")
    assert lost.reason == "unreadable reply"
    assert lost.candidate.question.startswith("I am sorry, but no")
    assert len(lost.candidate.question) <= 300
    (line,) = [f for f in filter_report([lost], frozenset()) if f["filter"] == "parse"]
    assert line["turned_away"] == 1


VECTORS = {"At what pressure does it open?": [1.0, 0.0], "It opens at what pressure?": [0.98, 0.2],
           "How heavy is it?": [0.0, 1.0], "Opening pressure?": [0.6, 0.8]}  # fmt: skip


def embed(texts):
    rows = np.array([VECTORS[text] for text in texts], dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_questions_that_mean_the_same_are_asked_once():
    asked = [candidate(q) for q in VECTORS]
    kept, lost = drop_semantic_duplicates(asked, embed, FilterConfig(semantic_duplicate=0.9))
    assert [c.question for c in kept] == [
        "At what pressure does it open?", "How heavy is it?", "Opening pressure?"]  # fmt: skip
    assert [(r.candidate.question, r.reason) for r in lost] == [
        ("It opens at what pressure?", "semantic duplicate question")]  # fmt: skip


def test_close_questions_with_other_answers_or_chunks_both_stay():
    first, second = list(VECTORS)[:2]
    config = FilterConfig(semantic_duplicate=0.9)
    for other in ({"answer": "Anchor"}, {"chunk_id": "e"}):
        asked = [candidate(first), candidate(second, **other)]
        assert drop_semantic_duplicates(asked, embed, config) == (asked, [])
    asked = [candidate(first, answer="", quote=""), candidate(second, answer="", quote="")]
    assert len(drop_semantic_duplicates(asked, embed, config)[0]) == 1


def test_without_the_setting_nothing_is_compared():
    asked = [candidate(q) for q in VECTORS]
    assert drop_semantic_duplicates(asked, None, FilterConfig()) == (asked, [])


@pytest.mark.parametrize(
    ("known", "holds"),
    [
        ({"form": "choice", "more": (Support("c", ROW_B, "Anchor"),)}, True),
        ({"form": "choice", "answer": "Pump"}, False),
        ({"form": "choice", "more": (Support("c", ROW_B, "Pump"),)}, False),
        ({"form": "yes_no", "answer": "Yes", "evidence": "125 N·m"}, True),
        ({"form": "yes_no", "answer": "Maybe", "evidence": "125 N·m"}, False),
        ({"form": "yes_no", "answer": "No", "evidence": "90 N·m"}, False),
        ({"form": "correction", "answer": "125 N·m, not 90 N·m"}, True),
        ({"form": "correction", "answer": "90 N·m, not 125 N·m"}, False),
        ({"form": "correction", "answer": "125 N·m"}, False),
        ({"form": "list", "answer": "125 N·m; 90 N·m",
          "more": (Support("c", ROW_B, "90 N·m"),)}, True),
        ({"form": "list", "answer": "125 N·m; 80 N·m",
          "more": (Support("c", ROW_B, "90 N·m"),)}, False),
        ({"form": "free", "answer": "It needs a strong arm"}, True),
        ({"form": "span", "answer": "125 N·m"}, True),
        ({"form": "span", "answer": "90 N·m"}, False),
    ],
)  # fmt: skip
def test_an_answer_rests_on_its_quotes_in_the_way_of_its_form(known, holds):
    assert supported(candidate(**known)) is holds


def test_every_quote_of_a_question_is_checked():
    both = candidate(form="choice", more=(Support("c", ROW_B, "Anchor"),))
    assert why_unusable(both, CHUNKS, FilterConfig()) == ""
    invented = candidate(form="choice", more=(Support("c", "Pump | 7 N·m", "Pump"),))
    assert why_unusable(invented, CHUNKS, FilterConfig()) == "quote not in chunk"
    missing = candidate(form="choice", more=(Support("gone", ROW_B, "Anchor"),))
    assert why_unusable(missing, CHUNKS, FilterConfig()) == "quote not in chunk"
