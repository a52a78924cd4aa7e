"""An update on its way: tried, cancelled, refused, gone back from; one thing at a time."""

import threading

import pytest

from sfta_edge import selftest
from sfta_edge.library.refusals import DiskLowError
from sfta_edge.notify import is_supervised
from sfta_edge.probation import mark_good
from sfta_edge.selftest import SelfTestError, run_selftest, try_bundle
from sfta_edge.slots import activate, read_state, rollback, write_state
from sfta_edge.updates.refusals import NotHereError, NotNowError
from signed_bundles import PUBLIC, make
from uploaded_updates import opened, outcome, receive


def test_an_update_is_cancelled_while_it_is_tried(device_root, second_bundle):
    tried = threading.Event()

    def trial(_root, _folder, *, stopped):
        tried.set()
        while not stopped():
            tried.wait(0.01)
        raise SelfTestError("the self-test was stopped")

    updates = opened(device_root, trial)
    receive(updates, second_bundle)
    updates.install("ada")
    assert tried.wait(20)
    assert updates.status()["job"]["state"] == "testing"
    with pytest.raises(NotNowError, match="on its way"):
        updates.install("ada")
    with pytest.raises(NotNowError, match="on its way"):
        updates.go_back("ada", "")
    updates.cancel("ada")
    assert updates.wait(20)
    assert updates.status()["job"]["state"] == "cancelled"
    assert read_state(device_root).current.counter == 1
    assert sorted(path.name for path in (device_root / "slots").iterdir()) == ["a"]


def test_an_update_is_cancelled_while_it_is_written(device_root, second_bundle):
    updates = opened(device_root)
    receive(updates, second_bundle)
    original = updates._install

    def stopped_at_once(first, job):
        job.stopped.set()
        return original(first, job)

    updates._install = stopped_at_once
    assert outcome(updates)["state"] == "cancelled"
    assert not (device_root / "slots/.incoming").exists()


def test_a_bundle_that_fails_its_trial_is_refused_in_its_words(device_root, second_bundle):
    def worse(*_, **__):
        raise SelfTestError(
            "3 of 9 golden questions came out otherwise", hint="Tell its maker."
        )

    updates = opened(device_root, worse)
    receive(updates, second_bundle)
    job = outcome(updates)
    assert (job["state"], job["hint"]) == ("refused", "Tell its maker.")
    assert "3 of 9 golden questions" in job["error"]
    assert read_state(device_root).current.counter == 1


def test_a_defect_is_an_outcome_too(device_root, second_bundle, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError

    updates = opened(device_root, broken)
    receive(updates, second_bundle)
    assert "made a mistake" in outcome(updates)["error"]
    assert "ZeroDivisionError" in caplog.text


def test_an_end_that_cannot_be_recorded_is_still_shown(device_root, second_bundle, caplog):
    def full(kind, _facts):
        if kind == "update_installed":
            raise DiskLowError("the disk is full")

    updates = opened(device_root, on_event=full)
    receive(updates, second_bundle)
    assert outcome(updates)["state"] == "done"
    assert "audit log" in caplog.text


def test_nothing_is_installed_over_the_way_back_of_a_bundle_on_probation(
    device_root, second_bundle, tmp_path
):
    updates = opened(device_root)
    receive(updates, second_bundle)
    outcome(updates)
    after = opened(device_root)
    third = make(tmp_path / "third", 3)
    with pytest.raises(NotNowError, match="has not proved itself"):
        receive(after, third)
    mark_good(device_root)
    receive(after, third)
    assert outcome(after)["state"] == "done"


def test_the_reason_of_an_automatic_rollback_is_shown(device_root, second_bundle):
    updates = opened(device_root)
    receive(updates, second_bundle)
    outcome(updates)
    rollback(device_root, "the model does not start")
    assert opened(device_root).status()["reason"] == "the model does not start"


def test_without_a_supervisor_a_person_is_told_how_to_start_it(device_root, second_bundle):
    updates = opened(device_root)
    with pytest.raises(NotNowError, match="nothing waits"):
        updates.restart("ada")
    receive(updates, second_bundle)
    outcome(updates)
    with pytest.raises(NotHereError, match="start the device again") as refused:
        updates.restart("ada")
    assert "bin/sfta-edge serve" in refused.value.hint
    assert updates.status()["supervised"] is False


def test_with_one_the_server_ends_once(device_root, second_bundle):
    ended = threading.Event()
    updates = opened(device_root, restart=ended.set)
    receive(updates, second_bundle)
    outcome(updates)
    updates.restart("ada")
    with pytest.raises(NotNowError):
        updates.restart("ada")
    assert ended.wait(20)


def test_systemd_is_known_by_the_place_where_it_listens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not is_supervised()
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    assert is_supervised()


def test_a_service_that_may_not_write_keys_goes_back(device_root, second_bundle, monkeypatch):
    """As under the shipped unit of before, in which the folder of the keys was read-only."""
    updates = opened(device_root)
    receive(updates, second_bundle)
    outcome(updates)
    state, written = read_state(device_root), []
    monkeypatch.setattr(
        "sfta_edge.slots.write_durably", lambda path, _: written.append(path.name)
    )
    activate(device_root, "a", state.slots["a"], PUBLIC)
    assert written == ["state.json"]
    monkeypatch.undo()
    write_state(device_root, state)


def test_a_self_test_ends_when_nobody_wants_it_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr(selftest.sys, "executable", str(tmp_path / "sleeps"))
    (tmp_path / "sleeps").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "sleeps").chmod(0o755)
    with pytest.raises(SelfTestError, match="was stopped"):
        run_selftest(tmp_path, stopped=lambda: True)
    with pytest.raises(SelfTestError, match="was stopped"):
        try_bundle(tmp_path, tmp_path, stopped=lambda: True)
