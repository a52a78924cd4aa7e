"""The model's process is killed, stopped or starved while many ask: nothing is lost."""

import os
import signal
import threading
import time

import pytest

from watched_workers import IMPATIENT, eventually
from whole_device import OIL, Person, app_of, opened_device

THREADS, EACH = 16, int(os.environ.get("SFTA_ASKED", "1"))
MANUAL = b"The feed pump of line seven is rinsed with lye every 40 hours, by two people.\n"


@pytest.fixture(name="device")
def _device(small_bundle, tmp_path, monkeypatch):
    """A device that looks at its worker often."""
    from sfta_edge import device as devices

    real = devices.Supervisor.of_files

    def watched(files, **options):
        return real(files, IMPATIENT, **options)

    monkeypatch.setattr(devices.Supervisor, "of_files", watched)
    with opened_device(small_bundle, tmp_path / "data") as opened:
        yield opened


def ask_all(app, headers, answers):
    """Each thread asks some questions, as long as it takes."""

    def ask(number):
        client = app.test_client()
        for turn in range(EACH):
            question = f"{OIL} Asked by {number} for the time {turn}."
            while True:
                done = client.post("/v1/ask", json={"question": question}, headers=headers)
                answers.append((question, done.status_code, done.json))
                if done.status_code not in (429, 503):
                    break
                time.sleep(0.05)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    return threads


def faulty(device, how):
    """One thing that can befall the worker."""
    pid = device.supervisor.state.pid
    if pid is not None:
        os.kill(pid, how)
    return pid


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_under_load_nothing_that_was_answered_is_lost_and_nobody_has_to_help(device, how):
    app = app_of(device)
    admin = Person(device, app)
    facts = {"name": "robot", "role": "admin"}
    token = admin.call("POST", "/v1/tokens", json=facts).json["token"]
    answers = []
    job = admin.upload("rinsing.txt", MANUAL)
    threads = ask_all(app, {"Authorization": f"Bearer {token}"}, answers)
    restarts = device.supervisor.state.restarts
    time.sleep(0.3)  # some are asking then, whatever the machine
    lost = faulty(device, how)
    eventually(lambda: device.supervisor.state.pid not in (lost, None))
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    assert device.supervisor.state.restarts > restarts
    _nothing_is_lost(admin, answers, job)
    eventually(lambda: app.test_client().get("/readyz").status_code == 200)
    assert admin.ask().json["mode"] == "model"


def _nothing_is_lost(admin, answers, job):
    assert {status for _, status, _ in answers} <= {200, 429, 503}
    for _, status, told in answers:
        assert status == 200 or told["detail"]
    given = {question: told["id"] for question, status, told in answers if status == 200}
    assert len(given) == THREADS * EACH
    recorded = _records(admin)
    assert {r["question"] for r in recorded if r["kind"] == "answer"} == set(given)
    assert any(r["kind"] == "worker" and r["reason"] for r in recorded)
    assert admin.call("POST", "/v1/audit/verify").json["intact"]
    assert admin.job(job)["state"] == "done"


def _records(admin):
    found, before = [], ""
    while page := admin.listed(f"/v1/audit?limit=200{before}", "records"):
        found += page
        before = f"&before={page[-1]['id']}"
    return found


@pytest.mark.slow
def test_a_worker_that_always_dies_leaves_extracts_and_comes_back_by_itself(
    device, monkeypatch
):
    """Out of memory at every start: the device says so, quotes, and heals when there is room."""
    app = app_of(device)
    admin = Person(device, app)
    real = device.supervisor._launch
    monkeypatch.setattr(device.supervisor, "_launch", _no_memory)
    faulty(device, signal.SIGKILL)
    eventually(lambda: admin.call("GET", "/readyz").status_code == 503)
    answer = admin.ask("oil changed")
    assert answer.status_code == 200
    assert answer.json["mode"] == "extractive"
    assert "generator" in answer.json["degraded"]
    assert admin.call("GET", "/v1/status").json["degraded"]
    assert admin.call("GET", "/v1/documents").status_code == 200
    monkeypatch.setattr(device.supervisor, "_launch", real)
    eventually(lambda: admin.call("GET", "/readyz").status_code == 200, 120)
    assert admin.ask().json["mode"] == "model"


def _no_memory(*_):
    raise OSError(12, "Cannot allocate memory")
