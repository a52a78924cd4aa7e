"""A stick that changes, breaks or is pulled installs what was signed, or nothing."""

import errno
import io
import os
import shutil

import pytest

from sfta_edge import archive as archives
from sfta_edge import bundle as bundles
from sfta_edge import manifest as manifests
from sfta_edge.cli.main import main
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.installation import install
from sfta_edge.parts import split
from sfta_edge.signature import open_verified, public_pem
from sfta_edge.slots import active_slot, read_state
from signed_bundles import PUBLIC, make, snapshot

FORMS = ["folder", "archive", "parts"]


@pytest.fixture(name="stick")
def _stick(second_bundle):
    """The second bundle in each form."""
    whole = second_bundle.with_suffix(".tar")
    kept = whole.with_name("parts.tar")
    shutil.copyfile(whole, kept)
    return {"folder": second_bundle, "archive": whole, "parts": split(kept, 2000)[0]}


def unchanged(root, before):
    """What was there is there: not a byte more or less, and the first bundle answers."""
    assert snapshot(root) == before
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 1


class Pulled(io.BufferedReader):
    """Reads until the stick is pulled."""

    left = 0

    def read(self, size=-1):
        found = super().read(size)
        type(self).left -= len(found)
        if type(self).left < 0:
            raise OSError(errno.EIO, "Input/output error")
        return found


@pytest.fixture(name="pull")
def _pull(monkeypatch):
    """Lets the stick be pulled after so many bytes, however they are read."""
    real_open, real_fdopen = archives.Path.open, os.fdopen

    def after(count, stick):
        Pulled.left = count

        def open_(path, mode="r", *rest, **more):
            if mode == "rb" and stick in path.parents:
                return Pulled(io.FileIO(path, "rb"))
            return real_open(path, mode, *rest, **more)

        def fdopen(handle, mode="r", *rest, **more):
            where = str(archives.Path(f"/proc/self/fd/{handle}").readlink())
            if mode == "rb" and where.startswith(str(stick)) and "/root/" not in where:
                return Pulled(io.FileIO(handle, "rb"))
            return real_fdopen(handle, mode, *rest, **more)

        monkeypatch.setattr(archives.Path, "open", open_)
        monkeypatch.setattr(bundles.os, "fdopen", fdopen)

    return after


@pytest.mark.parametrize("form", ["folder", "archive"])
@pytest.mark.parametrize("count", [0, 300, 1500, 3000])
def test_a_stick_that_is_pulled_changes_nothing(
    tmp_path_factory,
    device_root,
    stick,
    pull,
    monkeypatch,
    form,
    count,
):
    chosen, before = stick[form], snapshot(device_root)
    elsewhere = tmp_path_factory.mktemp("stick")
    moved = (shutil.copytree if form == "folder" else shutil.copyfile)(
        chosen, elsewhere / chosen.name
    )
    pull(count, elsewhere)
    with pytest.raises(SftaError, match="Input/output error"):
        install(moved, device_root, PUBLIC)
    monkeypatch.undo()
    unchanged(device_root, before)
    install(chosen, device_root, PUBLIC)
    assert read_state(device_root).current.counter == 2


def test_a_pulled_stick_is_a_sentence_of_the_command_that_verifies(
    stick, pull, tmp_path, capsys
):
    key = tmp_path / "maker.pem"
    key.write_bytes(public_pem(PUBLIC))
    pull(3000, stick["archive"].parent)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(stick["archive"]), "--key", str(key)])
    assert ended.value.code in (1, 2, 4)
    assert "Input/output error" in capsys.readouterr().err


def test_parts_that_vanish_while_they_are_read_change_nothing(device_root, stick, monkeypatch):
    before, read = snapshot(device_root), []
    real = archives.read_manifest

    def vanish(stream, key):
        found = real(stream, key)
        for path in sorted(stick["parts"].parent.glob("parts.tar.*"))[3:]:
            path.unlink()
        read.append(found)
        return found

    monkeypatch.setattr(bundles, "read_manifest", vanish)
    with pytest.raises(SftaError):
        install(stick["parts"], device_root, PUBLIC)
    assert read
    unchanged(device_root, before)


@pytest.mark.parametrize("form", FORMS)
def test_what_changes_after_it_was_verified_is_not_installed(
    device_root,
    stick,
    monkeypatch,
    form,
):
    """Between the first look and the copy: what is hashed is what is written."""
    before, real = snapshot(device_root), bundles.check_layout

    def swap(manifest):
        real(manifest)
        if form == "folder":
            path = stick[form] / "model/m.gguf"
            path.write_bytes(path.read_bytes().replace(b"of", b"OF"))
            return
        for path in sorted(
            stick[form].parent.glob(f"{stick[form].name.split('.tar')[0]}.tar*")
        ):
            raw = bytearray(path.read_bytes())
            path.write_bytes(raw.replace(b"model/m.gguf of bundle", b"model/m.gguf OF bundle"))

    monkeypatch.setattr(bundles, "check_layout", swap)
    with pytest.raises(IntegrityError, match=r"changed: model/m\.gguf"):
        install(stick[form], device_root, PUBLIC)
    unchanged(device_root, before)


@pytest.mark.parametrize("into", ["link", "pipe", "folder", "nothing", "longer", "shorter"])
def test_a_file_that_becomes_something_else_is_not_installed(
    device_root,
    stick,
    monkeypatch,
    tmp_path,
    into,
):
    before, path = snapshot(device_root), stick["folder"] / "model/m.gguf"
    secret, real = tmp_path / "secret", bundles.payload
    shutil.copyfile(path, secret)

    def become(root):
        yield from list(real(root))
        content = path.read_bytes()
        path.unlink()
        if into == "link":
            path.symlink_to(secret)
        elif into == "pipe":
            os.mkfifo(path)
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        elif into == "folder":
            path.mkdir()
        elif into == "longer":
            path.write_bytes(content + b"!")
        elif into == "shorter":
            path.write_bytes(content[:-1])

    monkeypatch.setattr(bundles, "payload", become)
    with pytest.raises(SftaError):
        install(stick["folder"], device_root, PUBLIC)
    unchanged(device_root, before)


def test_a_disk_of_the_device_that_gives_other_bytes_back_is_noticed(
    device_root,
    second_bundle,
    monkeypatch,
):
    """What was written is read again before it may answer."""
    before, real = snapshot(device_root), manifests.sha256_file

    def rotten(path):
        digest, size = real(path)
        return (
            "0" * 64 if path.name == "m.gguf" and ".incoming" in str(path) else digest
        ), size

    monkeypatch.setattr(manifests, "sha256_file", rotten)
    with pytest.raises(IntegrityError, match=r"changed: model/m\.gguf"):
        install(second_bundle, device_root, PUBLIC)
    unchanged(device_root, before)


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "link", "open"])
def test_a_disk_of_the_device_that_fails_leaves_what_answers(
    device_root,
    tmp_path,
    monkeypatch,
    call,
    code,
):
    before, third, seen = snapshot(device_root), make(tmp_path / "third", 3), []
    shutil.copyfile(active_slot(device_root) / "prompt.json", third / "prompt.json")
    real = getattr(os, call)

    def failing(*arguments, **more):
        if call != "open" or arguments[1] & os.O_CREAT:
            seen.append(call)
            raise OSError(code, os.strerror(code))
        return real(*arguments, **more)

    monkeypatch.setattr(os, call, failing)
    try:
        with pytest.raises(SftaError):
            install(third, device_root, PUBLIC)
    finally:
        monkeypatch.undo()
    unchanged(device_root, before)


@pytest.mark.parametrize(
    "name", ["autorun.inf", "._m.gguf", ".DS_Store", "System Volume Information/x"]
)
def test_what_a_medium_adds_by_itself_is_named(device_root, stick, name):
    """Other systems leave files on a stick; they are no part of what was signed."""
    path = stick["folder"] / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("[autorun]")
    before = snapshot(device_root)
    with pytest.raises(IntegrityError, match="not listed"):
        install(stick["folder"], device_root, PUBLIC)
    unchanged(device_root, before)
    install(stick["archive"], device_root, PUBLIC)


def test_a_part_in_capital_letters_is_not_half_a_bundle(device_root, stick):
    """FAT may give names back in capitals: then they are no parts, which is said."""
    second = stick["parts"].with_name("parts.tar.002")
    second.rename(second.with_name("PARTS.TAR.002"))
    with pytest.raises(ConfigError, match="part 002"):
        install(stick["parts"], device_root, PUBLIC)
