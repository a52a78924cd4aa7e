"""What asking in several rounds comes to, and what each round leaves of the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.adapters.teacher_budget import NOTHING, Budget, Price, Tokens, Usage

COUNTS = st.integers(0, 10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_what_is_left_fits_exactly_what_the_whole_still_had_room_for(
    limit, spent, prompt, reply
):
    whole, more = Budget(tokens=limit + spent), Tokens(prompt, reply)
    left = whole.less(Tokens(spent))
    assert left.tokens == limit
    assert left.exceeded_by(more) == whole.exceeded_by(Tokens(spent) + more)


def test_money_is_left_by_the_price_of_what_was_spent():
    price = Price(2.0, 8.0, "EUR")
    left = Budget(money=1.0, price=price).less(Tokens(100_000, 50_000))
    assert left.money == pytest.approx(1.0 - 0.2 - 0.4)
    assert left.price is price
    assert left.exceeded_by(Tokens(0, 51_000)) == "money"


def test_no_limit_stays_no_limit_and_nothing_stays_nothing():
    assert Budget().less(Tokens(9, 9)).exceeded_by(Tokens(10**9, 10**9)) == ""
    assert NOTHING.exceeded_by(Tokens(1)) == "tokens"
    assert NOTHING.exceeded_by(Tokens()) == ""


def test_rounds_add_up_and_what_ended_the_asking_first_stays():
    first = Usage(requests=2, cut=1, prompt_tokens=10, stopped_by="tokens")
    first += Usage(requests=3, from_disk=1, prompt_tokens=5, retries=2, stopped_by="money")
    assert (first.requests, first.cut, first.from_disk, first.retries) == (5, 1, 1, 2)
    assert (first.tokens.total, first.stopped_by) == (15, "tokens")
