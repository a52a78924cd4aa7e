"""Content decides identity, and a file is there whole or not at all."""

import os

import pytest

from sfta_export.content import file_digest, finished_file, finished_folder, folder_digest

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DEAD_PID = 2**22 + 1  # above the largest process id Linux gives out


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "chat_template.jinja").write_text("{{ x }}")
    return folder


def test_the_digest_of_an_empty_file_is_the_known_one(tmp_path):
    (tmp_path / "empty").touch()
    assert file_digest(tmp_path / "empty") == EMPTY


def test_a_changed_file_has_another_digest_although_digests_are_remembered(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = file_digest(path)
    path.write_bytes(b"two2")
    assert file_digest(path) != first


def test_the_same_size_at_another_time_is_read_again(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = file_digest(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert file_digest(path) != first


def test_where_a_folder_lies_is_no_part_of_its_identity(model, tmp_path):
    before = folder_digest(model)
    moved = tmp_path / "elsewhere"
    model.rename(moved)
    assert folder_digest(moved) == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "chat_template.jinja"])
def test_a_changed_byte_changes_the_identity(model, name):
    before = folder_digest(model)
    (model / name).write_bytes((model / name).read_bytes() + b" ")
    assert folder_digest(model) != before


def test_a_renamed_file_changes_the_identity(model):
    before = folder_digest(model)
    (model / "config.json").rename(model / "other.json")
    assert folder_digest(model) != before


@pytest.mark.parametrize("name", ["manifest.json", "README.md", "notes.log"])
def test_what_does_not_describe_the_model_does_not_count(model, name):
    before = folder_digest(model)
    (model / name).write_text("{}")
    assert folder_digest(model) == before


def test_a_finished_file_appears_under_its_name(tmp_path):
    final = tmp_path / "deep" / "file"
    with finished_file(final) as scratch:
        scratch.write_bytes(b"all")
        assert not final.exists()
    assert final.read_bytes() == b"all"
    assert [path.name for path in final.parent.iterdir()] == ["file"]


def test_a_failure_leaves_the_former_file_and_no_scratch(tmp_path):
    final = tmp_path / "file"
    final.write_bytes(b"old")

    def fail():
        with finished_file(final) as scratch:
            scratch.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert final.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_no_folder(tmp_path):
    def fail():
        with finished_folder(tmp_path / "folder") as scratch:
            (scratch / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_the_slower_of_two_processes_keeps_the_folder_of_the_faster(tmp_path):
    final = tmp_path / "folder"
    with finished_folder(final) as scratch:
        (scratch / "file").write_text("slower")
        final.mkdir()
        (final / "file").write_text("faster")
    assert (final / "file").read_text() == "faster"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("folder", [True, False])
def test_what_a_killed_process_left_is_deleted(tmp_path, folder):
    left = tmp_path / f".partial-{DEAD_PID}-result"
    left.mkdir() if folder else left.touch()
    with finished_folder(tmp_path / "result"):
        assert not left.exists()


def test_the_scratch_of_a_living_process_stays(tmp_path):
    other = tmp_path / f".partial-{os.getppid()}-result"
    other.mkdir()
    with finished_folder(tmp_path / "result"):
        assert other.exists()
