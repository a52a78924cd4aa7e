"""Engine and embedder in the worker: the same answers as in this process, for many at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from engine_prompts import STORY, chat
from sfta_edge.answer import Answerer, AnswerSettings
from sfta_edge.batching.turns import BusyError
from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError, Generation, Limits, drain
from sfta_edge.retriever import Retriever
from sfta_edge.settings import Weights
from sfta_edge.worker import forms
from sfta_edge.worker import remote as remote_module
from sfta_edge.worker.failures import failure_of
from sfta_edge.worker.remote import RemoteEmbedder, RemoteEngine
from sfta_edge.worker.supervisor import Supervisor
from watched_workers import FACTS, IMPATIENT, ScriptedWorker, eventually, pong

QUESTIONS = ("How often is the oil changed?", "Who is the president of France?")


@pytest.fixture(scope="module")
def local(worker_files):
    files = worker_files
    engine = Engine(files.model, context_tokens=files.context_tokens, threads=files.threads)
    with engine:
        yield engine


def told(answer):
    """What does not depend on time and on what was asked before."""
    facts = answer.to_json()
    facts.pop("timings_ms")
    return facts | {"usage": facts["usage"] | {"reused_tokens": 0}}


def recorded(steps, pieces):
    """The same stream; its pieces are kept."""
    while True:
        try:
            pieces.append(next(steps))
        except StopIteration as end:
            return end.value
        yield pieces[-1]


def texts_of(generation):
    return generation.text, generation.token_ids, generation.finish_reason


def test_it_is_the_same_model(remote, local):
    assert remote.name == local.name
    assert remote.context_tokens == local.context_tokens
    facts = remote.facts()
    assert facts["threads"] == 1
    assert len(facts["model_sha256"]) == 64
    assert facts["variant"]


@pytest.mark.parametrize("text", ["", "the pump", "<|im_end|>", "\ud800 half", "日本 \u0000 x"])
@pytest.mark.parametrize("special", [False, True])
def test_texts_have_the_same_tokens(remote, local, text, special):
    assert remote.tokenize(text, special) == local.tokenize(text, special)
    assert remote.tokenize(text, special) == local.tokenize(text, special)


def test_many_texts_are_the_same_as_one_by_one(remote, local):
    texts = ["a b", "", "c", "a b", "d" * 40_000]
    assert remote.tokenize_many(texts) == [local.tokenize(text) for text in texts]


def test_ids_belong_to_who_asked(remote):
    remote.tokenize("a list of one's own").clear()
    assert remote.tokenize("a list of one's own")


def test_a_text_too_long_to_cross_is_refused(remote):
    with pytest.raises(ConfigError, match="too long"):
        remote.tokenize("x" * (remote_module._BATCH_CHARACTERS + 1))


def test_a_generation_is_the_same(remote, local):
    prompt = chat(local, STORY)
    limits = Limits(12, first_token_bias={3: 0.5})
    ours, theirs = drain(remote.stream(prompt, limits)), drain(local.stream(prompt, limits))
    assert texts_of(ours) == texts_of(theirs)
    assert ours.first_token_scores == theirs.first_token_scores
    assert ours.prompt_tokens == theirs.prompt_tokens


def test_the_pieces_are_the_text(remote, local):
    pieces = []
    done = drain(recorded(remote.stream(chat(local, STORY), Limits(8)), pieces))
    assert done.text == "".join(pieces)
    assert len(pieces) > 1


def test_scores_are_the_same_to_the_last_bit(remote, local):
    prompt = chat(local, "What is a pump?")
    options = [local.tokenize("A machine"), local.tokenize("A fruit")]
    ours = remote.score(prompt, options, Limits(4))
    assert ours.options == local.score(prompt, options, Limits(4)).options


def test_vectors_are_the_same_to_the_last_bit(remote_embedder, embedder):
    texts = [f"text number {number}" for number in range(70)]
    ours = remote_embedder.embed(texts)
    assert ours.tobytes() == embedder.embed(texts).tobytes()
    assert remote_embedder.embed([]).shape == (0, embedder.identity.dimension)


def test_it_is_the_same_embedder(remote_embedder, embedder):
    assert remote_embedder.identity == embedder.identity
    assert remote_embedder.count_tokens("the pump") == embedder.count_tokens("the pump")


@pytest.mark.parametrize(
    "settings",
    [
        AnswerSettings(top_k=2, max_tokens=12),
        AnswerSettings(top_k=2, max_tokens=32, choose_quotes=True),
        AnswerSettings(top_k=2, max_tokens=32, choose_quotes=True, weights=Weights(1.0, 20.0)),
    ],
    ids=["written", "chosen", "similar"],
)
def test_an_answer_through_the_worker_is_the_answer(
    own_worker, local, knowledge, retriever, contract, settings
):
    """A worker that was asked nothing yet: where a prompt lies in memory moves its scores."""
    ours = Answerer(local, retriever, contract, settings)
    with Retriever(knowledge, RemoteEmbedder(own_worker)) as searcher:
        theirs = Answerer(RemoteEngine(own_worker), searcher, contract, settings)
        for question in QUESTIONS:
            assert told(theirs.ask(question)) == told(ours.ask(question))


def test_sixteen_at_once_get_their_own_answers(remote, local):
    prompts = [chat(local, f"Say the number {number}.") for number in range(16)]
    expected = [texts_of(drain(local.stream(prompt, Limits(4)))) for prompt in prompts]

    def ask(prompt):
        return texts_of(drain(remote.stream(prompt, Limits(4))))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, prompts)) == expected


def test_texts_and_vectors_do_not_mix_under_load(remote, remote_embedder, embedder):
    single = {f"w{n}": embedder.embed([f"w{n}"]).tobytes() for n in range(8)}

    def work(number):
        text = f"w{number % 8}"
        assert remote_embedder.embed([text]).tobytes() == single[text]
        return remote.tokenize(f"only {number}") != remote.tokenize(f"only {number + 1}")

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(64)))


def test_an_error_is_the_same_as_without_a_worker(remote):
    with pytest.raises(ContextOverflowError, match="do not fit"):
        drain(remote.stream([1] * 512, Limits(1)))
    with pytest.raises(ConfigError, match="at least one token"):
        drain(remote.stream([], Limits(1)))
    with pytest.raises(ConfigError, match="vocabulary"):
        drain(remote.stream([10**6], Limits(1)))
    with pytest.raises(ConfigError, match="at least one token"):
        remote.score([1], [[]], Limits(1))


def test_a_stop_condition_is_refused_and_not_forgotten(remote):
    with pytest.raises(ConfigError, match="stop condition"):
        drain(remote.stream([1], Limits(1, stop=bool)))


def test_who_waits_hears_how_many_are_before():
    def answer(request):
        if request["do"] == "stream":
            assert request["places"] is True
            places = [{"id": request["id"], "place": place} for place in (2, 1, 0)]
            done = forms.generation_facts(Generation("a", (1,), "stop", 1))
            return [
                *places,
                {"id": request["id"], "text": "a"},
                {"id": request["id"], "done": done},
            ]
        return pong(request)

    heard = []
    with Supervisor(lambda: ScriptedWorker(answer), IMPATIENT) as supervisor:
        engine = RemoteEngine(supervisor)
        done = drain(engine.stream([1], Limits(1), on_place=heard.append))
    assert heard == [2, 1, 0]
    assert done.text == "a"


def test_too_many_are_told_how_many_wait(worker_files, local):
    files = replace(worker_files, embedder=None, parallel=1, waiting=2)
    with Supervisor.of_files(files, IMPATIENT) as supervisor:
        connection, remote = supervisor.connection(), RemoteEngine(supervisor)
        asked = {"prompt": chat(local, STORY), "limits": forms.limits_facts(Limits(400))}
        calls = [connection.begin("stream", asked) for _ in range(8)]
        eventually(lambda: remote.stats()["requests"]["failed"])
        frames = [call.incoming.get_nowait() for call in calls if not call.incoming.empty()]
    refused = [frame.header["failed"] for frame in frames if "failed" in frame.header]
    assert {type(failure_of(facts)) for facts in refused} == {BusyError}


def test_an_event_cancels_in_the_worker(remote, local):
    cancel = threading.Event()
    steps = remote.stream(chat(local, STORY), Limits(400, cancel=cancel))
    next(steps)
    cancel.set()
    assert drain(steps).finish_reason == "cancelled"


def test_what_was_cancelled_before_is_not_asked(remote):
    cancel = threading.Event()
    cancel.set()
    limits = Limits(4, cancel=cancel)
    assert drain(remote.stream([1], limits)).finish_reason == "cancelled"
    assert remote.score([1], [[2]], limits).interrupted == "cancelled"


def test_a_deadline_ends_it(remote, local):
    limits = Limits(400, deadline=0.2)
    assert drain(remote.stream(chat(local, STORY), limits)).finish_reason == "deadline"
    late = Limits(4, deadline=1.0, started=-1e9)
    assert drain(remote.stream([1, 2], late)).finish_reason == "deadline"


def test_closing_the_generator_ends_the_work_in_the_worker(remote, local):
    eventually(lambda: remote.stats()["requests"]["running"] == 1)
    before = remote.stats()["requests"]["cancelled"]
    with closing(remote.stream(chat(local, STORY), Limits(400))) as steps:
        next(steps)
    eventually(lambda: remote.stats()["requests"]["cancelled"] == before + 1)
    # This request itself is one.
    eventually(lambda: remote.stats()["requests"]["running"] == 1)


def test_a_worker_without_an_embedder_says_so():
    facts = {**FACTS, "embedder": None}
    with (
        Supervisor(lambda: ScriptedWorker(pong, facts=facts), IMPATIENT) as supervisor,
        pytest.raises(ConfigError, match="no embedder"),
    ):
        RemoteEmbedder(supervisor).embed(["a"])
