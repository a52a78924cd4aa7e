"""Vectors that are kept are those that the embedder gives, in bounded memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.embedder import Embedder, EmbedderIdentity
from sfta_edge.generation import EngineDownError
from sfta_edge.kept_vectors import KeptVectors

ROOM = 4 * 3 * 4  # bytes: four vectors of three numbers
TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=8)


class Counting:
    """An embedder that says how often it computed each text."""

    identity = EmbedderIdentity("counting", "0" * 64, 3, "mean")

    def __init__(self):
        self.asked, self.down = [], False

    def embed(self, texts):
        if self.down:
            raise EngineDownError("down")
        self.asked += texts
        rows = [[len(text), ord(text[0]), 1.0] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), 3)


@given(st.lists(TEXTS, max_size=12))
def test_whatever_is_asked_the_vectors_are_those_of_the_embedder(calls):
    kept = KeptVectors(Counting(), ROOM)
    for texts in calls:
        np.testing.assert_array_equal(kept.embed(texts), Counting().embed(texts))


@given(st.lists(TEXTS, max_size=12))
def test_no_more_is_kept_than_there_is_room_for(calls):
    kept = KeptVectors(Counting(), ROOM)
    for texts in calls:
        kept.embed(texts)
        assert len(kept._kept) <= 4


def test_a_text_is_computed_once_while_it_is_kept():
    embedder = Counting()
    kept = KeptVectors(embedder, ROOM)
    kept.embed(["a", "b", "a"])
    kept.embed(["b", "c"])
    assert embedder.asked == ["a", "b", "c"]


def test_what_was_not_used_for_longest_goes_first():
    embedder = Counting()
    kept = KeptVectors(embedder, ROOM)
    kept.embed(list("abcd"))
    kept.embed(["a"])
    kept.embed(["e"])
    kept.embed(["a", "b"])
    assert embedder.asked == [*"abcde", "b"]


def test_an_embedder_that_is_down_is_not_hidden_by_what_is_kept():
    embedder = Counting()
    kept = KeptVectors(embedder)
    kept.embed(["a"])
    embedder.down = True
    assert kept.embed(["a"]).shape == (1, 3)
    with pytest.raises(EngineDownError):
        kept.embed(["a", "b"])
    embedder.down = False
    assert kept.embed(["b"])[0, 1] == ord("b")


def test_no_text_gives_no_vector():
    assert KeptVectors(Counting()).embed([]).shape == (0, 3)


def test_a_kept_vector_is_not_changed_through_what_was_returned():
    kept = KeptVectors(Counting())
    kept.embed(["a"])[:] = 0.0
    assert kept.embed(["a"])[0, 2] == 1.0


def test_threads_get_what_a_real_embedder_gives_to_one(embedder_gguf):
    texts = [f"The pump number {n} is rinsed." for n in range(12)]
    with Embedder(embedder_gguf) as embedder:
        alone = embedder.embed(texts)
        kept = KeptVectors(embedder)
        asked = [texts[n:] + texts[:n] for n in range(6)]
        with ThreadPoolExecutor(4) as pool:
            for n, found in enumerate(pool.map(kept.embed, asked)):
                np.testing.assert_array_equal(found, np.roll(alone, -n, axis=0))
