"""A device gives the answers that were measured, or it does not run what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.errors import IntegrityError
from sfta_edge.golden import Examination, Golden, GoldenQuestion, examine_golden
from sfta_edge.reply import Answer, Citation

PAGE = (("manual.pdf", 4),)


def answer(*citations, refused=False):
    return Answer("q", "a", refused, True, citations, "c", "stop")


def quoted(document="manual.pdf", page=4, verified=True):
    return Citation(1, "quote", verified, False, "c1", document, "Manual", page)


@pytest.mark.parametrize(
    ("golden", "given_answer", "holds"),
    [
        (GoldenQuestion("q", False, PAGE), answer(quoted()), True),
        (GoldenQuestion("q", False, PAGE), answer(quoted(page=5)), False),
        (GoldenQuestion("q", False, PAGE), answer(quoted("other.pdf")), False),
        (GoldenQuestion("q", False, PAGE), answer(quoted(verified=False)), False),
        (GoldenQuestion("q", False, PAGE), answer(quoted(page=9), quoted()), True),
        (GoldenQuestion("q", False, PAGE), answer(), False),
        (GoldenQuestion("q", False, PAGE), answer(refused=True), False),
        (GoldenQuestion("q", True), answer(refused=True), True),
        (GoldenQuestion("q", True), answer(quoted()), False),
    ],
)
def test_an_answer_holds_if_it_quotes_the_page_or_refuses_as_measured(
    golden, given_answer, holds
):
    assert golden.holds(given_answer) is holds


def test_one_question_in_four_may_fall_to_rounding():
    questions = [GoldenQuestion(str(n), True) for n in range(4)]
    replies = {"0": answer(quoted())}
    found = examine_golden(lambda q: replies.get(q, answer(refused=True)), questions)
    assert (found.asked, found.held, found.wrong) == (4, 3, ("0",))
    assert found.passed
    replies["1"] = answer(quoted())
    assert not examine_golden(lambda q: replies.get(q, answer(refused=True)), questions).passed


def test_without_questions_loading_was_the_test():
    found = examine_golden(answer, [])
    assert found.passed
    assert found.seconds == 0
    assert found.peak_bytes > 0


def test_the_result_is_told_as_json():
    told = Examination(2, 1, ("q",), 0.5, 7).to_json()
    assert told == {
        "asked": 2, "held": 1, "wrong": ["q"], "seconds": 0.5, "peak_bytes": 7, "passed": False,
    }  # fmt: skip


places = st.tuples(st.text(max_size=9), st.integers(1, 999))
questions = st.builds(
    GoldenQuestion, st.text(), st.booleans(), st.lists(places, max_size=3).map(tuple)
)


@given(st.lists(questions, max_size=5).map(tuple))
def test_a_file_gives_back_what_was_written(tmp_path_factory, listed):
    path = tmp_path_factory.mktemp("golden") / "golden.json"
    path.write_bytes(Golden(listed).to_bytes())
    assert Golden.read(path) == Golden(listed)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"schema":"sfta.golden/2","questions":[]}',
     b'{"schema":"sfta.golden/1","questions":[{"question":"q"}]}',
     b'{"schema":"sfta.golden/1","questions":[{"question":"q","refused":0,"places":[[1]]}]}'],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(tmp_path, content):
    (tmp_path / "golden.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"golden\.json"):
        Golden.read(tmp_path / "golden.json")
