"""Fusion: scores from 0 to 1, best first, and a search that knows nothing does not decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.fusion import fused

places = st.tuples(st.integers(0, 2), st.integers(1, 9))
words = st.dictionaries(places, st.floats(0, 50), max_size=8)
cosines = st.dictionaries(places, st.floats(-1, 1), max_size=8)


@given(words, cosines)
def test_every_candidate_has_a_score_from_0_to_1_best_first(found, near):
    scores = fused(found, near)
    assert set(scores) == {*found, *near}
    assert all(0 <= score <= 1 for score in scores.values())
    assert list(scores) == sorted(scores, key=lambda place: (-scores[place], place))


@given(words, cosines)
def test_the_order_of_the_candidates_does_not_matter(found, near):
    backwards = fused(dict(reversed(found.items())), dict(reversed(near.items())))
    assert list(backwards.items()) == list(fused(found, near).items())


@given(words, cosines, st.floats(0.1, 10))
def test_the_unit_of_bm25_does_not_matter(found, near, factor):
    scaled = fused({place: score * factor for place, score in found.items()}, near)
    plain = fused(found, near)
    assert scaled == {place: pytest.approx(score, abs=1e-6) for place, score in plain.items()}


def test_words_alone_are_a_share_of_the_best():
    assert fused({(0, 1): 2.0, (1, 1): 8.0}, {}) == {(1, 1): 1.0, (0, 1): 0.25}


def test_words_and_cosine_count_alike():
    assert fused({(0, 1): 3.0}, {(0, 1): 0.4, (0, 2): 0.9}) == {
        (0, 1): pytest.approx(0.7),
        (0, 2): pytest.approx(0.45),
    }


def test_equal_scores_are_ordered_by_file_then_number():
    assert list(fused({(1, 1): 1.0, (0, 7): 1.0, (0, 3): 1.0}, {})) == [(0, 3), (0, 7), (1, 1)]


def test_a_chunk_without_a_vector_is_neither_favoured_nor_punished():
    scores = fused({(0, 1): 4.0, (1, 1): 4.0}, {(0, 1): 0.2, (0, 2): 0.6})
    assert scores[1, 1] == pytest.approx(0.5 + 0.5 * 0.4)  # the mean of what is known


def test_nothing_found_is_nothing():
    assert fused({}, {}) == {}
