"""An update is as large as what changed, comes on small media, and goes on where it was cut off."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta_edge.archive import write_archive
from sfta_edge.cli.main import cli
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.installation import install
from sfta_edge.manifest import Manifest
from sfta_edge.parts import is_part, open_parts, parts_of, split
from sfta_edge.seal import seal
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, read_state
from signed_bundles import KEY, PUBLIC, facts, snapshot

WEIGHTS = b"".join(b"%07d " % number for number in range(5000))


def make(folder, counter, **changed):
    """A bundle in which only what `changed` names differs from the one before."""
    content = {"model/m.gguf": WEIGHTS, "knowledge/k.sqlite": b"index 1", "prompt.json": b"{}"}
    for name, value in {**content, **changed}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(value)
    seal(folder, facts(counter), KEY)
    return folder


@pytest.fixture(name="old")
def _old(tmp_path):
    return make(tmp_path / "old", 1)


@pytest.fixture(name="new")
def _new(tmp_path):
    return make(tmp_path / "new", 2, **{"knowledge/k.sqlite": b"index 2"})


@pytest.fixture(name="root")
def _root(tmp_path, old):
    install(old, tmp_path / "root", PUBLIC)
    return tmp_path / "root"


def pack(*arguments):
    done = CliRunner().invoke(cli, ["pack", *map(str, arguments), "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.output)


def inode(path):
    return path.stat().st_ino


def test_an_update_of_the_documents_alone_leaves_the_weights_out(tmp_path, old, new, root):
    update = tmp_path / "update.tar"
    told = pack(new, update, "--without", old)
    assert told["left_out"] == 2
    assert told["bytes"] < len(WEIGHTS)
    install(update, root, PUBLIC)
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 2
    assert (active_slot(root) / "knowledge/k.sqlite").read_bytes() == b"index 2"


def test_weights_that_did_not_change_are_on_the_device_once(new, root):
    install(new, root, PUBLIC)
    assert inode(root / "slots/a/model/m.gguf") == inode(root / "slots/b/model/m.gguf")


def test_an_update_for_another_version_changes_nothing(tmp_path, old, new):
    update, other = tmp_path / "update.tar", tmp_path / "other"
    pack(new, update, "--without", old)
    install(make(tmp_path / "third", 1, **{"model/m.gguf": b"else"}), other, PUBLIC)
    before = snapshot(other)
    with pytest.raises(IntegrityError, match=r"should hold model/m\.gguf"):
        install(update, other, PUBLIC)
    assert snapshot(other) == before


def test_a_rotten_file_of_the_old_slot_does_not_get_into_the_new_one(tmp_path, old, new, root):
    path = active_slot(root) / "model/m.gguf"
    path.write_bytes(WEIGHTS[:-1] + b"!")
    update = tmp_path / "update.tar"
    pack(new, update, "--without", old)
    with pytest.raises(IntegrityError, match=r"should hold model/m\.gguf"):
        install(update, root, PUBLIC)
    install(new, root, PUBLIC)
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 2


def test_an_update_left_without_something_else_is_refused(tmp_path, new, root):
    """Only what the device has may be missing; the signed manifest says what has to be there."""
    manifest, update = Manifest.read(new), tmp_path / "update.tar"
    (changed,) = [e.sha256 for e in manifest.files if e.path.startswith("knowledge")]
    write_archive(new, manifest, update, without=frozenset({changed}))
    with pytest.raises(IntegrityError, match=r"should hold knowledge/k\.sqlite"):
        install(update, root, PUBLIC)
    assert read_state(root).current.counter == 1


def test_what_an_interrupted_try_has_written_is_not_written_again(new, root):
    left = root / "slots/.incoming"
    (left / "knowledge").mkdir(parents=True)
    (left / "knowledge/k.sqlite").write_bytes(b"index 2")
    kept = inode(left / "knowledge/k.sqlite")
    install(new, root, PUBLIC)
    assert inode(active_slot(root) / "knowledge/k.sqlite") == kept
    assert sorted(path.name for path in (root / "slots").iterdir()) == ["a", "b"]


def test_what_an_interrupted_try_has_half_written_does_not_count(new, root):
    left = root / "slots/.incoming"
    (left / "knowledge").mkdir(parents=True)
    (left / "knowledge/k.sqlite").write_bytes(b"index\0\0")
    install(new, root, PUBLIC)
    assert (active_slot(root) / "knowledge/k.sqlite").read_bytes() == b"index 2"


def test_a_link_left_by_somebody_is_not_followed(tmp_path, new, root):
    secret = tmp_path / "secret"
    secret.write_bytes(b"index 2")
    left = root / "slots/.incoming"
    (left / "knowledge").mkdir(parents=True)
    (left / "knowledge/k.sqlite").symlink_to(secret)
    install(new, root, PUBLIC)
    assert not (active_slot(root) / "knowledge/k.sqlite").is_symlink()


@pytest.fixture(name="parts")
def _parts(tmp_path, new):
    archive = tmp_path / "stick" / "manuals-2.tar"
    archive.parent.mkdir()
    write_archive(new, Manifest.read(new), archive)
    made = split(archive, 10_000)
    archive.unlink()
    return made


def test_parts_install_as_the_whole(parts, root):
    assert [path.name for path in parts[:2]] == ["manuals-2.tar.001", "manuals-2.tar.002"]
    install(parts[0], root, PUBLIC)
    assert read_state(root).current.counter == 2


def test_the_command_cuts_into_parts(tmp_path, new):
    told = pack(new, tmp_path / "x.tar", "--parts", 1)
    assert told["files"] == [str(tmp_path / "x.tar.001")]


def test_a_missing_part_is_named(parts, root):
    parts[1].unlink()
    with pytest.raises(ConfigError, match=r"part 002 of manuals-2\.tar is not in"):
        install(parts[0], root, PUBLIC)


def test_swapped_parts_change_nothing(parts, root):
    first, second = parts[1].read_bytes(), parts[2].read_bytes()
    parts[1].write_bytes(second)
    parts[2].write_bytes(first)
    before = snapshot(root)
    with pytest.raises(IntegrityError):
        install(parts[0], root, PUBLIC)
    assert snapshot(root) == before


def test_a_last_part_that_is_missing_is_an_archive_that_is_cut_off(parts, root):
    parts[-1].unlink()
    with pytest.raises(IntegrityError, match=r"cut off|too early"):
        install(parts[0], root, PUBLIC)


@settings(max_examples=30)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 400))
def test_parts_joined_are_the_archive(tmp_path_factory, content, size):
    archive = tmp_path_factory.mktemp("parts") / "x.tar"
    archive.write_bytes(content)
    made = split(archive, size)
    assert all(is_part(path) for path in made)
    assert parts_of(made[-1]) == made
    with open_parts(made[0]) as joined:
        assert joined.read() == content


@pytest.mark.parametrize("size", [0, -1, 1])
def test_too_many_parts_are_not_made(tmp_path, size):
    (tmp_path / "x.tar").write_bytes(bytes(1000))
    with pytest.raises(ConfigError, match="too small"):
        split(tmp_path / "x.tar", size)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_an_archive_has_its_ending(tmp_path, new):
    with pytest.raises(ConfigError, match=r"must end in \.tar"):
        pack(new, tmp_path / "update.zip")
