"""An update that is signed and whole, but worse, slower or too large, never stays."""

import json
import signal

import pytest

from sfta_edge import selftest
from sfta_edge.device_status import device_status
from sfta_edge.installation import install
from sfta_edge.probation import Probation
from sfta_edge.selftest import SelfTestError, try_bundle
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, rollback
from signed_bundles import PUBLIC, make, snapshot

GOOD = {
    "passed": True,
    "asked": 2,
    "held": 2,
    "wrong": [],
    "seconds": 1.0,
    "peak_bytes": 1 << 20,
}
BAD = {
    "worse": ({"passed": False, "held": 0, "wrong": ["q1", "q2"]}, "2 of 2 golden questions"),
    "slower": ({"seconds": 3.2}, r"takes 3\.2 s; with the bundle before it took 1\.0 s"),
    "larger": ({"peak_bytes": 1 << 50}, "MiB of this device"),
}


@pytest.fixture(name="child")
def _child(monkeypatch):
    """Stands for the process of the self-test: what it would have told."""
    told = dict(GOOD)
    monkeypatch.setattr(selftest, "_child", lambda folder, seconds, stopped: told)
    return told


@pytest.fixture(name="root")
def _root(tmp_path, child):
    """Bundles 1 and 2 are installed, and 2 has proved itself."""
    root = tmp_path / "root"
    for counter in (1, 2):
        tried(make(tmp_path / str(counter), counter), root)
    return root


def tried(bundle, root):
    return install(bundle, root, PUBLIC, trial=lambda folder: try_bundle(root, folder))


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_with_its_reason_and_what_was_there_stays_whole(
    root, child, tmp_path, name
):
    before, (told, why) = snapshot(root), BAD[name]
    child.update(told)
    for _ in range(2):
        with pytest.raises(SelfTestError, match=why) as refused:
            tried(make(tmp_path / "3", 3), root)
        assert "still answers" in refused.value.hint
        assert snapshot(root) == before
    child.update(GOOD)
    assert rollback(root).current.counter == 1
    assert tried(make(tmp_path / "4", 4), root).counter == 4


@pytest.mark.parametrize("name", BAD)
def test_a_refused_one_does_not_raise_the_version_that_is_demanded(root, child, tmp_path, name):
    child.update(BAD[name][0])
    with pytest.raises(SelfTestError):
        tried(make(tmp_path / "9", 9), root)
    child.update(GOOD)
    assert tried(make(tmp_path / "3", 3), root).counter == 3


def test_slowness_does_not_creep_in_over_several_refused_updates(root, child, tmp_path):
    """What is refused is not what the next one is measured against."""
    for counter, seconds in ((3, 3.1), (4, 9.0)):
        child["seconds"] = seconds
        with pytest.raises(SelfTestError, match=r"took 1\.0 s"):
            tried(make(tmp_path / str(counter), counter), root)


@pytest.mark.parametrize(
    "kept", ["", "[]", "{}", '{"seconds": "x", "peak_bytes": 1}', '{"seconds": 1e999}', "\0"]
)
def test_a_damaged_memory_of_the_last_test_is_no_obstacle(root, tmp_path, kept):
    for path in (root / "measured").iterdir():
        path.write_text(kept)
    assert tried(make(tmp_path / "3", 3), root).counter == 3


def test_a_program_that_is_ended_by_a_signal_is_refused_by_its_name(tmp_path, monkeypatch):
    script = tmp_path / "breaks"
    script.write_text(f"#!/bin/sh\nkill -{signal.SIGILL.value} $$\n")
    script.chmod(0o755)
    root = tmp_path / "root"
    install(make(tmp_path / "1", 1), root, PUBLIC)
    before = snapshot(root)
    monkeypatch.setattr(selftest.sys, "executable", str(script))
    with pytest.raises(SelfTestError, match="SIGILL"):
        tried(make(tmp_path / "2", 2), root)
    assert snapshot(root) == before


@pytest.mark.parametrize("answer", ["", "no JSON", "[1"])
def test_a_test_without_a_result_is_no_pass(tmp_path, monkeypatch, answer):
    from sfta_edge.errors import SftaError

    script = tmp_path / "mumbles"
    script.write_text(f"#!/bin/sh\necho '{answer}'\n")
    script.chmod(0o755)
    root = tmp_path / "root"
    install(make(tmp_path / "1", 1), root, PUBLIC)
    before = snapshot(root)
    monkeypatch.setattr(selftest.sys, "executable", str(script))
    with pytest.raises(SftaError, match="no result"):
        tried(make(tmp_path / "2", 2), root)
    assert snapshot(root) == before


def test_one_that_passes_and_fails_in_service_is_left_and_the_reason_is_shown(root, tmp_path):
    tried(make(tmp_path / "3", 3), root)
    told = []
    watch = Probation(root, lambda: "the worker gave up", told.append, look_seconds=0.01)
    watch._thread.join(20)
    assert told == ["the worker gave up"]
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 2
    assert "the worker gave up" in json.dumps(device_status(root))
