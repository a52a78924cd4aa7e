"""The review page: everything inside, nothing foreign becomes markup, places are right."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from read_html import (
    ATTACKS,
    Reader,
    assert_loads_nothing,
    assert_policy_names_digests,
    data_of,
)
from sfta.raft.corpus import CorpusChunk
from sfta.raft.rejections import parse_rejections, sort_out
from sfta.raft.review.page import review_data, review_page


def chunk(name="c1", text="The pump weighs 3 kg.", title="Manual"):
    return CorpusChunk(name, "d", title, 3, 0, len(text), "2 Data", text)


def row(identifier="r1", **changes):
    return {
        "id": identifier,
        "question": "How heavy is the pump?",
        "kind": "mass",
        "context": [{"chunk_id": "c1", "role": "oracle"}],
        "quotes": [{"chunk_id": "c1", "text": "The pump weighs 3 kg", "start": 0, "end": 20}],
        "answer": "3 kg",
        "completion": '[1] "The pump weighs 3 kg"\nAnswer: 3 kg',
        "split": "train",
        "group": "d",
        "rejected_because": "",
    } | changes


def page(rows, rejected=(), chunks=None, **options):
    return review_page("pumps", "0" * 64, rows, rejected, chunks or {"c1": chunk()}, **options)


def test_the_page_loads_nothing_from_outside():
    assert_loads_nothing(page([row()]))


def test_the_policy_names_the_digests_of_the_pages_own_script_and_style():
    assert_policy_names_digests(page([row()]))


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_of_documents_and_rows_is_only_data(attack):
    chunks = {"c1": chunk(text=f"The pump weighs 3 kg. {attack}", title=attack)}
    harmless = [t for t, _ in Reader(page([row()])).tags]
    text = review_page(attack, "0" * 64, [row(question=attack, answer=attack, kind=attack)],
                       [row("r2", rejected_because=attack)], chunks)  # fmt: skip
    assert [tag for tag, _ in Reader(text).tags] == harmless
    assert data_of(text)["rows"][0]["question"] == attack
    assert data_of(text)["chunks"][0][3] == f"The pump weighs 3 kg. {attack}"
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", text)[0]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_comes_back_from_the_data(text):
    assert data_of(page([row(question=text)]))["rows"][0]["question"] == text


def utf16(text, start, end):
    """The part of a text by the counts of a script."""
    raw = text.encode("utf-16-le")
    return raw[2 * start : 2 * end].decode("utf-16-le")


def test_quote_and_answer_are_marked_where_a_script_counts_them():
    text = "\U0001d6e5 rises. The pump weighs 3 kg, not 13 kg."
    start = text.index("The pump")
    quote = {
        "chunk_id": "c1",
        "text": "The pump weighs 3 kg",
        "start": start,
        "end": start + 20,
    }
    data = review_data([row(quotes=[quote])], [], {"c1": chunk(text=text)})
    ((place, *points),) = data["rows"][0]["marks"]
    assert place == 0
    assert utf16(text, *points[:2]) == "The pump weighs 3 kg"
    assert utf16(text, *points[2:]) == "3 kg"


def test_a_quote_without_a_place_is_searched_for():
    lost = row(
        quotes=[{"chunk_id": "c1", "text": "pump weighs", "start": 0, "end": 0}], answer="no"
    )
    absent = row("r2", quotes=[{"chunk_id": "c1", "text": "fan", "start": 0, "end": 0}])
    data = review_data([], [lost, absent], {"c1": chunk()})
    assert data["rows"][0]["marks"] == [[0, 4, 15, 4, 4]]
    assert data["rows"][1]["marks"] == []


def test_a_chunk_that_several_rows_show_stands_once():
    data = review_data([row("a"), row("b")], [], {"c1": chunk(), "c2": chunk("c2")})
    assert len(data["chunks"]) == 1


def test_what_was_rejected_by_hand_stays_rejected_until_it_is_taken_back():
    by_hand = row("r2", rejected_because="by hand: unclear")
    data = data_of(page([row()], [by_hand, row("r3", rejected_because="duplicate question")],
                        earlier={"r1": "wrong"}))  # fmt: skip
    assert data["mine"] == {"r1": "wrong", "r2": "unclear"}
    assert [r["reason"] for r in data["rows"]] == ["", "", "duplicate question"]


def test_lines_that_cannot_be_read_are_named():
    found, problems = parse_rejections(
        '{"id": "a"}\n\n{"id": 1}\n"x"\nnothing\n{"id": "b", "reason": 7}\n'
        '{"id": "a", "reason": "x"}'
    )
    assert [(r.id, r.reason) for r in found] == [("a", "no reason given")]
    assert [p.split(": ")[0] for p in problems] == ["line 3", "line 4", "line 5", "line 6"]


def test_a_rejection_holds_for_its_question_under_another_id():
    asked = {"question": "How heavy is the pump?", "answer": "3 kg"}
    (rejection,), _ = parse_rejections(json.dumps({"id": "old", "reason": "wrong", **asked}))
    paired = row("r2", answer="The documents do not contain the answer.")
    result = sort_out([row(), paired], [rejection], [])
    assert [r["id"] for r in result.kept] == ["r2"]
    assert result.rejected[0]["rejected_because"] == "by hand: wrong"


def test_a_rejection_is_unknown_only_if_nothing_asks_its_question():
    lines = "\n".join(
        json.dumps({"id": name, "question": question, "answer": "x"})
        for name, question in (("a", "Filtered?"), ("b", "Never asked?"))
    )
    found, _ = parse_rejections(lines)
    result = sort_out([row()], found, ["Filtered?"])
    assert (result.already, result.unknown, len(result.kept)) == (1, ["b"], 1)


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.sets(st.sampled_from("abcdef")))
def test_every_row_is_kept_or_rejected(ids, chosen):
    found, _ = parse_rejections("\n".join(json.dumps({"id": name}) for name in sorted(chosen)))
    rows = [row(name, question=name) for name in ids]
    result = sort_out(rows, found, [])
    assert sorted(r["id"] for r in (*result.kept, *result.rejected)) == sorted(ids)
    assert {r["id"] for r in result.rejected} == chosen & set(ids)
    assert set(result.unknown) == chosen - set(ids)
