"""A question is answered as long as the documents can be searched."""

import pytest

from asked_passages import CONTRACT, FILTER, NOISE, OIL, PassageSearcher, ToldEngine
from sfta_edge.answer import Answerer
from sfta_edge.caller import View
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import ContextOverflowError, EngineDownError, drain
from sfta_edge.retriever import Retriever
from sfta_edge.settings import AnswerSettings, Weights

GOOD = '[1] "The oil is changed every 2000 hours."\nAnswer: every 2000 hours'
QUESTION = "How often is the oil changed?"
VIEW = View(frozenset({"workshop"}))


def answerer(engine, searcher=None, **changes):
    settings = AnswerSettings(**({"max_tokens": 60, "top_k": 2} | changes))
    return Answerer(engine, searcher or PassageSearcher(OIL, NOISE), CONTRACT, settings)


def pieces_of(steps):
    pieces, answers = [], []

    def listen():
        answers.append((yield from steps))

    pieces.extend(listen())
    return pieces, answers[0]


def test_all_in_order_is_said_by_saying_nothing():
    answer = answerer(ToldEngine(GOOD)).ask(QUESTION)
    assert (answer.mode, answer.degraded) == ("model", ())
    assert answer.to_json()["degraded"] == []


@pytest.mark.parametrize(
    "engine", [None, ToldEngine(fails_after=0), ToldEngine(GOOD, fails_after=9)]
)
def test_without_a_generator_the_best_sentence_is_quoted(engine):
    answer = answerer(engine).ask(QUESTION)
    assert (answer.mode, answer.degraded) == ("extractive", ("generator",))
    assert answer.answer == "The oil is changed every 2000 hours."
    (citation,) = answer.citations
    assert (citation.verified, citation.chunk_id, citation.document_id) == (
        True,
        "oil",
        "manual",
    )
    assert citation.boxes
    assert [mark.supported for mark in answer.sentences] == [True]
    assert answer.supported
    assert answer.finish_reason == "stop"
    assert [hit.chunk.id for hit in answer.hits] == ["oil", "noise"]


def test_an_extract_is_streamed_in_the_answer_form():
    pieces, answer = pieces_of(answerer(None).stream(QUESTION))
    assert pieces == [
        '[1] "The oil is changed every 2000 hours"\nAnswer: The oil is changed every 2000 hours.'
    ]
    assert answer.completion == ""


def test_an_engine_that_is_lost_while_it_writes_is_replaced_and_the_answer_counts():
    pieces, answer = pieces_of(answerer(ToldEngine(GOOD, fails_after=9)).stream(QUESTION))
    assert "".join(pieces) == GOOD[:9]
    assert answer.mode == "extractive"
    assert answer.answer == "The oil is changed every 2000 hours."


@pytest.mark.parametrize("question", ["Who won the match?", "xyzzy plugh", "?"])
def test_an_extract_refuses_when_nothing_is_near(question):
    answer = answerer(None).ask(question)
    assert answer.refused
    assert answer.answer == CONTRACT.refusal
    assert answer.citations == ()
    assert answer.refusal_score > 0.5
    assert answer.degraded == ("generator",)


def test_an_embedder_that_is_down_does_not_fail_the_question():
    searcher = PassageSearcher(OIL, embedder_down=True)
    answer = answerer(ToldEngine(GOOD), searcher).ask(QUESTION)
    assert answer.answer == "every 2000 hours"
    assert answer.degraded == ("embedder",)
    assert [words_only for _, _, words_only in searcher.searches] == [False, True]


def test_both_can_be_out_of_order():
    searcher = PassageSearcher(OIL, NOISE, embedder_down=True)
    answer = answerer(None, searcher).ask(QUESTION)
    assert answer.answer == "The oil is changed every 2000 hours."
    assert answer.degraded == ("embedder", "generator")
    assert answer.to_json()["degraded"] == ["embedder", "generator"]


def test_the_fallback_search_is_held_to_the_view():
    searcher = PassageSearcher(OIL, embedder_down=True)
    answerer(None, searcher, neighbours=1).ask(QUESTION, view=VIEW)
    assert set(searcher.views) == {VIEW}


def test_an_embedder_that_computes_nonsense_is_out_of_order():
    class Nonsense(PassageSearcher):
        def search(self, question, top_k, view=VIEW, *, words_only=False):
            if not words_only:
                raise IntegrityError("vectors that are no numbers")
            return super().search(question, top_k, view, words_only=True)

    answer = answerer(ToldEngine(GOOD), Nonsense(OIL)).ask(QUESTION)
    assert answer.degraded == ("embedder",)


def test_documents_that_cannot_be_searched_at_all_are_an_error():
    class Damaged(PassageSearcher):
        def search(self, *_, **__):
            raise IntegrityError("the file is damaged")

    with pytest.raises(IntegrityError, match="damaged"):
        answerer(ToldEngine(GOOD), Damaged()).ask(QUESTION)


def test_words_stand_in_for_similarity_while_the_embedder_is_down():
    class Choosing(ToldEngine):
        def score(self, prompt, options, limits):
            from sfta_edge.generation import Scored

            return Scored(tuple((-1.0,) * len(o) for o in options), 1)

    settings = {
        "choose_quotes": True,
        "weights": Weights(similarity=20.0, refusal_constant=-40.0),
    }
    searcher = PassageSearcher(NOISE, OIL, embedder_down=True)
    answer = answerer(Choosing(" every 2000 hours"), searcher, **settings).ask(QUESTION)
    assert answer.citations[0].chunk_id == "oil"
    assert answer.degraded == ("embedder",)
    with pytest.raises(ConfigError, match="embedder"):
        answerer(Choosing("x"), PassageSearcher(OIL), **settings).ask(QUESTION)


def test_what_is_wrong_with_the_question_is_no_outage():
    with pytest.raises(ContextOverflowError):
        answerer(ToldEngine(GOOD, context_tokens=80)).ask("w" * 200)
    with pytest.raises(ConfigError):
        answerer(None).ask("  ")


def test_a_document_removed_meanwhile_leaves_the_quote_without_boxes():
    class Removed(PassageSearcher):
        def boxes(self, *_, **__):
            raise IntegrityError("no such chunk")

    answer = answerer(ToldEngine(GOOD), Removed(OIL)).ask(QUESTION)
    assert answer.citations[0].verified
    assert answer.citations[0].boxes == ()


def test_every_look_into_the_documents_is_held_to_the_view():
    searcher = PassageSearcher(OIL, NOISE)
    answer = answerer(ToldEngine(GOOD), searcher, neighbours=1).ask(QUESTION, view=VIEW)
    assert answer.citations[0].boxes
    assert len(searcher.views) == 4
    assert set(searcher.views) == {VIEW}


def test_neighbours_are_read_after_all_that_was_found():
    engine = ToldEngine(GOOD)
    searcher = PassageSearcher(NOISE, OIL, FILTER)
    answer = answerer(engine, searcher, top_k=2, neighbours=1).ask(QUESTION)
    order = [engine.prompts[0].index(p.text) for p in (NOISE, OIL, FILTER)]
    assert order == sorted(order)
    assert [hit.chunk.id for hit in answer.hits] == ["noise", "oil"]


def test_neighbours_are_the_first_to_be_left_out_and_are_named():
    engine = ToldEngine(GOOD, context_tokens=190)
    searcher = PassageSearcher(OIL, NOISE, FILTER)
    answer = answerer(engine, searcher, top_k=2, neighbours=1).ask(QUESTION)
    assert answer.dropped == ("filter",)


def test_who_asks_is_told_to_the_engine():
    engine = ToldEngine(GOOD)
    drain(answerer(engine, deadline_seconds=9.0).stream(QUESTION, caller="ann"))
    (limits,) = engine.limits
    assert (limits.caller, limits.deadline, limits.max_tokens) == ("ann", 9.0, 60)


def test_a_real_knowledge_file_is_searched_by_words_when_the_real_embedder_is_lost(
    knowledge, embedder, contract
):
    class Lost:
        identity = embedder.identity

        def embed(self, texts):
            raise EngineDownError("the worker died")

    with Retriever(knowledge, Lost()) as retriever:
        answer = Answerer(None, retriever, contract, AnswerSettings(top_k=2)).ask(
            "How often is the oil changed?"
        )
    assert answer.answer == "The oil is changed every 2000 hours."
    assert answer.degraded == ("embedder", "generator")
    assert answer.citations[0].boxes


def test_a_real_embedder_chooses_the_extract(retriever, contract):
    asked = Answerer(None, retriever, contract, AnswerSettings(top_k=4))
    answer = asked.ask("What is the noise level with shut doors?")
    assert answer.answer.startswith("The noise level is 74 dB(A)")
    assert answer.degraded == ("generator",)
    assert asked.ask("Who wrote the opera The Magic Flute?").refused
