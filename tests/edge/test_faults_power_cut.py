"""After a power cut at any moment one whole bundle answers, on a disk that loses what it can."""

import os
import shutil

import pytest

from lossy_disk import LossyDisk
from sfta_edge.installation import install
from sfta_edge.manifest import write_durably
from sfta_edge.probation import mark_good, stay
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, read_state, rollback, slot_path, trusted_key
from signed_bundles import PUBLIC

EVERY = 8
"""After every so many syncs the same is tried again on what was left."""


@pytest.fixture(name="cut")
def _cut(tmp_path, monkeypatch):
    """Does something on a lossy disk and looks at what each power cut would leave."""
    disks, left = [], tmp_path / "left"

    def run(root, act, look):
        disk = LossyDisk(root)
        disks.append(disk)

        def fsync(handle):
            if left.exists():
                return  # what is tried on what is left is not cut off again
            disk.synced(handle)
            look(disk.after_the_power_cut(left), disk.syncs)
            shutil.rmtree(left)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            act(root)
        look(disk.after_the_power_cut(left), 0)
        shutil.rmtree(left)
        return disk.syncs

    yield run
    for disk in disks:
        disk.close()


def is_whole(left, allowed):
    """One whole bundle answers, its key is there, and so is whatever one could go back to."""
    state = read_state(left)
    assert state.current.counter in allowed
    assert active_slot(left) == slot_path(left, state.active)
    for name, installed in state.slots.items():
        manifest = open_verified(slot_path(left, name), trusted_key(left, installed))
        assert manifest.facts["counter"] == installed.counter
    return state.current.counter


def test_during_an_update_the_old_or_the_new_bundle_answers_and_the_next_try_succeeds(
    device_root, second_bundle, cut
):
    seen = []

    def look(left, syncs):
        seen.append(is_whole(left, {1, 2}))
        if syncs % EVERY == 0:
            install(second_bundle, left, PUBLIC)
            assert is_whole(left, {2}) == 2

    assert cut(device_root, lambda root: install(second_bundle, root, PUBLIC), look) > EVERY
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (1, 2)


def test_during_the_first_installation_there_is_nothing_or_a_whole_bundle(
    tmp_path, first_bundle, cut
):
    seen = []

    def look(left, _syncs):
        seen.append(read_state(left).active is not None and is_whole(left, {1}))

    (tmp_path / "root").mkdir()
    cut(tmp_path / "root", lambda root: install(first_bundle, root, PUBLIC), look)
    assert (seen[0], seen[-1]) == (False, True)


@pytest.mark.parametrize(
    ("act", "after"),
    [
        (lambda root: rollback(root, "by hand"), 1),
        (mark_good, 2),
        (lambda root: stay(root, "the other one is damaged"), 2),
    ],
)
def test_during_what_follows_an_update_the_state_is_the_old_or_the_new_one(
    device_root, second_bundle, cut, act, after
):
    install(second_bundle, device_root, PUBLIC)
    before, seen = read_state(device_root), []

    def look(left, _syncs):
        is_whole(left, {before.current.counter, after})
        seen.append(read_state(left))

    cut(device_root, act, look)
    assert set(map(repr, seen)) <= {repr(before), repr(read_state(device_root))}
    assert seen[-1] == read_state(device_root)


def test_the_disk_really_loses_what_was_not_synced(tmp_path):
    """The model itself: a name without its folder's sync, a content without its own."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "kept").write_text("old")
    disk = LossyDisk(root)
    (root / "kept").write_text("new")
    (root / "lost").write_text("new")
    left = disk.after_the_power_cut(tmp_path / "first")
    assert {path.name: path.read_text() for path in left.iterdir()} == {"kept": "old"}
    handle = os.open(root, os.O_RDONLY)
    disk.synced(handle)
    os.close(handle)
    left = disk.after_the_power_cut(tmp_path / "second")
    assert {path.name: path.read_text() for path in left.iterdir()} == {
        "kept": "old",
        "lost": "",
    }
    disk.close()


def test_a_writer_that_forgot_to_sync_would_be_found(tmp_path, cut):
    root = tmp_path / "root"
    root.mkdir()
    (root / "state").write_text("old")

    def careless(root):
        (root / ".state").write_text("new")
        (root / ".state").replace(root / "state")
        handle = os.open(root, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    found = []
    cut(root, careless, lambda left, _: found.append((left / "state").read_text()))
    assert "" in found
    found.clear()
    cut(root, lambda root: write_durably(root / "state", b"newer"), lambda left, _: found.append(
        (left / "state").read_text()))  # fmt: skip
    assert "" not in found
