"""An archive is read in exactly one way: every other byte is refused and named."""

import io
import os
import random
import subprocess
import tarfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archived_folder import FILES, KEY
from sfta_edge.archive import (
    BLOCK,
    header,
    read_files,
    read_manifest,
    write_archive,
    writing_below,
)
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import FileEntry, Manifest, payload


def unpack(raw, target):
    stream = io.BytesIO(raw)
    manifest, _, _ = read_manifest(stream, KEY.public_key())
    target.mkdir(exist_ok=True)
    with writing_below(target) as sink:
        read_files(stream, manifest, sink)
    return manifest


def blocks_of(raw, name):
    """Where a member's header begins."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return archive.getmember(name).offset


def test_what_was_written_is_read_back(archive_bytes, tmp_path):
    unpack(archive_bytes, tmp_path / "out")
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in payload(tmp_path / "out")
    }
    found.pop("SHA256SUMS")
    assert found == FILES


def test_the_same_folder_gives_the_same_bytes(archived_folder, archive_bytes, tmp_path):
    for path in payload(archived_folder):
        os.utime(path, (1, 1))
    write_archive(archived_folder, Manifest.read(archived_folder), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == archive_bytes


def test_other_programs_can_read_it(archived_folder, archive_bytes, tmp_path):
    with tarfile.open(fileobj=io.BytesIO(archive_bytes)) as archive:
        members = archive.getmembers()
        assert [m.name for m in members[:2]] == ["manifest.json", "manifest.sig"]
        assert {m.name: m.mode for m in members}["install.sh"] == 0o755
        assert {(m.uid, m.gid, m.mtime) for m in members} == {(0, 0, 0)}
    (tmp_path / "b.tar").write_bytes(archive_bytes)
    (tmp_path / "out").mkdir()
    command = ["tar", "-xf", tmp_path / "b.tar", "-C", tmp_path / "out"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert not done.stderr
    assert (tmp_path / "out/grüße.txt").read_bytes() == b"umlauts"
    assert (tmp_path / "out/manifest.json").read_bytes() == (
        archived_folder / "manifest.json"
    ).read_bytes()


def test_a_changed_file_is_noticed_while_writing(archived_folder, tmp_path):
    manifest = Manifest.read(archived_folder)
    entries = tuple(FileEntry(e.path, e.size, "0" * 64) for e in manifest.files)
    with pytest.raises(IntegrityError, match="changed"):
        write_archive(archived_folder, Manifest("bundle", entries), tmp_path / "b.tar")
    assert list(tmp_path.iterdir()) == []


def retyped(raw, name, kind):
    """The same archive with one member's type changed and its checksum right."""
    at = blocks_of(raw, name)
    block = bytearray(raw[at : at + BLOCK])
    block[156:157] = kind
    if kind in b"12":
        block[157:168] = b"/etc/passwd"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return raw[:at] + bytes(block) + raw[at + BLOCK :]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (b"1", "hard link"),
        (b"2", "symbolic link"),
        (b"3", "device"),
        (b"4", "device"),
        (b"5", "folder"),
        (b"6", "pipe"),
        (b"x", "extension"),
        (b"g", "extension"),
        (b"L", "file"),
        (b"\0", "file"),
        (b"7", "file"),
    ],
)
def test_only_regular_files_are_unpacked(archive_bytes, tmp_path, kind, word):
    with pytest.raises(IntegrityError, match=word):
        unpack(retyped(archive_bytes, "model/m.gguf", kind), tmp_path / "out")
    assert not (tmp_path / "out/model").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../escape",
        "/etc/cron.d/escape",
        "model/../../escape",
        "MODEL/m.gguf",
        "model//m.gguf",
        "./model/m.gguf",
        "model/m.gguf/",
        "install.sh",
        "model/m.ggu\u0301f",
        "unlisted",
    ],
)
def test_a_member_has_the_name_the_manifest_demands(archive_bytes, tmp_path, name):
    at = blocks_of(archive_bytes, "model/m.gguf")
    moved = archive_bytes[:at] + header(name, 1300) + archive_bytes[at + BLOCK :]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(IntegrityError, match=r"should hold model/m\.gguf"):
        unpack(moved, tmp_path / "out")
    assert not (tmp_path.parent / "escape").exists()
    assert before == []


def _append_member(raw):
    end = raw[-2 * BLOCK :]
    return raw[: -2 * BLOCK] + header("extra", 1) + b"x".ljust(BLOCK, b"\0") + end


def _repeat_member(raw):
    at = blocks_of(raw, "install.sh")
    member = raw[at : at + 2 * BLOCK]
    return raw[:at] + member + member + raw[at + 2 * BLOCK :]


def _drop_member(raw):
    at = blocks_of(raw, "install.sh")
    return raw[:at] + raw[at + 2 * BLOCK :]


def _swap_members(raw):
    at = blocks_of(raw, "exact/block")
    first, second = raw[at : at + 2 * BLOCK], raw[at + 2 * BLOCK :][: 2 * BLOCK]
    return raw[:at] + second + first + raw[at + 4 * BLOCK :]


def _larger(raw):
    at = blocks_of(raw, "model/m.gguf")
    return raw[:at] + header("model/m.gguf", 1301) + raw[at + BLOCK :]


def _huge(raw):
    at = blocks_of(raw, "model/m.gguf")
    return raw[:at] + header("model/m.gguf", 1 << 50) + raw[at + BLOCK :]


def _hide_in_padding(raw):
    at = blocks_of(raw, "install.sh") + BLOCK + 100
    return raw[:at] + b"!" + raw[at + 1 :]


def _hide_after_manifest(raw):
    at = blocks_of(raw, "manifest.sig") - 1
    assert raw[at] == 0
    return raw[:at] + b"!" + raw[at + 1 :]


def _change_mode(raw):
    at = blocks_of(raw, "install.sh")
    return raw[: at + 100] + b"0004755\0" + raw[at + 108 :]


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (_append_member, "files that its manifest does not list"),
        (_repeat_member, "not the file 'install.sh'"),
        (_drop_member, "should hold install.sh"),
        (_swap_members, "should hold exact/block"),
        (_larger, "should hold model/m.gguf"),
        (_huge, "should hold model/m.gguf"),
        (_hide_in_padding, "hides data after install.sh"),
        (_hide_after_manifest, "hides data after manifest.json"),
        (_change_mode, "should hold install.sh"),
        (lambda raw: raw + b"\0", "data after its end"),
        (lambda raw: raw + raw, "data after its end"),
        (lambda raw: raw[:-1], "cut off at its end"),
        (lambda raw: raw[: -2 * BLOCK], "cut off at its end"),
        (lambda raw: b"", "cut off before manifest.json"),
        (lambda raw: raw[:700], "cut off in manifest.json"),
        (lambda raw: b"PK\x03\x04" + raw[4:], "not a bundle"),
        (lambda raw: raw.replace(b"umlauts", b"umlautz", 1), "changed: grüße.txt"),
    ],
)
def test_an_altered_archive_is_refused(archive_bytes, tmp_path, attack, reason):
    with pytest.raises(IntegrityError, match=reason):
        unpack(attack(archive_bytes), tmp_path / "out")


def test_an_archive_cut_anywhere_is_refused(archive_bytes, tmp_path):
    for number, length in enumerate(range(0, len(archive_bytes), 333)):
        with pytest.raises(IntegrityError):
            unpack(archive_bytes[:length], tmp_path / str(number))


def test_a_flipped_bit_anywhere_is_refused(archive_bytes, tmp_path):
    rng = random.Random("bits")
    for number in range(150):
        damaged = bytearray(archive_bytes)
        damaged[rng.randrange(len(archive_bytes))] ^= 1 << rng.randrange(8)
        with pytest.raises(IntegrityError):
            unpack(bytes(damaged), tmp_path / str(number))


def test_a_manifest_too_large_is_not_read(tmp_path):
    with pytest.raises(IntegrityError, match="larger than"):
        unpack(header("manifest.json", 1 << 40) + b"x" * BLOCK, tmp_path / "out")


def test_a_name_too_long_is_refused_before_anything_is_written():
    with pytest.raises(ConfigError, match="too long"):
        header("x" * 101, 0)


def test_a_file_that_is_already_there_is_never_overwritten(archive_bytes, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "install.sh").symlink_to(tmp_path / "outside")
    with pytest.raises(FileExistsError):
        unpack(archive_bytes, out)
    assert not (tmp_path / "outside").exists()


def test_another_key_stops_before_any_file(archive_bytes, tmp_path):
    with pytest.raises(SftaError, match="signature does not match"):
        read_manifest(io.BytesIO(archive_bytes), Ed25519PrivateKey.generate().public_key())
    assert list(tmp_path.iterdir()) == []
