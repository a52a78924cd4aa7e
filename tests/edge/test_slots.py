"""One small file says which slot answers; whatever it says is true, or it is refused."""

import signal
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.seal import seal
from sfta_edge.signature import fingerprint
from sfta_edge.slots import (
    STATE,
    Installed,
    State,
    activate,
    active_slot,
    locked,
    read_state,
    rollback,
    slot_path,
    trusted_key,
    write_state,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PRINT = fingerprint(KEY.public_key())


def installed(counter=1, **changes):
    facts = {
        "name": "manuals",
        "counter": counter,
        "digest": "d",
        "manifest": "m",
        "key": PRINT,
    }
    return Installed(**{**facts, **changes})


def filled(root, slot, counter, **changes):
    """A slot with a signed bundle in it, made the active one."""
    folder = slot_path(root, slot)
    folder.mkdir(parents=True)
    (folder / "file").write_text(f"bundle {counter}")
    seal(folder, {"counter": counter}, KEY)
    return activate(root, slot, installed(counter, **changes), KEY.public_key())


def test_nothing_is_installed_at_first(tmp_path):
    assert read_state(tmp_path) == State()
    with pytest.raises(ConfigError, match="nothing is installed") as caught:
        active_slot(tmp_path)
    assert "sfta-edge install" in caught.value.hint


def test_the_active_slot_is_the_one_activated_last(tmp_path):
    filled(tmp_path, "a", 1)
    assert active_slot(tmp_path) == tmp_path / "slots/a"
    filled(tmp_path, "b", 2)
    assert active_slot(tmp_path) == tmp_path / "slots/b"
    assert read_state(tmp_path).current == installed(2)
    assert read_state(tmp_path).spare == "a"


def test_an_active_slot_without_a_bundle_is_an_error(tmp_path):
    filled(tmp_path, "a", 1)
    (tmp_path / "slots/a/manifest.json").unlink()
    with pytest.raises(IntegrityError, match="holds no bundle"):
        active_slot(tmp_path)


def test_counters_only_rise():
    state = State().switched("a", installed(5)).switched("b", installed(3))
    assert state.counters == {PRINT: 5}
    assert state.switched("a", installed(6)).counters == {PRINT: 6}


def test_each_key_has_its_own_counter():
    other = "ab" * 32
    state = State().switched("a", installed(99)).switched("b", installed(1, key=other))
    assert state.counters == {PRINT: 99, other: 1}


def test_going_back_verifies_and_switches(tmp_path):
    filled(tmp_path, "a", 1)
    filled(tmp_path, "b", 2)
    assert rollback(tmp_path).active == "a"
    assert active_slot(tmp_path).name == "a"
    assert read_state(tmp_path).counters == {PRINT: 2}
    assert rollback(tmp_path).active == "b"


def test_going_back_to_a_damaged_slot_is_refused(tmp_path):
    filled(tmp_path, "a", 1)
    filled(tmp_path, "b", 2)
    (tmp_path / "slots/a/file").write_text("something else")
    before = (tmp_path / STATE).read_bytes()
    with pytest.raises(IntegrityError, match="changed: file"):
        rollback(tmp_path)
    assert (tmp_path / STATE).read_bytes() == before
    assert active_slot(tmp_path).name == "b"


def test_there_is_nothing_to_go_back_to_after_one_installation(tmp_path):
    filled(tmp_path, "a", 1)
    with pytest.raises(ConfigError, match="no other bundle"):
        rollback(tmp_path)


def test_the_key_of_an_installed_bundle_is_kept_and_checked(tmp_path):
    filled(tmp_path, "a", 1)
    assert fingerprint(trusted_key(tmp_path, installed())) == PRINT
    other = Ed25519PrivateKey.generate().public_key()
    filled(tmp_path / "other", "a", 1)
    stored = tmp_path / f"keys/{PRINT}.pem"
    from sfta_edge.signature import public_pem

    stored.write_bytes(public_pem(other))
    with pytest.raises(IntegrityError, match="was changed"):
        trusted_key(tmp_path, installed())


def test_only_one_installation_works_at_a_time(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(SftaError, match="another installation"),
        locked(tmp_path),
    ):
        pytest.fail("two at once")
    with locked(tmp_path):
        pass


def test_unused_environments_are_removed(tmp_path):
    for name in ("aa", "bb", "cc"):
        (tmp_path / "environments" / name).mkdir(parents=True)
    filled(tmp_path, "a", 1, environment="aa")
    assert {p.name for p in (tmp_path / "environments").iterdir()} == {"aa"}
    (tmp_path / "environments/bb").mkdir()
    filled(tmp_path, "b", 2, environment="bb")
    assert {p.name for p in (tmp_path / "environments").iterdir()} == {"aa", "bb"}


def test_the_launcher_starts_the_program_of_the_active_slot(tmp_path):
    root = tmp_path / "with space"
    for slot, name in (("a", "aa"), ("b", "bb")):
        program = root / f"environments/{name}/bin/sfta-edge"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho {name} "$SFTA_ROOT" "$@"\n')
        program.chmod(0o755)
        filled(root, slot, 1 if slot == "a" else 2, environment=name)

        def launch():
            command = [root / "bin/sfta-edge", "ask", "a b"]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        assert launch() == f"{name} {root} ask a b\n"
    rollback(root)
    assert launch().startswith("aa ")


def test_the_launcher_says_when_nothing_is_there(tmp_path):
    (tmp_path / "environments/aa").mkdir(parents=True)
    filled(tmp_path, "a", 1, environment="aa")
    done = subprocess.run(
        [tmp_path / "bin/sfta-edge"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert "nothing is installed" in done.stderr


def state_bytes(**changes):
    state = State().switched("a", installed(1))
    raw = state.to_bytes().decode()
    for before, after in changes.get("replace", []):
        assert before in raw
        raw = raw.replace(before, after)
    return raw.encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 50_000,
        state_bytes()[:-1],
        state_bytes(replace=[('"active":"a"', '"active":"b"')]),
        state_bytes(replace=[('"active":"a"', '"active":"../a"')]),
        state_bytes(replace=[('"active":"a"', '"active":7')]),
        state_bytes(replace=[('"slots":{"a"', '"slots":{"../../x"')]),
        state_bytes(replace=[("sfta.slots/1", "sfta.slots/2")]),
        state_bytes(replace=[('"counter":1', '"counter":"1"')]),
        state_bytes(replace=[('"environment":""', '"environment":"../../bin"')]),
        state_bytes(replace=[(f'"key":"{PRINT}"', '"key":"../../etc/key"')]),
        state_bytes(replace=[('"name":"manuals"', '"name":null')]),
        state_bytes(replace=[('"name":"manuals"', '"surprise":1,"name":"manuals"')]),
    ],
)
def test_a_state_that_cannot_be_true_is_refused(tmp_path, raw):
    (tmp_path / STATE).write_bytes(raw)
    with pytest.raises(IntegrityError):
        read_state(tmp_path)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_state(raw):
    with pytest.raises(IntegrityError):
        State.from_bytes(raw)


slots = st.builds(
    Installed,
    name=st.text(max_size=20),
    counter=st.integers(1, 2**40),
    digest=st.text(max_size=5),
    manifest=st.text(max_size=5),
    key=st.text("0123456789abcdef", max_size=64),
    environment=st.text("0123456789abcdef", max_size=16),
)


@given(slots, slots)
def test_a_state_survives_its_file(first, second):
    state = State().switched("a", first).switched("b", second)
    assert State.from_bytes(state.to_bytes()) == state
    assert State.from_bytes(state.without("a").to_bytes()) == state.without("a")


def test_writing_the_state_leaves_no_other_file(tmp_path):
    write_state(tmp_path, State().switched("a", installed()))
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


KILLED = """
import os, signal, sys
from pathlib import Path
from sfta_edge.slots import State, locked, write_state
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
Path.replace = die
with locked(Path(sys.argv[1])):
    write_state(Path(sys.argv[1]), State())
"""


def test_what_a_writer_left_when_the_power_went_is_removed_by_the_next_one(tmp_path):
    filled(tmp_path, "a", 1)
    before = (tmp_path / STATE).read_bytes()
    program = f"import sys; sys.path[:0] = {sys.path!r}\n{KILLED}"
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".state.json.*"))) == 1
    assert (tmp_path / STATE).read_bytes() == before
    for name in (f"keys/.{PRINT}.pem.77", "bin/.sfta-edge.77"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    (tmp_path / ".trust.json.77").write_text("of somebody who needs no lock")
    with locked(tmp_path):
        write_state(tmp_path, State())
    left = {path.name for path in tmp_path.rglob(".*")}
    assert left == {".lock", ".trust.json.77"}


def test_leftovers_that_cannot_be_removed_do_not_keep_anybody_out(tmp_path):
    """A service may not write beside its data."""
    (tmp_path / ".state.json.77").mkdir()
    with locked(tmp_path):
        write_state(tmp_path, State())
    assert read_state(tmp_path) == State()


def test_somebody_who_waits_for_the_lock_removes_nothing(tmp_path):
    with locked(tmp_path):
        scratch = tmp_path / ".state.json.77"
        scratch.write_text("being written")
        with pytest.raises(SftaError), locked(tmp_path):
            pytest.fail("two at once")
        assert scratch.exists()
