"""The supervisor: what is lost is replaced, what waits is served, nothing is left behind."""

import contextlib
import threading
from dataclasses import replace

import pytest

from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.worker import supervisor as supervisor_module
from sfta_edge.worker.failures import FrameError, WorkerDownError, WorkerLostError
from sfta_edge.worker.frames import Frame
from sfta_edge.worker.supervisor import Supervisor
from watched_workers import FACTS, IMPATIENT, ScriptedWorker, eventually, pong

DEAD = Frame({"id": 0, "failed": {"kind": "IntegrityError", "what": "the file is damaged"}})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor_module, "_LONGEST_PAUSE", 0.02)


class Launcher:
    """Hands out one scripted worker after the other; the last kind for ever."""

    def __init__(self, *kinds):
        self.kinds, self.made = list(kinds), []

    def __call__(self):
        kind = self.kinds.pop(0) if len(self.kinds) > 1 else self.kinds[0]
        worker = kind()
        self.made.append(worker)
        return worker


def healthy():
    return ScriptedWorker(pong)


def broken():
    return ScriptedWorker(first=DEAD)


def test_facts_of_the_first_worker_are_known_when_it_is_started():
    with Supervisor(Launcher(healthy), IMPATIENT) as supervisor:
        facts = supervisor.facts()
        assert (facts.name, facts.context_tokens) == ("scripted", 64)
        assert facts.embedder.dimension == 3
        assert supervisor.state.status == "up"
        assert supervisor.state.since > 0


def test_why_the_first_worker_does_not_start_is_raised_as_it_was():
    supervisor = Supervisor(Launcher(broken), IMPATIENT)
    with pytest.raises(IntegrityError, match="damaged"):
        supervisor.start()
    assert supervisor.state.status == "stopped"


def test_a_worker_that_dies_is_replaced_and_counted():
    launch = Launcher(healthy)
    with Supervisor(launch, IMPATIENT) as supervisor:
        launch.made[0].kill()
        eventually(lambda: supervisor.state.restarts == 1)
        assert supervisor.connection().begin("ping").result().header["done"] == {}
        assert "script" in supervisor.state.last_error


def test_a_worker_that_gives_no_sign_of_life_is_killed_and_replaced():
    launch = Launcher(ScriptedWorker, healthy)
    options = replace(IMPATIENT, pong=0.05)
    with Supervisor(launch, options) as supervisor:
        eventually(lambda: supervisor.state.restarts == 1)
        assert launch.made[0].killed
        assert "no sign of life" in supervisor.state.last_error


def test_a_worker_that_does_not_come_back_from_a_request_is_replaced():
    launch = Launcher(healthy)
    with Supervisor(launch, replace(IMPATIENT, grace=0.0)) as supervisor:
        call = supervisor.connection().begin("stream", due=0.0)
        with pytest.raises(WorkerLostError, match="longer than it may"):
            call.result()
        eventually(lambda: supervisor.state.restarts == 1)


def test_a_request_waits_for_the_new_worker():
    launch, gate = Launcher(healthy), threading.Event()
    with Supervisor(launch, IMPATIENT) as supervisor:
        launch.kinds = [lambda: gate.wait(30) and healthy()]
        launch.made[0].kill()
        eventually(lambda: supervisor.state.status == "starting")
        threading.Timer(0.1, gate.set).start()
        assert supervisor.connection().begin("ping").result().header["done"] == {}
        assert supervisor.state.restarts == 1


def test_waiting_ends_in_a_typed_error():
    launch, gate = Launcher(healthy), threading.Event()
    with Supervisor(launch, replace(IMPATIENT, wait=0.05)) as supervisor:
        launch.kinds = [lambda: gate.wait(30) and healthy()]
        launch.made[0].kill()
        eventually(lambda: supervisor.state.status == "starting")
        with pytest.raises(WorkerDownError) as caught:
            supervisor.connection()
        assert caught.value.hint
        with pytest.raises(WorkerDownError):
            supervisor.connection(0.0)
        gate.set()


def test_one_that_keeps_dying_is_down_with_a_reason_and_still_tried():
    launch = Launcher(healthy, broken)
    with Supervisor(launch, IMPATIENT) as supervisor:
        launch.made[0].kill()
        eventually(lambda: supervisor.state.status == "down")
        with pytest.raises(WorkerDownError, match="damaged"):
            supervisor.connection()
        assert supervisor.facts().name == "scripted"
        tried = len(launch.made)
        eventually(lambda: len(launch.made) > tried)
        launch.kinds = [healthy]
        eventually(lambda: supervisor.state.status == "up")


def test_a_start_in_the_background_may_fail_and_come_later():
    launch = Launcher(broken, broken, broken, healthy)
    supervisor = Supervisor(launch, IMPATIENT).start(wait=False)
    with contextlib.closing(supervisor):
        eventually(lambda: supervisor.state.status == "up")
        assert supervisor.state.restarts == 0


def test_another_model_under_the_same_name_is_refused():
    def other():
        return ScriptedWorker(pong, facts={**FACTS, "name": "somebody else"})

    launch = Launcher(healthy, other)
    with Supervisor(launch, IMPATIENT) as supervisor:
        launch.made[0].kill()
        eventually(lambda: "other models" in supervisor.state.last_error)
        assert supervisor.facts().name == "scripted"


@pytest.mark.parametrize(
    ("first", "error"),
    [
        (Frame({"id": 0, "done": {}}), FrameError),
        (Frame({"id": 0, "done": {"ready": {**FACTS, "threads": "two"}}}), FrameError),
        (Frame({"id": 0, "done": {"ready": {**FACTS, "embedder": []}}}), FrameError),
        (Frame({"id": 0, "failed": "x"}), FrameError),
        (Frame({}), FrameError),
    ],
)
def test_a_worker_that_begins_with_nonsense_is_not_accepted(first, error):
    with pytest.raises(error):
        Supervisor(Launcher(lambda: ScriptedWorker(first=first)), IMPATIENT).start()


def test_a_worker_that_never_gets_ready_is_given_up():
    silent = Frame({"id": 0, "done": {"ready": dict(FACTS)}})

    class Silent(ScriptedWorker):
        def _serve(self):
            self._theirs.recv(1)

    launch = Launcher(lambda: Silent(first=silent))
    with pytest.raises(WorkerDownError, match="not ready after"):
        Supervisor(launch, replace(IMPATIENT, start=0.05)).start()


def test_what_cannot_be_launched_is_typed():
    def launch():
        raise FileNotFoundError("no such program")

    with pytest.raises(WorkerDownError, match="no such program"):
        Supervisor(launch, IMPATIENT).start()


def test_every_change_is_told_and_a_fault_of_the_listener_ends_nothing():
    told = []

    def listen(state):
        told.append(state.status)
        raise ZeroDivisionError

    launch = Launcher(healthy)
    with Supervisor(launch, IMPATIENT, on_change=listen) as supervisor:
        launch.made[0].kill()
        eventually(lambda: supervisor.state.restarts == 1)
        eventually(lambda: supervisor.state.status == "up")
    assert told == ["up", "starting", "up", "stopped"]


def test_closing_ends_calls_threads_and_descriptors():
    before = threading.active_count()
    launch = Launcher(healthy)
    supervisor = Supervisor(launch, IMPATIENT).start()
    call = supervisor.connection().begin("stream")
    supervisor.close()
    supervisor.close()
    with pytest.raises(WorkerLostError, match="shutting down"):
        call.result()
    with pytest.raises(SftaError):
        supervisor.connection()
    assert threading.active_count() == before
    assert launch.made[0].link.fileno() == -1


def test_closing_does_not_wait_for_a_worker_that_is_still_loading():
    class Loading(ScriptedWorker):
        def _serve(self):
            self._theirs.recv(1)

    supervisor = Supervisor(Launcher(Loading), replace(IMPATIENT, start=600.0))
    supervisor.start(wait=False)
    supervisor.close()
    assert supervisor.state.status == "stopped"


def test_one_that_was_never_started_can_be_closed():
    Supervisor(Launcher(healthy), IMPATIENT).close()


def test_the_state_is_plain_data():
    with Supervisor(Launcher(healthy), IMPATIENT) as supervisor:
        facts = supervisor.state.to_json()
    assert set(facts) == {"status", "pid", "restarts", "since", "last_error", "rss_bytes"}


class Falling(ScriptedWorker):
    """Says that it is ready, and ends."""

    def __init__(self):
        super().__init__(lambda _: [b"\xff" * 8])


@pytest.fixture(name="failures")
def _failures(monkeypatch):
    """How many failures in a row each pause was chosen for."""
    found = []
    monkeypatch.setattr(supervisor_module, "_pause", lambda count: found.append(count) or 0.0)
    return found


def test_a_worker_that_answered_is_replaced_at_once_however_often_that_happens(failures):
    launch, told = Launcher(healthy), []
    options = {"on_change": lambda state: told.append(state.status)}
    with Supervisor(launch, IMPATIENT, **options) as supervisor:
        for restarts in range(1, 8):
            supervisor.connection().begin("ping").result()
            launch.made[-1].kill()
            eventually(lambda wanted=restarts: supervisor.state.restarts == wanted)
    assert failures == [1] * 7
    assert "down" not in told


def test_a_look_at_once_shows_that_a_worker_answers_though_nobody_asks(failures):
    launch = Launcher(healthy)
    with Supervisor(launch, replace(IMPATIENT, ping=600.0)) as supervisor:
        for restarts in range(1, 5):
            eventually(lambda: launch.made[-1].seen)
            eventually(lambda: supervisor.connection().answered)
            launch.made[-1].kill()
            eventually(lambda wanted=restarts: supervisor.state.restarts == wanted)
    assert failures == [1] * 4


@pytest.mark.parametrize("kind", [broken, Falling])
def test_pauses_grow_while_workers_die_before_they_answer(failures, kind):
    launch = Launcher(healthy, kind, kind, kind, healthy, kind, healthy)
    with Supervisor(launch, IMPATIENT) as supervisor:
        supervisor.connection().begin("ping").result()
        launch.made[0].kill()
        eventually(lambda: len(launch.made) == 5 and supervisor.state.status == "up")
        supervisor.connection().begin("ping").result()
        launch.made[4].kill()
        eventually(lambda: len(launch.made) == 7 and supervisor.state.status == "up")
    assert failures == [1, 2, 3, 4, 1, 2]


@pytest.mark.parametrize(("failures", "shortest"), [(0, 0), (1, 0)])
def test_the_first_restart_comes_at_once(failures, shortest):
    assert supervisor_module._pause(failures) == shortest


def test_pauses_grow_up_to_a_bound(monkeypatch):
    monkeypatch.undo()
    pauses = [supervisor_module._pause(failures) for failures in range(2, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 0.5
    assert pauses[-1] == 30.0
