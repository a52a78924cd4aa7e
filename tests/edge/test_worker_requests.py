"""Requests that a worker took with it: asked again once, where nobody can notice."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from engine_prompts import STORY, chat
from sfta_edge.errors import IntegrityError
from sfta_edge.generation import Generation, Limits, Scored, drain
from sfta_edge.worker import forms
from sfta_edge.worker.failures import FrameError, WorkerDownError, WorkerLostError
from sfta_edge.worker.frames import Frame
from sfta_edge.worker.remote import RemoteEmbedder, RemoteEngine
from sfta_edge.worker.requests import Requests
from sfta_edge.worker.supervisor import Supervisor
from watched_workers import IMPATIENT, ScriptedWorker, eventually, pong

END = b"\xff" * 8
"""No frame: whoever reads it gives the worker up."""
DONE = {
    "stream": forms.generation_facts(Generation("b", (1,), "stop", 1)),
    "score": forms.scored_facts(Scored(((-1.0,),), 1)),
    "tokenize": {"ids": [[7]]},
    "count": {"counts": [7]},
    "stats": {"requests": {}},
    "embed": {},
}
ASKING = {
    "stream": lambda s: drain(RemoteEngine(s).stream([1], Limits(1))).text == "b",
    "score": lambda s: RemoteEngine(s).score([1], [[2]], Limits(1)).options == ((-1.0,),),
    "tokenize": lambda s: RemoteEngine(s).tokenize("a") == [7],
    "count": lambda s: RemoteEmbedder(s).count_tokens("a") == 7,
    "stats": lambda s: RemoteEngine(s).stats() == {"requests": {}},
    "embed": lambda s: RemoteEmbedder(s).embed(["a"]).shape == (1, 3),
}


def answering(request):
    if request["do"] == "ping":
        return pong(request)
    vector = np.array([1, 0, 0], dtype="<f4").tobytes() if request["do"] == "embed" else b""
    return [Frame({"id": request["id"], "done": DONE[request["do"]]}, vector)]


def dying(*parts):
    """Says some parts of the answer, and is lost."""

    def answer(request):
        if request["do"] == "ping":
            return pong(request)
        return [*({"id": request["id"], **part} for part in parts), END]

    return answer


class Workers:
    """A supervisor over scripted workers, one answer after the other; the last for ever."""

    def __init__(self, *answers, options=IMPATIENT):
        self.answers, self.made = list(answers), []
        self.supervisor = Supervisor(self._launch, options)

    def __enter__(self):
        self.supervisor.start()
        return self

    def __exit__(self, *_):
        self.supervisor.close()

    def _launch(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.made.append(ScriptedWorker(answer))
        return self.made[-1]

    def asked(self, name="stream"):
        """What every worker was asked of this name, one list per worker."""
        return [[r for r in worker.seen if r["do"] == name] for worker in self.made]


@pytest.mark.parametrize("name", ASKING)
def test_what_a_lost_worker_had_not_begun_is_asked_of_the_next(name):
    with Workers(dying(), answering) as workers:
        assert ASKING[name](workers.supervisor)
        eventually(lambda: workers.supervisor.state.restarts == 1)
        assert [len(asked) for asked in workers.asked(name)] == [1, 1]


@pytest.mark.parametrize("name", ASKING)
def test_two_lost_workers_are_the_end_of_a_request(name):
    with Workers(dying(), dying(), answering) as workers:
        with pytest.raises(WorkerLostError) as caught:
            ASKING[name](workers.supervisor)
        assert caught.value.hint
        assert [len(asked) for asked in workers.asked(name)][:2] == [1, 1]
        assert ASKING[name](workers.supervisor), "the next request is its own"


def test_text_that_has_come_is_not_taken_back():
    with Workers(dying({"text": "a"}), answering) as workers:
        steps = RemoteEngine(workers.supervisor).stream([1], Limits(4))
        assert next(steps) == "a"
        with pytest.raises(WorkerLostError):
            next(steps)
        eventually(lambda: workers.supervisor.state.restarts == 1)
        assert [len(asked) for asked in workers.asked()] == [1, 0]


def test_who_only_heard_a_place_is_asked_again():
    places = []
    with Workers(dying({"place": 2}, {"place": 0}), answering) as workers:
        engine = RemoteEngine(workers.supervisor)
        assert drain(engine.stream([1], Limits(4), on_place=places.append)).text == "b"
    assert places == [2, 0]


def test_the_second_worker_is_told_what_is_left_of_the_time():
    with Workers(dying(), answering) as workers:
        limits = Limits(4, deadline=600.0)
        assert drain(RemoteEngine(workers.supervisor).stream([1], limits)).text == "b"
        (first,), (second,) = workers.asked()
    assert 0 < second["limits"]["seconds"] < first["limits"]["seconds"] <= 600


def test_after_its_deadline_nothing_is_asked_again():
    limits = Limits(4, deadline=0.05)

    def late(request):
        while request["do"] == "stream" and limits.seconds_left:
            time.sleep(0.01)
        return dying()(request)

    with Workers(late, answering) as workers:
        with pytest.raises(WorkerLostError):
            drain(RemoteEngine(workers.supervisor).stream([1], limits))
        assert not any(workers.asked()[1:])


def test_what_is_cancelled_is_not_asked_again():
    cancel = threading.Event()

    def cancelling(request):
        if request["do"] == "stream":
            cancel.set()
        return dying()(request)

    with Workers(cancelling, answering) as workers:
        with pytest.raises(WorkerLostError):
            drain(RemoteEngine(workers.supervisor).stream([1], Limits(4, cancel=cancel)))
        assert not any(workers.asked()[1:])


def test_an_engine_that_broke_down_is_a_lost_worker():
    broken = {"failed": {"kind": "EngineDownError", "what": "it broke"}}
    with Workers(dying(broken), answering) as workers:
        assert drain(RemoteEngine(workers.supervisor).stream([1], Limits(4))).text == "b"
        assert [len(asked) for asked in workers.asked()] == [1, 1]


def test_an_answer_that_is_an_error_is_an_answer():
    failed = {"failed": {"kind": "IntegrityError", "what": "no numbers"}}

    def answer(request):
        return pong(request) or [{"id": request["id"], **failed}]

    with Workers(answer) as workers:
        with pytest.raises(IntegrityError, match="no numbers"):
            RemoteEngine(workers.supervisor).tokenize("a")
        assert [len(asked) for asked in workers.asked("tokenize")] == [1]


def test_without_a_second_worker_it_is_the_first_that_was_lost():
    gate = threading.Event()
    with Workers(dying(), options=replace(IMPATIENT, wait=0.05)) as workers:
        launch = workers.supervisor._launch
        workers.supervisor._launch = lambda: gate.wait(60) and launch()
        with pytest.raises(WorkerLostError):
            drain(RemoteEngine(workers.supervisor).stream([1], Limits(4)))
        with pytest.raises(WorkerDownError):
            Requests(workers.supervisor).ask("stats")
        gate.set()


def test_a_device_that_shuts_down_asks_nobody():
    with Workers(pong) as workers, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(RemoteEngine(workers.supervisor).tokenize, "a")
        eventually(lambda: workers.asked("tokenize")[0])
        workers.supervisor.close()
        with pytest.raises(WorkerLostError, match="shutting down"):
            asked.result()
        assert len(workers.made) == 1


def test_a_request_that_cannot_be_sent_is_not_repeated():
    with Workers(answering) as workers, pytest.raises(FrameError, match="longer"):
        Requests(workers.supervisor).ask("tokenize", {"texts": ["x" * (17 << 20)]})


def test_who_waits_in_a_real_worker_that_is_killed_is_answered_by_the_next(
    worker_files, engine
):
    files = replace(worker_files, embedder=None, parallel=1)
    expected = engine.generate(chat(engine, "What is a pump?"), max_tokens=4)
    with Supervisor.of_files(files, IMPATIENT) as supervisor, ThreadPoolExecutor(1) as pool:
        remote, waits = RemoteEngine(supervisor), threading.Event()
        began = remote.stream(chat(engine, STORY), Limits(400))
        next(began)
        limits = Limits(4, deadline=120.0)
        asked = chat(engine, "What is a pump?")
        steps = remote.stream(asked, limits, on_place=lambda _: waits.set())
        queued = pool.submit(drain, steps)
        assert waits.wait(60)
        os.kill(supervisor.state.pid, signal.SIGKILL)
        with pytest.raises(WorkerLostError):
            drain(began)
        done = queued.result()
        assert supervisor.state.restarts == 1
    assert (done.text, done.token_ids) == (expected.text, expected.token_ids)
