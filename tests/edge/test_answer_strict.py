"""Strict mode: what the documents do not support is not said, and not shown on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asked_passages import CONTRACT, NOISE, OIL, PassageSearcher, ToldEngine
from sfta_edge.answer import Answerer, answer_from_chunks
from sfta_edge.chunk_answers import settled_completion
from sfta_edge.openai_form import FinalText
from sfta_edge.settings import AnswerSettings

QUOTE = '[1] "The oil is changed every 2000 hours."\n'
MIXED = (
    QUOTE + "Answer: The oil is changed every 2000 hours. The pump is red. Use Gearlube 46S."
)
FALSE = QUOTE + "Answer: The oil is changed every 3000 hours."


def ask(text, *, strict=True, settings=None, searcher=None):
    settings = settings or AnswerSettings(max_tokens=200)
    asked = Answerer(ToldEngine(text), searcher or PassageSearcher(OIL), CONTRACT, settings)
    return asked.ask("How often is the oil changed?", strict=strict)


def test_unsupported_sentences_are_taken_out_and_counted():
    answer = ask(MIXED)
    assert answer.answer == "The oil is changed every 2000 hours. Use Gearlube 46S."
    assert answer.withheld == 1
    assert not answer.refused
    assert [answer.answer[m.start : m.end] for m in answer.sentences] == [
        "The oil is changed every 2000 hours.",
        "Use Gearlube 46S.",
    ]
    assert all(mark.supported for mark in answer.sentences)


def test_what_is_withheld_is_still_in_the_completion():
    assert ask(MIXED).completion == MIXED


def test_if_nothing_is_left_the_answer_is_the_refusal_and_withheld_tells_why():
    answer = ask(FALSE)
    assert (answer.answer, answer.refused, answer.withheld) == (CONTRACT.refusal, True, 1)
    assert answer.sentences == ()
    assert answer.supported  # the quote does stand in the documents


def test_a_refusal_of_the_model_withholds_nothing():
    answer = ask(CONTRACT.refusal)
    assert (answer.refused, answer.withheld, answer.sentences) == (True, 0, ())


def test_an_empty_answer_becomes_the_refusal():
    answer = ask(QUOTE + "Answer:")
    assert (answer.answer, answer.refused) == (CONTRACT.refusal, True)


def test_without_strictness_sentences_are_marked_and_kept():
    answer = ask(MIXED, strict=False)
    assert answer.answer.count(".") == 3
    assert [mark.supported for mark in answer.sentences] == [True, False, True]
    assert answer.withheld == 0


def test_the_settings_decide_where_the_question_does_not():
    strict = AnswerSettings(max_tokens=200, strict=True)
    assert ask(FALSE, strict=None, settings=strict).refused
    assert not ask(FALSE, strict=False, settings=strict).refused
    assert not ask(FALSE, strict=None).refused


def test_chunks_that_were_chosen_already_are_answered_strictly_too():
    engine, settings = ToldEngine(FALSE), AnswerSettings(max_tokens=200, strict=True)
    assert answer_from_chunks(engine, CONTRACT, [OIL], "When?", settings).withheld == 1


@pytest.mark.parametrize("text", [MIXED, FALSE, QUOTE, "The pump is red.", CONTRACT.refusal])
def test_nothing_is_shown_before_it_is_settled(text):
    asked = Answerer(ToldEngine(text), PassageSearcher(OIL), CONTRACT)
    steps = asked.stream("How often is the oil changed?", strict=True)
    pieces, answers = [], []

    def listen():
        answers.append((yield from steps))

    pieces.extend(listen())
    assert not any(pieces[:-1])
    assert pieces[-1] == settled_completion(answers[0], CONTRACT)
    assert "red" not in "".join(pieces)
    assert "3000" not in "".join(pieces)
    shown = FinalText(CONTRACT.answer_marker)
    text = "".join(map(shown.feed, pieces))
    assert text + shown.rest(answers[0].answer) == answers[0].answer


def test_work_that_goes_on_is_seen_by_empty_pieces():
    asked = Answerer(ToldEngine(MIXED), PassageSearcher(OIL), CONTRACT)
    steps = asked.stream("How often is the oil changed?", strict=True)
    assert next(steps) == ""
    steps.close()


def test_a_quote_that_stands_nowhere_is_not_streamed_in_strict_mode():
    text = '[1] "The oil is blue."\nAnswer: blue'
    asked = Answerer(ToldEngine(text), PassageSearcher(OIL), CONTRACT)
    assert "blue" not in "".join(asked.stream("Which colour?", strict=True))


parts = st.sampled_from(
    [
        "The oil is changed every 2000 hours.",
        "Use Gearlube 46S.",
        "The pump is red.",
        "\n",
        "- ",
        "2000 hours",
        "74 dB(A)",
        "Yes.",
        "\u202eevil",
        "z.B. nichts",
    ]
)


@given(st.lists(parts | st.text(max_size=8), max_size=8).map(" ".join))
def test_what_is_left_is_supported_and_was_said(text):
    loose = ask(QUOTE + "Answer: " + text, strict=False, searcher=PassageSearcher(OIL, NOISE))
    strict = ask(QUOTE + "Answer: " + text, searcher=PassageSearcher(OIL, NOISE))
    assert strict.withheld == sum(not mark.supported for mark in loose.sentences)
    if strict.refused:
        assert strict.answer == CONTRACT.refusal
        return
    assert all(mark.supported for mark in strict.sentences)
    said = [loose.answer[m.start : m.end] for m in loose.sentences if m.supported]
    assert [strict.answer[m.start : m.end] for m in strict.sentences] == said
    assert "".join(strict.answer.split()) == "".join("".join(said).split())
