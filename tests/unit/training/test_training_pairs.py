"""Pairs: the worse answer is a refusal of what is there, or a quote of what does not answer."""

import pytest

from judged_arms import CONTRACT, REFUSAL
from sfta.training.pairs import OVER_REFUSAL, UNGROUNDED, PairMaker
from sfta_edge.citation import find_quote, parse_answer

TEXTS = {
    "c1": "The pump turns at 9 bar. It is blue.",
    "c2": "The valve opens at 12 bar.",
    "c3": "The lamp glows red at night.",
}


def row(name, oracle, shown, answer, quote):
    if oracle is None:
        completion, quotes = REFUSAL, []
    else:
        completion = CONTRACT.completion([(shown.index(oracle) + 1, quote)], answer)
        quotes = [{"chunk_id": oracle, "text": quote}]
    return {
        "id": name, "question": f"Q {name}?", "quotes": quotes, "completion": completion,
        "answer": answer if oracle else REFUSAL,
        "context": [{"chunk_id": chunk, "role": "distractor"} for chunk in shown],
    }  # fmt: skip


ROWS = [
    row("a", "c1", ["c1", "c2"], "9 bar", "The pump turns at 9 bar"),
    row("b", "c2", ["c3", "c2"], "12 bar", "The valve opens at 12 bar"),
    row("c", None, ["c2", "c3"], "", ""),
    row("d", "c1", ["c1"], "blue", "It is blue"),
]


def maker(**settings):
    return PairMaker(ROWS, TEXTS, CONTRACT, **({"over_refusals": 0.0, "seed": 1} | settings))


def said(pair):
    return parse_answer(
        pair.worse, answer_marker=CONTRACT.answer_marker, refusal=CONTRACT.refusal
    )


@pytest.mark.parametrize("one", [ROWS[0], ROWS[1], ROWS[2]])
def test_the_worse_answer_has_the_form_and_quotes_a_shown_chunk_without_the_answer(one):
    pair = maker().pair(one)
    assert pair.kind == UNGROUNDED
    (quote,) = said(pair).quotes
    chunk = one["context"][quote.number - 1]["chunk_id"]
    assert find_quote(quote.text, TEXTS[chunk]) is not None
    assert chunk not in {quoted["chunk_id"] for quoted in one["quotes"]}
    assert pair.worse != one["completion"]


def test_what_others_ask_about_the_chunk_is_quoted_with_their_answer():
    pair = maker().pair(ROWS[0])
    assert said(pair).answer == "12 bar"
    assert said(pair).quotes[0].text == "The valve opens at 12 bar"


def test_a_chunk_that_nobody_asks_about_gives_a_sentence():
    pair = maker().pair(ROWS[1])
    assert said(pair).quotes[0].text == "The lamp glows red at night."


def test_an_answered_row_may_have_the_refusal_as_its_worse_answer_and_a_refusal_never():
    pairs = [maker(over_refusals=1.0).pair(one) for one in ROWS]
    assert [pair.kind for pair in pairs] == [
        OVER_REFUSAL, OVER_REFUSAL, UNGROUNDED, OVER_REFUSAL]  # fmt: skip
    assert pairs[0].worse == REFUSAL
    assert pairs[2].worse != REFUSAL


def test_a_row_that_shows_nothing_but_its_oracle_gives_no_ungrounded_answer():
    assert maker().pair(ROWS[3]) is None


def test_draws_depend_on_the_seed_and_the_row_alone():
    rows = [
        row(f"r{n}", "c1", ["c1", "c2"], "9 bar", "The pump turns at 9 bar") for n in range(40)
    ]

    def kinds(seed, order):
        making = PairMaker(order, TEXTS, CONTRACT, over_refusals=0.5, seed=seed)
        return {one["id"]: making.pair(one).kind for one in rows}

    assert kinds(1, rows) == kinds(1, rows[::-1])
    assert kinds(1, rows) != kinds(2, rows)
    assert 10 < list(kinds(1, rows).values()).count(OVER_REFUSAL) < 30
