"""A worker reads files from outside, so what it answers is checked and not believed."""

import numpy as np
import pytest

from sfta_edge.generation import Limits, drain
from sfta_edge.worker import remote as remote_module
from sfta_edge.worker.frames import Frame
from sfta_edge.worker.remote import RemoteEmbedder, RemoteEngine
from sfta_edge.worker.supervisor import Supervisor
from watched_workers import IMPATIENT, ScriptedWorker, pong


@pytest.mark.parametrize(
    "result",
    [{}, {"ids": [[1]]}, {"ids": None}, {"ids": [[1], ["2"]]}, {"ids": [[1], [-2]]}],
)
def test_a_worker_that_answers_something_else_is_not_believed(result):
    def answer(request):
        return pong(request) or [{"id": request["id"], "done": result}]

    with Supervisor(lambda: ScriptedWorker(answer), IMPATIENT) as supervisor:
        engine = RemoteEngine(supervisor)
        for ask in (
            lambda: engine.tokenize_many(["a", "b"]),
            lambda: drain(engine.stream([1], Limits(1))),
            lambda: engine.score([1], [[2]], Limits(1)),
            lambda: RemoteEmbedder(supervisor).embed(["a"]),
            lambda: RemoteEmbedder(supervisor).count_tokens("a"),
        ):
            with pytest.raises(remote_module.FrameError):
                ask()


def test_scores_of_other_options_are_not_believed():
    scored = {"options": [[-1.0]], "prompt_tokens": 1, "reused_tokens": 0, "milliseconds": 0.0,
              "interrupted": None}  # fmt: skip

    def answer(request):
        return pong(request) or [{"id": request["id"], "done": scored}]

    with (
        Supervisor(lambda: ScriptedWorker(answer), IMPATIENT) as supervisor,
        pytest.raises(remote_module.FrameError, match="other options"),
    ):
        RemoteEngine(supervisor).score([1], [[2, 3]], Limits(1))


def test_vectors_that_are_no_numbers_never_arrive():
    raw = np.full((1, 3), np.nan, dtype="<f4").tobytes()

    def answer(request):
        return pong(request) or [Frame({"id": request["id"], "done": {}}, raw)]

    with (
        Supervisor(lambda: ScriptedWorker(answer), IMPATIENT) as supervisor,
        pytest.raises(remote_module.FrameError, match="no number"),
    ):
        RemoteEmbedder(supervisor).embed(["a"])
