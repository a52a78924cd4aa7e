"""A restore that is killed or loses its power leaves the old data or the new, never a mixture."""

import random
import subprocess
import sys
import time

import pytest

from audit_logs import verdict
from device_data import backup_of, device_data, note, notes, restore_to
from sfta_edge.backup import swap as module
from sfta_edge.backup.swap import begin, old_data, settle, swap
from sfta_edge.lock import DataLock

RESTORE = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from device_data import restore_to
print("begins", flush=True)
while True:
    restore_to(Path({root!r}), Path({backup!r}), Path({key!r}))
"""


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_restore_leaves_the_old_data_or_the_new(tmp_path, seed):
    root = tmp_path / "device"
    device_data(root)
    backup_of(root, tmp_path / "b.sfta", tmp_path / "key.pem")
    note(root / "data", "after the backup")
    program = RESTORE.format(
        path=sys.path,
        root=str(root),
        backup=str(tmp_path / "b.sfta"),
        key=str(tmp_path / "key.pem"),
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as running:
        running.stdout.readline()
        time.sleep(random.Random(seed).random() * 0.6)
        running.kill()
    with DataLock(root / "data", "serve"):
        assert not list(root.glob(".data.*-*"))
    restored = ["the oil is changed", "the filter is replaced"]
    kept = [notes(path) for path in old_data(root / "data")]
    assert [*restored, "after the backup"] in [notes(root / "data"), *kept]
    assert notes(root / "data")[:2] == restored
    assert verdict(root).intact
    restore_to(root, tmp_path / "b.sfta", tmp_path / "key.pem")
    assert notes(root / "data") == restored


@pytest.fixture(name="folders")
def _folders(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "which").write_text("old")
    scratch = begin(data)
    (scratch / "which").write_text("new")
    return data, scratch


STEPS = ["write_durably", "_sync_tree", "exchange", "settle"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("atomic", [True, False])
def test_a_power_cut_at_any_step_of_the_swap_is_settled(
    folders, monkeypatch, step, after, atomic
):
    data, scratch = folders
    if not atomic:
        monkeypatch.setattr(module, "_EXCHANGE", 1 << 20)  # a flag no kernel knows
    real = getattr(module, step)

    def cut(*arguments):
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, step, cut)
        with pytest.raises(KeyboardInterrupt):
            swap(data, scratch)
    settle(data)
    done = step == "settle" or (step == "exchange" and after)
    assert (data / "which").read_text() == ("new" if done else "old")
    assert [(path / "which").read_text() for path in old_data(data)] == ["old"] * done
    assert not list(data.parent.glob(".data.*"))


def test_a_cut_between_two_renames_is_finished(folders):
    data, scratch = folders
    token = scratch.name.rpartition("-")[2]
    (scratch / ".restored").write_text(token)
    scratch.rename(scratch.with_name(f".data.ready-{token}"))
    data.rename(data.with_name("data.before-1"))
    with DataLock(data, "serve"):
        assert (data / "which").read_text() == "new"


def test_swapped_folders_keep_their_names_apart_under_a_clock_that_stands_still(
    folders, monkeypatch
):
    monkeypatch.setattr(module.time, "strftime", lambda *_: "19700101T000000Z")
    data, scratch = folders
    swap(data, scratch)
    swap(data, begin(data))
    assert [path.name for path in old_data(data)] == [
        "data.before-19700101T000000Z",
        "data.before-19700101T000000Z-2",
    ]
