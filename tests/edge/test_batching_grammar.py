"""A grammar holds token by token, and an unusable one is refused before anything is computed."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batched_engines import together
from engine_prompts import STORY, chat
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.grammar import Grammar, _ranked, check_grammar
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Limits, drain

NUMBERS = 'root ::= [0-9] ("," [0-9]){2,4}'


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf):
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


def written(many, prompt, grammar, tokens=24, **more):
    return drain(many.stream(prompt, Limits(tokens, grammar=grammar, **more)))


def test_what_is_written_follows_the_grammar(many, engine):
    done = written(many, chat(engine, "Name a colour."), NUMBERS)
    assert re.fullmatch(r"\d(,\d){2,4}", done.text)
    assert done.finish_reason == "stop"


def test_each_text_follows_its_own(many, engine):
    grammars = [NUMBERS, 'root ::= "yes" | "no"', 'root ::= [A-Z]{3} "."', None]
    prompt = chat(engine, "Is water wet?")
    found = together([lambda g=g: written(many, prompt, g, 12) for g in grammars])
    assert re.fullmatch(r"\d(,\d){2,4}", found[0].text)
    assert found[1].text in ("yes", "no")
    assert re.fullmatch(r"[A-Z]{3}\.", found[2].text)
    assert found[3].text not in [done.text for done in found[:3]]


def test_the_best_allowed_token_is_taken(many, engine):
    prompt = chat(engine, "Is water wet?")
    row = engine.logits(prompt)
    allowed = {text: engine.tokenize(text) for text in ("yes", "no", "Yes", "No")}
    assert all(len(ids) == 1 for ids in allowed.values())
    best = max(allowed, key=lambda text: row[allowed[text][0]])
    done = written(many, prompt, 'root ::= "yes" | "no" | "Yes" | "No"', 4)
    # A shorter token may begin one of these words and be better still.
    assert done.text == best or row[done.token_ids[0]] >= row[allowed[best][0]]


def test_a_grammar_that_allows_everything_changes_nothing(many, engine):
    prompt = chat(engine, "Name three metals.")
    free, bound = many.generate(prompt, max_tokens=8), written(many, prompt, "root ::= .*", 8)
    assert bound.text == free.text


def test_tokens_that_stand_for_no_text_are_never_taken(many, engine):
    control = engine.tokenize("<|im_start|>", True)[0]
    done = written(
        many, chat(engine, "x"), "root ::= .{1,20}", 3, first_token_bias={control: 1000.0}
    )
    assert control not in done.token_ids


def test_the_end_comes_no_sooner_than_the_grammar_allows(many, engine):
    end = engine.tokenize("<|im_end|>", True)[0]
    grammar = 'root ::= "it is " [a-z]+ "."'
    done = written(many, chat(engine, "x"), grammar, 12, first_token_bias={end: 1000.0})
    assert done.text.startswith("it is ")


def test_the_budget_holds_in_the_middle_of_a_grammar(many, engine):
    done = written(many, chat(engine, STORY), "root ::= [a-z]{200}", 3)
    assert (len(done.token_ids), done.finish_reason) == (3, "length")


def test_characters_of_several_tokens_are_written(many, engine):
    done = written(many, chat(engine, "x"), 'root ::= "你好🙂"', 20)
    assert done.text == "你好🙂"


def test_guesses_do_not_break_a_grammar(many, engine, monkeypatch):
    monkeypatch.setattr(many._computation.choice, "seconds", lambda tokens: 1.0)
    before = many.counters()
    prompt = [engine.tokenize("a, b, c, a, b, c, a, b, c, a, b, c, ")]
    done = written(many, prompt, 'root ::= ([a-c] ", "){8} "d"', 40)
    assert re.fullmatch(r"([a-c], ){8}d", done.text)
    assert many.counters().proposed_tokens > before.proposed_tokens


@pytest.mark.parametrize(
    ("grammar", "reason"),
    [
        ("", "1 to 65536 characters"),
        ("   ", "1 to 65536 characters"),
        ("root ::= \0", "NUL"),
        ('root ::= "a"' + " " * 70_000, "characters"),
        ('answer ::= "a"', "no rule named root"),
        ("root ::= answer", "cannot be used"),
        ("root ::= \\", "cannot be used"),
        ('root ::= root "a" | "b"', "cannot be used"),
        ('root ::= "a', "without its end"),
        ("root ::= [a", "without its end"),
        ('root ::= "a"{2', "without its end"),
        ('root ::= "a"{5,3}', r"repeats \{5,3\}"),
        ('root ::= "a"{0,99999999}', "repeats"),
        ("root ::= " + "(" * 100_00 + '"a"' + ")" * 100_00, "too deep"),
        ('root ::= ("a"', "cannot be used"),
        ('root ::= "a")', "do not fit"),
        ('root ::= "\ud800"', "no text"),
    ],
)
def test_an_unusable_grammar_is_refused_before_anything_is_computed(many, grammar, reason):
    before = many.counters()
    with pytest.raises(ConfigError, match=reason):
        written(many, [5, 6, 7], grammar)
    assert many.counters() == before


def test_brackets_in_literals_are_text(smollm2_gguf, engine):
    text = 'root ::= "({5,3}" [)"\\]({] "\\"(" # a comment with ( and "\n'
    check_grammar(text)
    Grammar(engine.model, text).close()


def test_a_grammar_that_no_token_can_follow_is_an_error_of_its_task(many, engine):
    """Its only character cannot be written by a model without the bytes for it."""
    rows = np.full(many.model.token_count, -np.inf, dtype=np.float32)
    grammar = Grammar(many.model, 'root ::= "a"')
    rows[engine.tokenize("b")[0]] = 1.0
    token = grammar.best(rows)
    assert many.model.piece(token) == b"a", "the best is not allowed, the next is"
    grammar.accept(token)
    assert many.model.ends(grammar.best(rows)), "nothing but the end may follow"
    grammar.close()
    grammar.close()


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=300))
def test_tokens_are_ranked_completely_and_ties_by_their_number(values):
    row = np.array(values, dtype=np.float32)
    found = [token for portion in _ranked(row) for token in portion]
    assert found == sorted(range(len(values)), key=lambda token: (-values[token], token))
