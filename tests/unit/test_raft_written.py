"""Questions of people: read from a file, and found again in the chunks that answer them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.records import FileRecord
from sfta.raft.corpus import CorpusChunk
from sfta.raft.written import (
    NO_ANSWER,
    NO_PAGE,
    NO_QUOTE,
    WrittenQuestion,
    read_written,
    written_candidates,
)

NAMES = {"d": "pump.pdf", "e": "fan.pdf"}
CHUNKS = [
    CorpusChunk("c1", "d", "Pump", 1, 0, 9, "1 Start",
                "Open the valve first. The pump starts at 4 bar. It stops at 9 bar."),
    CorpusChunk("c2", "d", "Pump", 2, 0, 9, "2 Stop", "The fan of the pump stops at 4 bar."),
    CorpusChunk("c3", "e", "Fan", 1, 0, 9, "1 Care", "Clean the fan every 400 hours."),
]  # fmt: skip


def read(*values):
    return read_written([FileRecord(n, value) for n, value in enumerate(values, 1)])


def placed(**settings):
    question = {"question": "When does the pump start?", "answers": ("4 bar",), **settings}
    return written_candidates([WrittenQuestion(**question)], CHUNKS, NAMES)


def test_the_sentence_with_the_answer_and_most_words_of_the_question_is_quoted():
    ([candidate], lost) = placed()
    assert (candidate.chunk_id, candidate.quote) == ("c1", "The pump starts at 4 bar.")
    assert (candidate.answer, candidate.form, candidate.teacher) == ("4 bar", "span", "written")
    assert lost == []


def test_a_named_page_is_the_only_one_that_is_looked_at():
    ([candidate], _) = placed(pages=(("pump.pdf", 2),))
    assert candidate.chunk_id == "c2"


def test_a_page_that_is_not_there_is_said():
    ([], [lost]) = placed(pages=(("pump.pdf", 3),))
    assert lost.reason == NO_PAGE
    assert lost.candidate.question == "When does the pump start?"


def test_a_question_whose_answer_no_sentence_holds_is_set_aside():
    ([], [lost]) = placed(answers=("12 bar",))
    assert lost.reason == NO_ANSWER


def test_without_a_page_an_answer_among_other_words_is_no_place():
    ([], [lost]) = placed(question="How often is the boiler tested in winter?")
    assert lost.reason == NO_ANSWER


def test_a_second_accepted_answer_is_taught_where_the_first_is_not_said():
    ([candidate], _) = placed(answers=("400 kPa", "4 bar"))
    assert candidate.answer == "4 bar"
    assert candidate.paraphrases == ("400 kPa",)


def test_a_quote_leads_to_its_chunk_and_the_answer_may_have_words_of_its_own():
    ([candidate], _) = placed(quotes=("It stops at 9 bar.",), answers=("nine bar or above",))
    assert (candidate.chunk_id, candidate.form) == ("c1", "free")
    assert candidate.supports[0].evidence == "It stops at 9 bar."


def test_several_quotes_need_all_their_chunks():
    quotes = ("The pump starts at 4 bar.", "Clean the fan every 400 hours.")
    ([candidate], _) = placed(quotes=quotes, answers=("4 bar, then every 400 hours",))
    assert candidate.oracle_ids == ("c1", "c3")


def test_a_quote_that_no_chunk_holds_is_set_aside():
    ([], [lost]) = placed(quotes=("The pump starts at 5 bar.",))
    assert lost.reason == NO_QUOTE


def test_an_unanswerable_question_belongs_to_the_chunk_that_speaks_of_it():
    ([candidate], _) = placed(question="Who cleans the fan every 500 hours?", answers=())
    assert (candidate.chunk_id, candidate.answer) == ("c3", "")
    assert candidate.kind == "written_unanswerable"


def test_records_of_a_table_and_of_a_benchmark_file_are_read():
    found, problems = read(
        {"question": "Why?", "answer": "Heat"},
        {"id": "q", "question": "How  far?", "answers": ["2 m"], "answerable": True,
         "oracle_pages": [{"document": "pump.pdf", "page": 4}], "kind": "numeric"},
        {"question": "Who?", "answers": [], "answerable": False},
    )  # fmt: skip
    assert problems == []
    assert [q.answers for q in found] == [("Heat",), ("2 m",), ()]
    assert (found[1].question, found[1].pages, found[1].shown_kind) == (
        "How far?", (("pump.pdf", 4),), "numeric",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (3, "is not an object"),
        ({"answers": ["x"]}, "'question' must be a text"),
        ({"question": "Why?"}, "'answers' is missing"),
        ({"question": "Why?", "answers": "x"}, "'answers' must be a list"),
        ({"question": "Why?", "answers": [""]}, "'answers' must be a list"),
        ({"question": "Why?", "answers": ["x"], "answerable": False}, "does not agree"),
        ({"question": "Why?", "answers": [], "answerable": True}, "does not agree"),
        ({"question": "Why?", "answers": ["x"], "quotes": "y"}, "'quotes' must be a list"),
        ({"question": "Why?", "answers": ["x"], "quote": ["y"]}, "did you mean 'quotes'?"),
        ({"question": "Why?", "answers": ["x"], "kind": 3}, "'kind' must be a text"),
        ({"question": "Why?", "answers": ["x"], "oracle_pages": [{"page": 1}]},
         "'oracle_pages' must be"),
        ({"question": "Why?", "answers": ["x"],
          "oracle_pages": [{"document": "a", "page": True}]}, "'oracle_pages' must be"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_record_is_said_with_its_number(record, said):
    found, problems = read({"question": "Why?", "answers": ["x"]}, record)
    assert len(found) == 1
    assert problems[0].startswith("record 2: ")
    assert said in problems[0]


def test_an_empty_file_is_a_problem():
    assert read() == ([], ["it holds no question"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(
    st.dictionaries(
        st.sampled_from(["question", "answers", "answer", "answerable", "quotes",
                         "oracle_pages", "kind"]),
        json_values,
    )
)  # fmt: skip
def test_any_record_is_a_question_or_a_problem(record):
    found, problems = read(record)
    assert len(found) == (not problems)
