"""Texts that say nearly the same find each other, and only those."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.twins import Twin, Twins, _bands

TEXT = (
    "The compressor delivers air without oil in the chamber, and both rotors turn in dry air"
    " all the time. Timing gears keep them apart, so they never touch each other. Cooling"
    " water of 25 degrees flows through three coolers that are supplied in parallel."
)


def twins(similarity=0.9, **settings_):
    return Twins(similarity, **({"same_numbers": False, "remember_twins": True} | settings_))


def test_the_same_words_are_a_twin_whatever_their_spelling():
    known = twins()
    assert known.meet("a", TEXT) is None
    assert known.meet("b", TEXT.upper().replace(",", ";")) == Twin("a", 1.0)


def test_one_word_less_is_still_a_twin_and_says_how_much():
    known = twins()
    known.meet("a", TEXT)
    twin = known.meet("b", TEXT.replace(" in parallel", ""))
    assert twin.key == "a"
    assert 0.9 <= twin.similarity < 1


def test_other_texts_are_none():
    known = twins()
    known.meet("a", TEXT)
    assert known.meet("b", "Wear gloves. Check the oil level before every start.") is None
    assert known.meet("c", TEXT[: len(TEXT) // 2]) is None


def test_the_threshold_decides():
    half = TEXT[: len(TEXT) * 3 // 4]
    for similarity, found in ((0.9, False), (0.6, True)):
        known = twins(similarity)
        known.meet("a", TEXT)
        assert (known.meet("b", half) is not None) is found


def test_another_number_makes_another_text_where_values_count():
    other = TEXT.replace("25", "35")
    for same_numbers in (True, False):
        known = twins(0.8, same_numbers=same_numbers)
        known.meet("a", TEXT)
        assert (known.meet("b", other) is None) is same_numbers


def test_the_closest_earlier_text_is_the_twin():
    known = twins(0.7)
    known.meet("far", TEXT.replace("three coolers", "pipes"))
    known.meet("near", TEXT.replace("parallel", "line"))
    assert known.meet("x", TEXT).key == "near"


def test_of_equals_the_first_is_the_twin():
    known = twins()
    for key in ("a", "b", "c"):
        twin = known.meet(key, TEXT)
    assert twin == Twin("a", 1.0)


def test_what_is_left_out_stands_for_no_other_text():
    words = TEXT.split()
    drifting = [" ".join(words[: len(words) - 2 * n]) for n in range(4)]
    chain = [twins(0.9).meet("-", text) for text in drifting]
    assert chain == [None] * 4
    kept, left = twins(0.9), twins(0.9, remember_twins=False)
    kept_keys = [t and t.key for t in (kept.meet(str(n), d) for n, d in enumerate(drifting))]
    left_keys = [t and t.key for t in (left.meet(str(n), d) for n, d in enumerate(drifting))]
    assert kept_keys[1:] == ["0", "1", "2"]
    assert set(left_keys) - {None} <= {"0", "2", "3"}, "no twin of a text that is gone"


@pytest.mark.parametrize("text", ["", " ", "...", "---|---"])
def test_a_text_without_words_has_no_twin(text):
    known = twins()
    assert known.meet("a", text) is None
    assert known.meet("b", text) is None


def test_short_texts_are_compared_as_a_whole():
    known = twins()
    known.meet("a", "Wear gloves.")
    assert known.meet("b", "wear  gloves") == Twin("a", 1.0)
    assert known.meet("c", "Wear boots.") is None


def test_scripts_without_spaces_are_compared_by_sign():
    text = "圧縮機は油を含まない空気を供給し、二つの回転子は常に乾いた空気の中で回ります。"
    known = twins(0.8)
    known.meet("a", text)
    assert known.meet("b", text.replace("常に", "")) is not None
    assert known.meet("c", text[::-1]) is None


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.75, 0.9, 0.95, 1.0])
def test_hardly_a_pair_above_the_threshold_is_overlooked(similarity):
    bands, rows = _bands(similarity)
    assert bands >= 2
    assert bands * rows <= 128
    assert 1 - (1 - similarity**rows) ** bands >= 0.99


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from(["red", "oil", "pump", "valve", "hot", "stop", "go", "1", "2"]),
        max_size=30,
    )
)
def test_every_text_is_its_own_twin_every_time(words):
    text = " ".join(words)
    found = []
    for _ in range(2):
        known = twins(1.0)
        known.meet("a", text)
        found.append(known.meet("b", text))
    assert found[0] == found[1] == (Twin("a", 1.0) if words else None)
