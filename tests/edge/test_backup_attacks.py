"""A backup that was changed is refused whole, before anything is touched."""

import random
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_data import backup_of, content, device_data, restore_to
from sfta_edge.backup.encryption import (
    BLOCK_BYTES,
    HEADER_BYTES,
    MAGIC,
    Opened,
    Sealing,
    open_sealed,
)
from sfta_edge.backup.keys import load_private, load_public, new_key
from sfta_edge.backup.restoring import check_backup
from sfta_edge.backup.writing import make_backup
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import Manifest

SEALED_BLOCK = BLOCK_BYTES + 16


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory):
    """A device, its backup, the private key."""
    root = tmp_path_factory.mktemp("attacked")
    device_data(root / "device")
    backup_of(root / "device", root / "b.sfta", root / "key.pem")
    return root


def refused(made, raw, match="backup"):
    """The bytes are refused, and the device is as it was."""
    bad = made / "bad.sfta"
    bad.write_bytes(raw)
    before = content(made / "device/data")
    with pytest.raises(IntegrityError, match=match):
        restore_to(made / "device", bad, made / "key.pem")
    with pytest.raises(IntegrityError, match=match):
        check_backup(bad, load_private(made / "key.pem"))
    assert content(made / "device/data") == before
    assert {path.name for path in (made / "device").iterdir()} == {
        "data",
        "audit.head",
        ".data.lock",
    }


def whole(made):
    return (made / "b.sfta").read_bytes()


@settings(max_examples=100, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(made, place, bit):
    raw = bytearray(whole(made))
    raw[int(place * len(raw))] ^= 1 << bit
    bad = made / "flipped.sfta"
    bad.write_bytes(raw)
    with pytest.raises(IntegrityError):
        check_backup(bad, load_private(made / "key.pem"))


@pytest.mark.parametrize("place", range(HEADER_BYTES))
def test_any_changed_byte_of_the_header_is_refused(made, place):
    raw = bytearray(whole(made)[: HEADER_BYTES + SEALED_BLOCK])
    raw[place] ^= 0x80
    private = load_private(made / "key.pem")
    with pytest.raises(IntegrityError):
        open_sealed(BytesIO(raw), private).read(1)


@pytest.mark.parametrize(
    "left",
    [0, 5, len(MAGIC), HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 5]
    + [HEADER_BYTES + n * SEALED_BLOCK for n in (1, 2)]
    + [-1, -16, -1000],
)
def test_a_backup_that_was_cut_off_is_refused(made, left):
    refused(made, whole(made)[:left])


def test_blocks_in_another_order_are_refused(made):
    raw = whole(made)
    first, second = HEADER_BYTES, HEADER_BYTES + SEALED_BLOCK
    third = second + SEALED_BLOCK
    refused(made, raw[:first] + raw[second:third] + raw[first:second] + raw[third:], "block 0")


def test_a_block_that_is_missing_is_refused(made):
    raw = whole(made)
    start = HEADER_BYTES + SEALED_BLOCK
    refused(made, raw[:start] + raw[start + SEALED_BLOCK :], "block 1")


def test_two_backups_in_one_file_are_refused(made):
    refused(made, whole(made) * 2)


def test_more_bytes_at_the_end_are_refused(made):
    refused(made, whole(made) + b"\0")


def test_a_backup_for_another_key_is_refused(made):
    new_key(made / "other.pem", made / "elsewhere")
    public = load_public(made / "elsewhere/keys/backup.pub")
    make_backup(made / "device/data", made / "other.sfta", public)
    refused(made, (made / "other.sfta").read_bytes(), "another key")


def test_the_head_of_one_backup_does_not_open_the_blocks_of_another(made):
    public = load_public(made / "device/data/keys/backup.pub")
    make_backup(made / "device/data", made / "second.sfta", public)
    raw = (made / "second.sfta").read_bytes()[:HEADER_BYTES] + whole(made)[HEADER_BYTES:]
    refused(made, raw, "block 0")


def sealed(made, plain):
    public = load_public(made / "device/data/keys/backup.pub")
    return b"".join(Sealing(public).seal([plain]))


def manifest_bytes(manifest):
    raw = manifest if isinstance(manifest, bytes) else manifest.to_bytes()
    return len(raw).to_bytes(8, "big") + raw


@pytest.mark.parametrize(
    ("plain", "match"),
    [
        (b"", "manifest"),
        ((1 << 40).to_bytes(8, "big"), "manifest of more than"),
        (manifest_bytes(b"{}"), "manifest"),
        (manifest_bytes(Manifest("bundle", ())), "no backup"),
        (manifest_bytes(Manifest("backup", ())), "does not say which version"),
        (manifest_bytes(Manifest("backup", (), {"program": "0.0.1"})), "cut off"),
        (
            manifest_bytes(Manifest("backup", (), {"program": "0.0.1"})) + bytes(1025),
            "after its end",
        ),
        (
            manifest_bytes(
                Manifest("backup", ())
                .to_bytes()
                .replace(
                    b'"files":[]',
                    b'"files":[{"path":"../x","sha256":"' + b"0" * 64 + b'","size":0}]',
                )
            ),
            "unsafe path",
        ),
    ],
)
def test_whoever_has_the_public_key_cannot_write_outside_of_the_data(made, plain, match):
    bad = made / "made_up.sfta"
    bad.write_bytes(sealed(made, plain))
    before = content(made / "device/data")
    with pytest.raises(IntegrityError, match=match):
        restore_to(made / "device", bad, made / "key.pem")
    assert content(made / "device/data") == before


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 200_000])
def test_a_stream_comes_back_whatever_its_length(size):
    private = X25519PrivateKey.generate()
    plain = random.Random(size).randbytes(size)
    raw = b"".join(Sealing(private.public_key()).seal([plain[:7], plain[7:]]))
    opened = open_sealed(BytesIO(raw), private)
    assert opened.read(size + 10) == plain
    assert opened.read(1) == b""
    assert size < 40 or plain[:40] not in raw


def test_an_empty_block_at_the_end_is_refused():
    private = X25519PrivateKey.generate()
    sealing = Sealing(private.public_key())
    cipher = ChaCha20Poly1305(sealing.key)
    full = cipher.encrypt(bytes(12), bytes(BLOCK_BYTES), None)
    empty = cipher.encrypt((1).to_bytes(11, "big") + b"\x01", b"", None)
    with pytest.raises(IntegrityError, match="nothing is in"):
        Opened(BytesIO(full + empty), sealing.key).read(BLOCK_BYTES + 1)


def test_the_same_data_never_give_the_same_bytes(made):
    public = load_public(made / "device/data/keys/backup.pub")
    raws = [b"".join(Sealing(public).seal([b"same"])) for _ in range(2)]
    assert raws[0][len(MAGIC) + 32 :] != raws[1][len(MAGIC) + 32 :]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=400))
def test_any_bytes_are_no_backup(made, raw):
    with pytest.raises(IntegrityError):
        open_sealed(BytesIO(MAGIC + raw), load_private(made / "key.pem")).read(1)
