"""An artifact is complete, or not there."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfta.core import artifact as module
from sfta.core.artifact import SCRATCH_PREFIX, Artifact, finished, remove_leftovers, writing
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import MANIFEST, SIGNATURE


def write(final, kind="corpus", *, facts=None, **files):
    with writing(final, kind, facts if facts is not None else {}) as out:
        for name, text in files.items():
            (out / f"{name}.txt").write_text(text, "utf-8")
    return Artifact.open(final)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_finished_folder_holds_its_files_and_says_what_it_is(tmp_path):
    final = tmp_path / "runs/chunk/0123"
    with writing(final, "corpus", {"metrics": {"chunks": 2}}) as out:
        assert not final.exists()
        (out / "deep").mkdir()
        (out / "deep/chunks.jsonl").write_text("{}", "utf-8")
    found = Artifact.open(final)
    assert found.kind == "corpus"
    assert found.metrics == {"chunks": 2}
    assert found.file("deep/chunks.jsonl").read_text("utf-8") == "{}"
    assert names(final.parent) == ["0123"]
    found.verify()


def test_facts_may_be_filled_in_while_writing(tmp_path):
    facts = {}
    with writing(tmp_path / "a", "corpus", facts):
        facts["metrics"] = {"late": 1}
    assert Artifact.open(tmp_path / "a").metrics == {"late": 1}


def test_the_same_content_is_the_same_artifact_whenever_and_wherever_it_was_made(tmp_path):
    first = write(tmp_path / "a", facts={"made_at": "1"}, x="1", y="2")
    second = write(tmp_path / "b", facts={"made_at": "2"}, y="2", x="1")
    assert first.digest == second.digest
    assert first.digest != write(tmp_path / "c", x="1", y="3").digest
    assert first.digest != write(tmp_path / "d", "dataset", x="1", y="2").digest


def test_only_a_listed_file_can_be_asked_for(tmp_path):
    found = write(tmp_path / "a", x="1")
    (found.path / "stray.txt").write_text("", "utf-8")
    for name in ("stray.txt", "../b", MANIFEST, SIGNATURE, ""):
        with pytest.raises(IntegrityError, match="holds no"):
            found.file(name)


class Stop(BaseException):
    """Not an Exception: as KeyboardInterrupt is."""


@pytest.mark.parametrize("error", [ValueError, Stop, KeyboardInterrupt])
def test_a_failed_block_leaves_nothing(tmp_path, error):
    def fail():
        with writing(tmp_path / "corpus/0123", "corpus", {}) as out:
            (out / "half.txt").write_text("half", "utf-8")
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path / "corpus") == []


@pytest.mark.parametrize("step", ["sync_tree", "write_durably"])
def test_a_full_disk_at_any_later_step_leaves_no_half_artifact(tmp_path, monkeypatch, step):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, step, full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "corpus/0123", x="1")
    assert names(tmp_path / "corpus") == []


def test_a_link_does_not_become_part_of_an_artifact(tmp_path):
    with (
        pytest.raises(IntegrityError, match="symbolic links are not allowed"),
        writing(tmp_path / "a", "corpus", {}) as out,
    ):
        (out / "passwd").symlink_to("/etc/passwd")
    assert names(tmp_path) == []


def test_every_file_is_on_the_disk_before_the_manifest_and_the_manifest_before_the_name(
    tmp_path, monkeypatch
):
    order = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle):
        order.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real_fsync(handle)

    def rename(self, target):
        order.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    write(tmp_path / "0123", x="1", y="2")
    manifest = next(n for n in order if MANIFEST in n)
    assert {"x.txt", "y.txt"} <= set(order[: order.index(manifest)])
    assert order.index(manifest) < order.index("rename")
    assert order[-1] == tmp_path.name


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "x.txt").unlink(),
        lambda root: (root / "x.txt").write_text("longer", "utf-8"),
        lambda root: (root / MANIFEST).unlink(),
        lambda root: (root / MANIFEST).write_text("{", "utf-8"),
    ],
    ids=["missing", "other size", "no manifest", "half a manifest"],
)
def test_a_damaged_artifact_does_not_open(tmp_path, damage):
    found = write(tmp_path / "a", x="1")
    damage(found.path)
    with pytest.raises(IntegrityError):
        Artifact.open(found.path)


def test_a_changed_byte_is_found_by_verifying(tmp_path):
    found = write(tmp_path / "a", x="1")
    (found.path / "x.txt").write_text("2", "utf-8")
    with pytest.raises(IntegrityError, match=r"changed: x\.txt"):
        Artifact.open(found.path).verify()


def test_leftovers_of_dead_processes_are_removed_and_of_living_ones_kept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f"a-{dead.pid}", f"b-{os.getpid()}", "c-notanumber"):
        (tmp_path / f"{SCRATCH_PREFIX}{name}").mkdir()
    (tmp_path / "finished").mkdir()
    assert remove_leftovers(tmp_path) == 1
    assert names(tmp_path) == [
        f"{SCRATCH_PREFIX}b-{os.getpid()}",
        f"{SCRATCH_PREFIX}c-notanumber",
        "finished",
    ]
    assert remove_leftovers(tmp_path / "not there") == 0


def test_a_scratch_folder_of_the_same_name_is_started_afresh(tmp_path):
    stale = tmp_path / f"{SCRATCH_PREFIX}0123-{os.getpid()}"
    stale.mkdir()
    (stale / "stale.txt").write_text("", "utf-8")
    assert [e.path for e in write(tmp_path / "0123", x="1").manifest.files] == ["x.txt"]


def test_finished_artifacts_are_listed_newest_first(tmp_path):
    old = write(tmp_path / "chunk/1", facts={"made_at": "2026-01-01T00:00:00Z"}, x="1")
    new = write(tmp_path / "index/2", "index", facts={"made_at": "2026-01-02T00:00:00Z"}, x="1")
    assert finished(tmp_path) == [new, old]
    assert finished(tmp_path / "none") == []


def test_unfinished_work_is_not_listed_and_damage_is_said(tmp_path, caplog):
    good = write(tmp_path / "chunk/1", x="1")
    for place in (".work/train-2", "chunk/.partial-3-4", "chunk/damaged-5-6"):
        write(tmp_path / place, x="1")
    bad = write(tmp_path / "chunk/7", x="1")
    (bad.path / "x.txt").unlink()
    with caplog.at_level("WARNING", "sfta"):
        assert finished(tmp_path) == [good]
    assert f"{bad.path} is damaged: x.txt is missing" in caplog.text
