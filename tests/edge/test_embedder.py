"""The embedder: vectors that depend on the text alone, of length one, or none at all."""

import hashlib
import threading

import numpy as np
import pytest

from sfta_edge.embedder import Embedder, EmbedderIdentity
from sfta_edge.errors import ConfigError, IntegrityError

TEXTS = [
    "The oil is changed every 2000 hours.",
    "When is the oil due?",
    "Noise level: 74 dB(A).",
]


def test_vectors_have_length_one(embedder):
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_similar_texts_have_similar_vectors(embedder):
    oil, due, noise = embedder.embed(TEXTS)
    assert oil @ due > 0.5 > oil @ noise


def test_a_vector_does_not_depend_on_its_neighbours(embedder):
    together = embedder.embed(TEXTS)
    backwards = embedder.embed(TEXTS[::-1])[::-1]
    alone = np.stack([embedder.embed([text])[0] for text in TEXTS])
    assert np.array_equal(together, backwards)
    assert np.array_equal(together, alone)


def test_no_texts_give_no_vectors(embedder):
    assert embedder.embed([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", "   ", "\x00", "\ud800", "🙂" * 20])
def test_any_text_has_a_vector(embedder, text):
    (vector,) = embedder.embed([text])
    assert np.isfinite(vector).all()


def test_a_long_text_is_cut_and_counted(embedder):
    before = embedder.truncated
    words = "pump " * 600
    long, longer, short = embedder.embed([words, words + "noise", "pump"])
    assert embedder.truncated == before + 2
    assert np.array_equal(long, longer)
    assert not np.array_equal(long, short)


def test_a_text_that_just_fits_is_not_cut(embedder):
    before = embedder.truncated
    text = " ".join(["pump"] * 510)
    assert embedder.count_tokens(text) == embedder.context_tokens == 512
    embedder.embed([text])
    assert embedder.truncated == before


def test_the_identity_names_the_file_to_the_byte(embedder, embedder_gguf):
    expected = hashlib.sha256(embedder_gguf.read_bytes()).hexdigest()
    assert embedder.identity.sha256 == expected
    assert embedder.identity.dimension == 384
    assert embedder.identity.pooling == "mean"
    assert embedder.identity.name


def test_an_identity_cannot_be_changed(embedder):
    with pytest.raises(AttributeError):
        embedder.identity.dimension = 1


def test_a_prefix_is_part_of_every_text(embedder, monkeypatch):
    plain = embedder.embed(["query: oil"])
    with_prefix = EmbedderIdentity("e5", "0" * 64, 384, "mean", prefix="query: ")
    monkeypatch.setattr(embedder, "identity", with_prefix)
    assert np.array_equal(embedder.embed(["oil"]), plain)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_without_a_direction_is_refused(embedder, monkeypatch, value):
    bad = np.full(384, value, dtype=np.float32)
    monkeypatch.setattr(embedder._context, "embedding", lambda sequence: bad)
    with pytest.raises(IntegrityError, match="without a direction"):
        embedder.embed(["oil"])


def test_threads_may_share_an_embedder(embedder):
    expected = embedder.embed(TEXTS)
    found = [None] * 6

    def embed(index):
        found[index] = embedder.embed(TEXTS)

    threads = [threading.Thread(target=embed, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(vectors, expected) for vectors in found)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_vectors_do_not_depend_on_how_many_texts_are_computed_at_once(
    embedder, embedder_gguf, threads
):
    texts = [f"{text} {number}" for number in range(4) for text in TEXTS] + ["pump " * 600]
    expected = np.stack([embedder.embed([text])[0] for text in texts])
    with Embedder(embedder_gguf, threads=threads) as other:
        assert np.array_equal(other.embed(texts), expected)
        assert np.array_equal(other.embed(texts[:1]), expected[:1])
        assert other.truncated == 1


def test_memory_is_taken_for_no_more_texts_than_come_at_once(embedder_gguf):
    with Embedder(embedder_gguf, threads=4) as other:
        other.embed(TEXTS[:1])
        assert other._others == []
        other.embed(TEXTS[:2])
        assert len(other._others) == 1
        other.embed(TEXTS * 3)
        assert len(other._others) == 3
        assert all(c.shape.threads == 1 for c in (other._context, *other._others))


def test_an_error_in_one_text_of_several_is_the_caller_s(embedder_gguf, monkeypatch):
    bad = np.zeros(384, dtype=np.float32)
    with Embedder(embedder_gguf, threads=2) as other:
        expected = other.embed(TEXTS)
        with monkeypatch.context() as patch:
            patch.setattr(other._others[0], "embedding", lambda sequence: bad)
            with pytest.raises(IntegrityError, match="without a direction"):
                other.embed(TEXTS)
        assert np.array_equal(other.embed(TEXTS), expected)


def test_a_language_model_is_no_embedder(smollm2_gguf):
    with pytest.raises(ConfigError, match="gives no embeddings"):
        Embedder(smollm2_gguf, threads=1)


def test_a_closed_embedder_refuses_instead_of_crashing(embedder_gguf):
    with Embedder(embedder_gguf, threads=1) as closed:
        pass
    with pytest.raises(ConfigError, match="closed"):
        closed.embed(["oil"])
