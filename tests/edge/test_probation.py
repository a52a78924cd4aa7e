"""A new bundle proves itself by serving, or the one before comes back by itself."""

import json
import subprocess
import threading

import pytest

from sfta_edge.installation import install
from sfta_edge.launcher import MOST_STARTS, STARTS
from sfta_edge.probation import Probation, mark_good
from sfta_edge.slots import read_state, rollback
from signed_bundles import PUBLIC, device_root, first_bundle, make, second_bundle  # noqa: F401

SOON = {"look_seconds": 0.01}
pytestmark = pytest.mark.usefixtures("_leave_no_thread")


@pytest.fixture(name="_leave_no_thread")
def _leave_no_thread():
    yield
    assert not [t for t in threading.enumerate() if t.name == "probation"]


@pytest.fixture(name="updated")
def _updated(device_root, second_bundle):  # noqa: F811
    install(second_bundle, device_root, PUBLIC)
    return device_root


def never():
    return ""


def fail_if_called(reason):
    raise AssertionError(reason)


def test_the_first_bundle_has_nothing_to_go_back_to_and_is_on_no_probation(device_root):  # noqa: F811
    assert not read_state(device_root).probation
    assert not Probation(device_root, never, fail_if_called, **SOON).watching


def test_an_update_is_on_probation_until_it_has_served(updated):
    assert read_state(updated).probation == read_state(updated).current.manifest
    watch = Probation(updated, never, fail_if_called, seconds=0.02, **SOON)
    watch._thread.join(20)
    assert not read_state(updated).probation
    assert read_state(updated).current.counter == 2


def test_an_update_that_cannot_answer_is_left_with_its_reason(updated):
    told = []
    watch = Probation(updated, lambda: "the worker gave up", told.append, **SOON)
    watch._thread.join(20)
    state = read_state(updated)
    assert (state.current.counter, state.reason) == (1, "the worker gave up")
    assert told == ["the worker gave up"]
    assert not state.probation


def test_a_server_that_ends_gives_no_verdict(updated):
    watch = Probation(updated, never, fail_if_called, seconds=1000, **SOON)
    assert watch.watching
    watch.close()
    assert read_state(updated).probation


def test_without_a_bundle_to_go_back_to_the_failing_one_stays(updated):
    (updated / "slots" / read_state(updated).spare / "manifest.json").unlink()
    state = read_state(updated)
    from sfta_edge.slots import write_state

    write_state(updated, state.without(state.spare))
    Probation(updated, lambda: "broken", fail_if_called, **SOON)._thread.join(20)
    assert read_state(updated).current.counter == 2


def test_marking_good_twice_is_fine(updated):
    (updated / STARTS).write_text("x 2\n")
    for _ in range(2):
        assert not mark_good(updated).probation
    assert not (updated / STARTS).exists()


def test_a_state_of_an_older_program_knows_no_probation(device_root):  # noqa: F811
    path = device_root / "state.json"
    state = json.loads(path.read_bytes())
    del state["probation"], state["reason"], state["fallback"]
    path.write_text(json.dumps(state))
    assert read_state(device_root).current.counter == 1


@pytest.fixture(name="launched")
def _launched(tmp_path):
    """An installation with two programs; each says who it is and what it was told."""
    root = tmp_path / "root"
    for number in (1, 2):
        environment = f"{number}" * 16
        program = root / "environments" / environment / "bin" / "sfta-edge"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho "program {number}: $*" >>"$SFTA_ROOT/told"\n')
        program.chmod(0o755)
        bundle = make(tmp_path / f"bundle-{number}", number)
        install(bundle, root, PUBLIC, environment=environment)
    return root


def start(root, *arguments):
    subprocess.run([root / "bin" / "sfta-edge", *arguments], check=True, timeout=60)
    return (root / "told").read_text().splitlines()


def test_the_launcher_counts_the_starts_of_a_bundle_on_probation(launched):
    for _ in range(MOST_STARTS):
        told = start(launched, "serve")
    assert told == ["program 2: serve"] * MOST_STARTS
    assert (launched / STARTS).read_text().split()[1] == str(MOST_STARTS)
    told = start(launched, "serve")[MOST_STARTS:]
    assert told[0].startswith("program 1: rollback --root")
    assert "it was started 3 times and did not come to answer" in told[0]


def test_other_commands_are_not_counted(launched):
    start(launched, "status")
    assert not (launched / STARTS).exists()


def test_a_bundle_that_has_proved_itself_is_not_counted(launched):
    mark_good(launched)
    for _ in range(MOST_STARTS + 2):
        told = start(launched, "serve")
    assert set(told) == {"program 2: serve"}


@pytest.mark.parametrize("content", ["", "x", "\n\n", "a b c", "-1 -1", "$(touch /tmp/no) 99"])
def test_a_damaged_count_begins_anew(launched, content):
    (launched / STARTS).write_text(content)
    assert start(launched, "serve") == ["program 2: serve"]
    assert (launched / STARTS).read_text().split()[1] == "1"


def test_the_count_of_another_bundle_does_not_matter(launched):
    (launched / STARTS).write_text(f"{'f' * 64} 99\n")
    assert start(launched, "serve") == ["program 2: serve"]


def test_a_rollback_ends_the_probation(launched):
    rollback(launched, "by hand")
    state = read_state(launched)
    assert (state.current.counter, state.probation, state.reason) == (1, "", "by hand")
