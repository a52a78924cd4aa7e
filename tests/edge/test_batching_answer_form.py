"""What the grammar of answers allows is what the parser reads, and nothing else."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_prompts import chat
from sfta_edge.batching.answer_form import answer_grammar, final_answer_grammar
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.grammar import Grammar, check_grammar
from sfta_edge.citation import parse_answer
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Limits, drain
from sfta_edge.prompt import PromptContract


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf):
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


def allows(many, grammar, text):
    """Whether a text may be written, to its end."""
    state = Grammar(many.model, grammar)
    try:
        for token in many.tokenize(text):
            if not list(state._allowed([token])):
                return False
            state.accept(token)
        return bool(list(state._allowed([_end(many)])))
    finally:
        state.close()


def _end(many):
    return many.tokenize("<|im_end|>", True)[0]


def parsed(text, contract):
    return parse_answer(text, answer_marker=contract.answer_marker, refusal=contract.refusal)


GOOD = [
    '[1] "The oil is changed."\nAnswer: It is changed.',
    '[2] "a"\n[1] "b "c" d"\nAnswer: x',
    '[3] "Zürich, 5 µm 你好"\nAnswer: 5 µm\nand more\n- a list',
    "The documents do not answer this question.",
]
BAD = [
    "",
    "Answer: without a quote",
    '[4] "there is no fourth chunk"\nAnswer: x',
    '[0] "nor one before the first"\nAnswer: x',
    '[11] "nor an eleventh"\nAnswer: x',
    '[1] ""\nAnswer: x',
    '[1] "two\nlines"\nAnswer: x',
    '[1] "no answer"',
    '[1] "an empty one"\nAnswer: ',
    '[1] "an empty one"\nAnswer:  x',
    "The documents do not answer this question. Or do they?",
    "I think so.",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_an_answer_may_be(many, contract, text):
    assert allows(many, answer_grammar(contract, 3), text)
    found = parsed(text, contract)
    assert found.well_formed
    assert all(1 <= quote.number <= 3 for quote in found.quotes)


@pytest.mark.parametrize("text", BAD)
def test_what_an_answer_may_not_be(many, contract, text):
    assert not allows(many, answer_grammar(contract, 3), text)


def test_all_numbers_of_many_chunks_may_be_cited(many, contract):
    grammar = answer_grammar(contract, 12)
    for number in (1, 9, 10, 12):
        assert allows(many, grammar, f'[{number}] "a"\nAnswer: b')
    for number in (0, 13, 100):
        assert not allows(many, grammar, f'[{number}] "a"\nAnswer: b')


def test_no_more_quotes_than_there_is_room_for(many, contract):
    grammar = answer_grammar(contract, 1, most_quotes=2)
    assert allows(many, grammar, '[1] "a"\n' * 2 + "Answer: b")
    assert not allows(many, grammar, '[1] "a"\n' * 3 + "Answer: b")


def test_an_answer_behind_its_marker_is_not_empty(many):
    grammar = final_answer_grammar()
    assert allows(many, grammar, " After 500 hours.")
    for text in ("", " ", "  two", "x", " \n"):
        assert not allows(many, grammar, text)


@pytest.mark.parametrize(("chunks", "quotes"), [(0, 1), (-1, 1), (1, 0)])
def test_without_chunks_there_is_no_form(contract, chunks, quotes):
    with pytest.raises(ConfigError, match="at least one chunk"):
        answer_grammar(contract, chunks, most_quotes=quotes)


@given(st.text(st.characters(exclude_characters="\0"), max_size=40).filter(str.strip))
def test_any_refusal_and_marker_can_be_spelt(text):
    plain = PromptContract(*["x"] * 10)
    clean = text.encode("utf-8", "replace").decode()
    check_grammar(answer_grammar(replace(plain, refusal=clean, answer_marker=clean), 2))


@pytest.mark.parametrize(
    "refusal", ['It says "no" \\ [1] {2,1} (', "Zwei\nZeilen\tund mehr", "你好 🙂"]
)
def test_a_refusal_of_any_spelling_can_be_written(many, engine, refusal):
    plain = replace(PromptContract(*["x"] * 10), refusal=refusal)
    assert allows(many, answer_grammar(plain, 2), refusal)


def test_a_model_that_knows_nothing_of_the_form_keeps_it(many, engine, contract):
    prompt = chat(engine, "[1] Manual\nThe oil is changed every 2000 hours.\n\nHow often?")
    done = drain(many.stream(prompt, Limits(60, grammar=answer_grammar(contract, 1))))
    assert re.match(r'\[1\] "|The documents do not answer', done.text)
    if done.finish_reason == "stop":
        assert parsed(done.text, contract).well_formed
