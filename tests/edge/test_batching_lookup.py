"""Guesses come from the text itself, and stop where they do not pay."""

from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.batching.lookup import Lookup


def free(tokens):
    """Batches that cost nothing more with more tokens."""
    return 1.0


def dear(tokens):
    """Batches that take as long as their tokens one by one."""
    return float(tokens)


def test_what_followed_the_last_tokens_is_proposed():
    lookup = Lookup([1, 2, 3, 4, 5, 9, 1, 2], most=2)
    assert lookup.propose(8, 1, free) == [3, 4]


def test_a_longer_match_comes_first_and_then_the_latest():
    lookup = Lookup([1, 2, 3, 7, 0, 2, 3, 8, 5, 1, 2, 3], most=1)
    assert lookup.propose(8, 1, free) == [7]
    lookup = Lookup([2, 3, 7, 0, 2, 3, 8, 5, 2, 3], most=1)
    assert lookup.propose(8, 1, free) == [8]


def test_a_text_without_repetition_has_no_guess():
    assert Lookup(range(50), most=8).propose(8, 1, free) == []
    assert Lookup([], most=8).propose(8, 1, free) == []


def test_no_more_is_proposed_than_asked_for():
    lookup = Lookup([1, 2, 3, 4, 1, 2], most=8)
    assert lookup.propose(1, 1, free) == [3]
    assert lookup.propose(0, 1, free) == []


def test_guesses_that_hold_grow_longer():
    lookup = Lookup([*range(20), 0, 1], most=8)
    assert len(lookup.propose(8, 1, free)) == 2
    lookup.record(2, 2)
    assert len(lookup.propose(8, 1, free)) == 4
    lookup.record(4, 4)
    lookup.record(8, 8)
    assert len(lookup.propose(8, 1, free)) == 8


def test_wrong_guesses_make_a_pause_that_grows():
    lookup = Lookup([1, 2] * 4, most=4)
    pauses = []
    for _ in range(4):
        lookup.record(2, 0)
        waited = 0
        while not lookup.propose(4, 1, free):
            lookup.add(1 if waited % 2 == 0 else 2)
            waited += 1
        pauses.append(waited)
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]


def test_where_tokens_cost_as_much_together_nothing_is_proposed():
    lookup = Lookup([1, 2, 3, 4, 1, 2], most=8)
    assert lookup.propose(8, 1, dear) == []


def test_among_many_a_guess_gains_a_part_of_a_step():
    lookup = Lookup([1, 2, 3, 4, 1, 2], most=1)

    def seconds(tokens):
        return 1.0 + 0.2 * tokens

    assert lookup.propose(8, 1, seconds) == [3]
    assert lookup.propose(8, 16, seconds) == []


def test_what_is_not_known_is_tried():
    lookup = Lookup([1, 2, 3, 4, 1, 2], most=2)
    assert lookup.propose(8, 1, lambda tokens: None) == [3, 4]


def test_nothing_proposed_says_nothing():
    lookup = Lookup([1, 2, 3, 1, 2], most=2)
    lookup.record(0, 0)
    assert lookup.propose(8, 1, free)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 8), st.integers(1, 8))
def test_a_guess_is_always_a_part_of_the_text(tokens, most, longest):
    lookup = Lookup(tokens, longest)
    guess = lookup.propose(most, 1, free)
    assert len(guess) <= min(most, longest)
    if guess:
        text, part = "".join(map(str, tokens)), "".join(map(str, guess))
        assert f"{tokens[-2]}{tokens[-1]}{part}" in text


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), max_size=30))
def test_any_history_leaves_bounds_in_place(history):
    lookup = Lookup([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2], most=8)
    for proposed, accepted in history:
        lookup.record(proposed, min(proposed, accepted))
        assert 1 <= lookup._length <= 8
        assert 0 <= lookup._share <= 1
        assert 0 <= lookup._pause <= 64
