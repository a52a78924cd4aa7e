"""One's own questions: kept within bounds, for oneself, without what one may no longer read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta_edge.caller import NOBODY, Caller
from sfta_edge.errors import IntegrityError
from sfta_edge.history import History

MIA, LEO = Caller("mia"), Caller("leo")
OIL = {
    "chunk_id": "oil", "document_id": "manual", "document": "m.pdf", "quote": "2000 hours",
    "verified": True,
}  # fmt: skip
PAY = {**OIL, "chunk_id": "pay", "document_id": "salaries", "document": "s.pdf", "quote": "9"}


def answer(*citations):
    return {"answer": "every 2000 hours", "citations": list(citations), "dropped_chunks": ["x"]}


@pytest.fixture(name="history")
def _history(tmp_path):
    with History(tmp_path / "history.sqlite", kept=5) as history:
        yield history


def questions(history, caller, **options):
    return [entry["question"] for entry in history.entries(caller, **options)]


def test_entries_come_newest_first_in_pages(history):
    ids = [history.add(MIA, f"q{n}", answer()) for n in range(4)]
    assert questions(history, MIA, limit=2) == ["q3", "q2"]
    assert questions(history, MIA, before=ids[2]) == ["q1", "q0"]


def test_an_entry_is_what_was_answered(history):
    identity = history.add(MIA, "When?", answer(OIL))
    entry = history.entries(MIA)[0]
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"id": identity, "question": "When?", "answer": answer(OIL)}


def test_nobody_sees_the_entries_of_another(history):
    identity = history.add(MIA, "secret", answer())
    for other in (LEO, NOBODY, Caller("root", "admin"), Caller("mia", token="7")):
        assert history.entries(other) == []
        assert not history.delete(other, identity)
        assert not history.delete(other)
    assert questions(history, MIA) == ["secret"]


def test_a_citation_of_a_document_that_was_taken_away_is_not_shown(history):
    history.add(MIA, "q", answer(OIL, PAY))
    found = history.entries(MIA, visible=lambda document: document == "manual")[0]["answer"]
    assert found["citations"] == [OIL]
    assert "salaries" not in str(found)
    assert found["dropped_chunks"] == []


def test_the_words_of_an_answer_go_with_a_citation_and_the_entry_says_so(history):
    said = [{"start": 0, "end": 16, "supported": True}]
    history.add(MIA, "q", {**answer(OIL, PAY, PAY), "sentences": said})
    whole = history.entries(MIA)[0]["answer"]
    assert (whole["answer"], whole["sentences"]) == ("every 2000 hours", said)
    assert "hidden" not in whole
    part = history.entries(MIA, visible=lambda document: document == "manual")[0]["answer"]
    assert (part["answer"], part["sentences"], part["hidden"]) == ("", [], 2)
    assert history.entries(MIA, visible=lambda _: False)[0]["answer"]["hidden"] == 3
    assert history.entries(MIA)[0]["answer"] == whole


def test_a_citation_that_names_no_document_id_is_not_shown_and_own_words_are(history):
    own_words = {"chunk_id": None, "quote": "made up", "document": None}
    history.add(MIA, "q", answer({"chunk_id": "x", "document": "old.pdf"}))
    history.add(MIA, "q", answer(own_words))
    shown = [entry["answer"]["citations"] for entry in history.entries(MIA)]
    assert shown == [[own_words], []]


def test_quotes_that_the_model_made_up_go_with_the_words_of_an_answer(history):
    made_up = {**OIL, "quote": "the pay is 9000", "verified": False}
    own_words = {"chunk_id": None, "quote": "it is 9000", "document": None, "verified": False}
    history.add(MIA, "q", answer(OIL, made_up, own_words, PAY))
    found = history.entries(MIA, visible=lambda document: document == "manual")[0]["answer"]
    assert (found["citations"], found["hidden"]) == ([OIL], 3)
    assert "9000" not in str(found)


def test_the_oldest_entries_of_one_caller_give_way_and_no_others(history):
    history.add(LEO, "mine", answer())
    for number in range(9):
        history.add(MIA, str(number), answer())
    assert questions(history, MIA) == ["8", "7", "6", "5", "4"]
    assert questions(history, LEO) == ["mine"]


def test_one_entry_or_all_can_be_deleted(history):
    first, _ = history.add(MIA, "a", answer()), history.add(MIA, "b", answer())
    history.add(LEO, "c", answer())
    assert history.delete(MIA, first)
    assert not history.delete(MIA, first)
    assert questions(history, MIA) == ["b"]
    assert history.delete(MIA)
    assert (questions(history, MIA), questions(history, LEO)) == ([], ["c"])


def test_an_id_is_not_given_twice(history):
    first = history.add(MIA, "a", answer())
    history.forget(MIA)
    assert history.add(MIA, "b", answer()) > first


def test_nothing_is_added_when_the_history_is_off(tmp_path):
    path = tmp_path / "history.sqlite"
    with History(path) as history:
        history.add(MIA, "before", answer())
    with History(path, enabled=False) as history:
        assert history.add(MIA, "after", answer()) is None
        assert questions(history, MIA) == ["before"]
        assert history.delete(MIA)


def test_a_damaged_file_says_how_to_get_it_back(tmp_path):
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(IntegrityError, match="damaged"):
        History(path)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.text(st.characters())), max_size=30)
)
def test_everybody_sees_the_newest_of_their_own_and_nothing_else(tmp_path_factory, asked):
    path = tmp_path_factory.mktemp("law") / "history.sqlite"
    with History(path, kept=5) as history:
        for name, question in asked:
            history.add(Caller(name), question, answer())
        for name in "abc":
            own = [question for who, question in asked if who == name]
            assert questions(history, Caller(name)) == own[::-1][:5]
