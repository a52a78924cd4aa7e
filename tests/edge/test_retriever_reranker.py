"""The reranker: a cross-encoder's own scores, or none; and the order it gives the candidates."""

import threading

import pytest

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.reranker import Reranker
from sfta_edge.retriever import Retriever
from word_retriever import TEXTS, WordEmbedder, ids

tiny = pytest.importorskip("tiny_cross_encoder")
QUESTION = "the oil pressure is low"
ANSWERS = ["oil pump", "the filter is low", "bar", "a high pressure is a bar"]


@pytest.fixture(name="written", scope="module")
def _written(tmp_path_factory):
    model = tiny.random_model()
    return model, tiny.write_gguf(model, tmp_path_factory.mktemp("model") / "rank.gguf")


@pytest.fixture(name="reranker", scope="module")
def _reranker(written):
    with Reranker(written[1], threads=1) as loaded:
        yield loaded


def test_scores_are_those_of_the_model(written, reranker):
    expected = tiny.reference_scores(written[0], QUESTION, ANSWERS)
    assert reranker.scores(QUESTION, ANSWERS) == pytest.approx(expected, abs=1e-2)
    assert max(expected) - min(expected) > 0.1  # so the comparison means something


def test_a_score_does_not_depend_on_its_neighbours(reranker):
    together = reranker.scores(QUESTION, ANSWERS)
    assert reranker.scores(QUESTION, ANSWERS[::-1])[::-1] == together
    assert [reranker.scores(QUESTION, [text])[0] for text in ANSWERS] == together


def test_no_texts_have_no_scores(reranker):
    assert reranker.scores(QUESTION, []) == []


@pytest.mark.parametrize("text", ["", "\0", "[SEP] [CLS]", "\ud800", "oil " * 5000])
def test_any_pair_has_a_score(reranker, text):
    assert len(reranker.scores(text, [text, "oil"])) == 2


def test_a_long_text_is_cut_at_its_end(reranker):
    cut, same = reranker.scores("oil", ["pump " * 200, "pump " * 200 + "filter"])
    assert cut == same


def test_a_long_question_leaves_half_of_the_room_to_the_text(reranker):
    long = "oil " * 300
    first, second = reranker.scores(long, ["pump", "filter"])
    assert first != second


def test_threads_may_share_a_reranker(reranker):
    expected, found = reranker.scores(QUESTION, ANSWERS), []
    threads = [
        threading.Thread(target=lambda: found.append(reranker.scores(QUESTION, ANSWERS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_an_embedder_is_no_reranker(embedder_gguf):
    with pytest.raises(ConfigError, match="gives no score") as caught:
        Reranker(embedder_gguf, threads=1)
    assert caught.value.hint


def test_a_classifier_with_several_outputs_is_no_reranker(tmp_path):
    path = tiny.write_gguf(tiny.random_model(labels=3), tmp_path / "three.gguf")
    with pytest.raises(ConfigError, match="gives no score"):
        Reranker(path, threads=1)


def test_a_model_that_needs_token_types_is_refused(tmp_path):
    path = tiny.write_gguf(tiny.random_model(types=2), tmp_path / "types.gguf")
    with pytest.raises(ConfigError, match="token types"):
        Reranker(path, threads=1)


def test_a_score_that_is_no_number_is_refused(tmp_path):
    model = tiny.random_model()
    model.classifier.weight.data.fill_(3e38)
    path = tiny.write_gguf(model, tmp_path / "infinite.gguf")
    with Reranker(path, threads=1) as broken, pytest.raises(IntegrityError, match="no numbers"):
        broken.scores(QUESTION, ANSWERS)


class ByLength:
    """Prefers short texts."""

    def __init__(self):
        self.calls = []

    def scores(self, question, texts):
        self.calls.append((question, list(texts)))
        return [-float(len(text)) for text in texts]


def test_the_candidates_are_put_in_the_order_of_the_reranker(pump_knowledge, word_retriever):
    scorer = ByLength()
    with Retriever(pump_knowledge, WordEmbedder(), reranker=scorer) as retriever:
        hits = retriever.search("oil pressure", 3)
    fused = word_retriever.search("oil pressure", 7)
    shortest = sorted(fused, key=lambda hit: len(hit.chunk.text))[:3]
    assert ids(hits) == ids(shortest)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert all(0 <= hit.score <= 1 for hit in hits)
    assert hits[0].similarity == shortest[0].similarity
    ((question, texts),) = scorer.calls
    assert question == "oil pressure"
    assert texts[0].startswith("Operator manual > 4 Operation\n")  # as the embedder reads it


def test_equal_scores_keep_the_fused_order(pump_knowledge, word_retriever):
    class Undecided:
        def scores(self, question, texts):
            return [0.0] * len(texts)

    with Retriever(pump_knowledge, WordEmbedder(), reranker=Undecided()) as retriever:
        assert ids(retriever.search("oil", 7)) == ids(word_retriever.search("oil", 7))


def test_no_more_than_the_candidates_are_reranked(pump_knowledge):
    scorer = ByLength()
    with Retriever(pump_knowledge, WordEmbedder(), candidates=4, reranker=scorer) as retriever:
        assert len(retriever.search("oil", 2)) == 2
        assert len(retriever.search("oil", 6)) == 6
    assert [len(texts) for _, texts in scorer.calls] == [4, 6]


def test_a_question_that_finds_nothing_is_not_reranked(pump_knowledge):
    scorer = ByLength()
    with Retriever(pump_knowledge, reranker=scorer) as retriever:
        assert retriever.search("zzz", 3) == []
    assert scorer.calls == []


def test_a_real_cross_encoder_reranks(pump_knowledge, reranker):
    with Retriever(pump_knowledge, WordEmbedder(), reranker=reranker) as retriever:
        hits = retriever.search("oil pressure", 7)
    assert sorted(ids(hits)) == sorted(TEXTS)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
