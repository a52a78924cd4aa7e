"""A new bundle proves itself by serving, or the one before comes back by itself."""

import json
import shutil
import subprocess
import threading
from importlib.resources import files

import pytest

from sfta_edge.device_status import device_status
from sfta_edge.installation import install
from sfta_edge.launcher import MOST_RETURNS, MOST_STARTS, STARTS, STAYS
from sfta_edge.probation import Probation, mark_good, stay
from sfta_edge.slots import locked, read_state, rollback
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


def broken_program(root):
    (root / "environments" / ("1" * 16) / "bin/sfta-edge").unlink()


def refusing_program(root):
    program = root / "environments" / ("1" * 16) / "bin/sfta-edge"
    program.write_text(
        "#!/bin/sh\necho 'error: changed: model/m.gguf\nhint: copy' >&2\nexit 4\n"
    )


BACK_FAILS = {
    "the program of the bundle before is missing": (broken_program, "ended with 127"),
    "the slot of the bundle before is damaged": (refusing_program, "changed: model/m.gguf"),
}


@pytest.mark.parametrize("case", BACK_FAILS)
def test_where_going_back_fails_the_present_bundle_stays_and_it_is_not_tried_for_ever(
    launched, case
):
    damage, why = BACK_FAILS[case]
    damage(launched)
    for _ in range(MOST_STARTS + MOST_RETURNS + 3):
        told = start(launched, "serve")
    assert told == ["program 2: serve"] * (MOST_STARTS + MOST_RETURNS + 3)
    assert (launched / STARTS).read_text().split()[1] == str(MOST_STARTS + MOST_RETURNS)
    assert why in device_status(launched)["stays"]
    assert read_state(launched).current.counter == 2


def test_going_back_that_is_cut_off_again_and_again_ends_too(launched):
    """A power cut, or a service manager that lost patience: nothing could say why."""
    probation = read_state(launched).probation
    (launched / STARTS).write_text(f"{probation} {MOST_STARTS + MOST_RETURNS}\n")
    assert start(launched, "serve") == ["program 2: serve"]
    assert device_status(launched)["stays"] == "going back was cut off 3 times"


def test_a_cause_that_passes_does_not_keep_it(launched):
    """The lock of an installation, a full disk: the next start goes back after all."""
    program = launched / "environments" / ("1" * 16) / "bin/sfta-edge"
    works = program.read_text()
    refusing_program(launched)
    for _ in range(MOST_STARTS + 1):
        start(launched, "serve")
    program.write_text(works)
    assert start(launched, "serve")[-2].startswith("program 1: rollback")


def test_what_cannot_be_counted_is_not_tried(launched):
    (launched / f".{STARTS}").mkdir()
    probation = read_state(launched).probation
    (launched / STARTS).write_text(f"{probation} {MOST_STARTS}\n")
    assert start(launched, "serve") == ["program 2: serve"]


def test_the_server_takes_what_the_launcher_noted_into_the_state(updated):
    probation = read_state(updated).probation
    (updated / STAYS).write_text(f"{probation} changed: model/m.gguf\x1b[31m\n")
    (updated / STARTS).write_text(f"{probation} 6\n")
    Probation(updated, never, fail_if_called, seconds=1000, **SOON).close()
    state = read_state(updated)
    assert (state.probation, state.stays) == ("", "changed: model/m.gguf[31m")
    assert not list(updated.glob("sta[ry]*ts")) + list(updated.glob(STAYS))
    assert device_status(updated)["stays"] == state.stays


def test_what_was_noted_of_another_bundle_does_not_count(updated):
    for noted in (f"{'f' * 64} broken\n", "", "\0\xff", " "):
        (updated / STAYS).write_text(noted)
        assert device_status(updated)["stays"] == ""
    Probation(updated, never, fail_if_called, seconds=1000, **SOON).close()
    assert read_state(updated).probation


def damage_the_other(root):
    (root / "slots" / read_state(root).spare / "model/m.gguf").write_text("rotten")


def remove_the_other(root):
    shutil.rmtree(root / "slots" / read_state(root).spare)


def lose_its_key(root):
    for key in (root / "keys").iterdir():
        key.unlink()


@pytest.mark.parametrize("damage", [damage_the_other, remove_the_other, lose_its_key])
def test_a_server_that_cannot_leave_its_bundle_stays_with_it_and_says_why(
    updated, damage, caplog
):
    damage(updated)
    Probation(updated, lambda: "the worker gave up", fail_if_called, **SOON)._thread.join(20)
    state = read_state(updated)
    assert (state.current.counter, state.probation) == (2, "")
    assert state.stays.startswith("the worker gave up; going back failed: ")
    assert "it cannot be left" in caplog.text
    assert device_status(updated)["stays"] == state.stays
    Probation(updated, lambda: "again", fail_if_called, **SOON)._thread.join(20)
    assert read_state(updated) == state


def test_a_bundle_that_stayed_and_serves_after_all_is_good(updated):
    stay(updated, "the other one is damaged")
    Probation(updated, never, fail_if_called, seconds=0.02, **SOON)._thread.join(20)
    assert read_state(updated).stays == ""


def test_the_next_bundle_is_not_told_why_the_one_before_stayed(updated, tmp_path):
    stay(updated, "the other one is damaged")
    install(make(tmp_path / "third", 3), updated, PUBLIC)
    state = read_state(updated)
    assert (state.stays, bool(state.probation)) == ("", True)


def test_a_note_that_cannot_be_taken_into_the_state_ends_no_server(updated, caplog):
    (updated / STAYS).write_text(f"{read_state(updated).probation} damaged\n")
    with locked(updated):
        watch = Probation(updated, never, fail_if_called, seconds=1000, **SOON)
    watch.close()
    assert "cannot be noted" in caplog.text
    assert device_status(updated)["stays"] == "damaged"


def test_uninstalling_removes_what_the_launcher_wrote():
    script = (files("sfta_edge") / "install.sh").read_text()
    removed = next(line for line in script.splitlines() if "for part in bin" in line).split()
    assert {STARTS, f".{STARTS}", STAYS, f".{STAYS}"} <= {word.strip(";") for word in removed}
