"""A bundle is trusted after its signature, and only with the right key."""

import os
import shutil
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import MANIFEST, SIGNATURE, canonical_json
from sfta_edge.seal import SUMS, seal
from sfta_edge.signature import (
    fingerprint,
    generate_key,
    load_private_key,
    load_public_key,
    open_verified,
    public_pem,
    sign,
    verify_manifest,
)

FILES = {"model/m.gguf": b"weights", "prompt.json": b"{}"}


@pytest.fixture(name="keys")
def _keys(tmp_path):
    generate_key(tmp_path / "maker.key", tmp_path / "maker.pem")
    return load_private_key(tmp_path / "maker.key"), load_public_key(tmp_path / "maker.pem")


@pytest.fixture(name="bundle")
def _bundle(tmp_path, keys):
    root = tmp_path / "bundle"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    seal(root, {"name": "test", "counter": 1}, keys[0])
    return root


def test_a_sealed_folder_opens_with_its_key(bundle, keys):
    manifest = open_verified(bundle, keys[1])
    assert {entry.path for entry in manifest.files} == {*FILES, SUMS}
    assert manifest.facts == {"name": "test", "counter": 1}


def test_sealing_the_same_files_gives_the_same_bytes(bundle, keys, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    for name in (MANIFEST, SIGNATURE, SUMS):
        (copy / name).unlink()
    seal(copy, {"counter": 1, "name": "test"}, keys[0])
    for name in (MANIFEST, SIGNATURE, SUMS):
        assert (copy / name).read_bytes() == (bundle / name).read_bytes()


def test_sealing_twice_gives_the_same_bytes(bundle, keys):
    before = (bundle / MANIFEST).read_bytes()
    seal(bundle, {"name": "test", "counter": 1}, keys[0])
    assert (bundle / MANIFEST).read_bytes() == before


def _change_a_byte(root):
    (root / "model/m.gguf").write_bytes(b"weightz")


def _swap_two_files(root):
    (root / "model/m.gguf").write_bytes(b"{}")
    (root / "prompt.json").write_bytes(b"weights")


def _append_a_byte(root):
    (root / "prompt.json").write_bytes(b"{} ")


def _add_a_file(root):
    (root / "run.sh").write_text("rm -rf /")


def _remove_a_file(root):
    (root / "prompt.json").unlink()


def _replace_by_link(root):
    target = root.parent / "elsewhere"
    (root / "prompt.json").rename(target)
    (root / "prompt.json").symlink_to(target)


def _link_the_manifest(root):
    (root / MANIFEST).rename(root.parent / MANIFEST)
    (root / MANIFEST).symlink_to(root.parent / MANIFEST)


def _link_a_folder(root):
    (root / "model").rename(root.parent / "model")
    (root / "model").symlink_to(root.parent / "model")


def _put_a_pipe(root):
    os.mkfifo(root / "pipe")


def _remove_the_signature(root):
    (root / SIGNATURE).unlink()


def _empty_the_signature(root):
    (root / SIGNATURE).write_bytes(b"")


def _lengthen_the_signature(root):
    (root / SIGNATURE).write_bytes((root / SIGNATURE).read_bytes() + b"\0")


def _raise_the_counter(root):
    raw = (root / MANIFEST).read_bytes()
    (root / MANIFEST).write_bytes(raw.replace(b'"counter":1', b'"counter":9'))


def _reformat_the_manifest(root):
    (root / MANIFEST).write_bytes((root / MANIFEST).read_bytes() + b"\n")


def _replace_the_manifest_by_a_large_file(root):
    with (root / MANIFEST).open("wb") as stream:
        stream.truncate(9 << 20)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (_change_a_byte, "changed: model/m.gguf"),
        (_swap_two_files, "changed: model/m.gguf; changed: prompt.json"),
        (_append_a_byte, "changed: prompt.json"),
        (_add_a_file, "not listed: run.sh"),
        (_remove_a_file, "missing: prompt.json"),
        (_replace_by_link, "symbolic links are not allowed: prompt.json"),
        (_link_the_manifest, "there is no file manifest.json"),
        (_link_a_folder, "symbolic links are not allowed: model"),
        (_put_a_pipe, "not a regular file: pipe"),
        (_remove_the_signature, "there is no file manifest.sig"),
        (_empty_the_signature, "signature does not match"),
        (_lengthen_the_signature, "manifest.sig is larger than 64 bytes"),
        (_raise_the_counter, "signature does not match"),
        (_reformat_the_manifest, "signature does not match"),
        (_replace_the_manifest_by_a_large_file, "manifest.json is larger than"),
    ],
)
def test_tampering_is_named(bundle, keys, attack, reason):
    attack(bundle)
    with pytest.raises(IntegrityError, match=reason):
        open_verified(bundle, keys[1])


def test_another_key_is_refused(bundle):
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    with pytest.raises(IntegrityError, match="signature does not match this public key"):
        open_verified(bundle, other)


def test_every_bit_of_the_signature_counts(bundle, keys):
    raw, signature = (bundle / MANIFEST).read_bytes(), (bundle / SIGNATURE).read_bytes()
    for place in range(0, 64, 7):
        damaged = bytearray(signature)
        damaged[place] ^= 1
        with pytest.raises(IntegrityError, match="does not match"):
            verify_manifest(raw, bytes(damaged), keys[1])


def test_a_signed_manifest_has_one_spelling(bundle, keys):
    raw = (bundle / MANIFEST).read_bytes().replace(b'{"facts"', b'{ "facts"')
    with pytest.raises(IntegrityError, match="canonical spelling"):
        verify_manifest(raw, sign(raw, keys[0]), keys[1])


def test_a_signature_under_something_else_is_no_manifest(keys):
    raw = canonical_json({"schema": "other"})
    with pytest.raises(IntegrityError, match="unknown manifest schema"):
        verify_manifest(raw, sign(raw, keys[0]), keys[1])


def test_the_signature_is_looked_at_before_the_manifest_is_parsed(keys):
    with pytest.raises(IntegrityError, match="signature does not match"):
        verify_manifest(b"[" * 100_000, bytes(64), keys[1])


def test_openssl_agrees_with_our_signature(bundle, tmp_path):
    done = subprocess.run(
        [
            *("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "maker.pem"),
            *("-rawin", "-in", bundle / MANIFEST, "-sigfile", bundle / SIGNATURE),
        ],
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_private_key_is_readable_by_its_owner_only(tmp_path):
    before = os.umask(0)
    try:
        made = generate_key(tmp_path / "k.key", tmp_path / "k.pem")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k.key").stat().st_mode) == 0o600
    assert made == fingerprint(load_public_key(tmp_path / "k.pem"))
    assert made == fingerprint(load_private_key(tmp_path / "k.key").public_key())


@pytest.mark.parametrize("taken", ["k.key", "k.pem"])
def test_no_key_is_overwritten(tmp_path, taken):
    (tmp_path / taken).write_text("precious")
    with pytest.raises(ConfigError, match="is already there"):
        generate_key(tmp_path / "k.key", tmp_path / "k.pem")
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_key_needs_a_folder_to_be_written_to(tmp_path):
    with pytest.raises(ConfigError, match="cannot write the key"):
        generate_key(tmp_path / "no/k.key", tmp_path / "no/k.pem")


def test_a_private_key_on_the_device_is_refused(tmp_path, keys):
    with pytest.raises(ConfigError, match="holds a private key"):
        load_public_key(tmp_path / "maker.key")
    with pytest.raises(ConfigError, match="cannot read the private key"):
        load_private_key(tmp_path / "maker.pem")
    assert keys


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAA\n", b"\0"]
)
def test_what_is_no_key_says_so(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot read the public key"):
        load_public_key(path)
    with pytest.raises(ConfigError, match="cannot read the private key"):
        load_private_key(path)


def test_a_missing_key_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the key") as caught:
        load_private_key(tmp_path / "none")
    assert "sfta keygen" in caught.value.hint


def test_a_key_file_has_a_size_limit(tmp_path):
    (tmp_path / "key").write_bytes(b"x" * (65 << 10))
    with pytest.raises(ConfigError, match="too large"):
        load_public_key(tmp_path / "key")


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_only_ed25519_is_accepted(tmp_path, kind):
    key = (
        rsa.generate_private_key(65537, 2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP256R1())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "private").write_bytes(private)
    (tmp_path / "public").write_bytes(public)
    with pytest.raises(ConfigError, match="is not an Ed25519 key"):
        load_public_key(tmp_path / "public")
    with pytest.raises(ConfigError, match="is not an Ed25519 key"):
        load_private_key(tmp_path / "private")


def test_an_encrypted_private_key_is_refused_with_its_reason(tmp_path):
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    (tmp_path / "key").write_bytes(pem)
    with pytest.raises(ConfigError, match=r"(?i)password"):
        load_private_key(tmp_path / "key")


def test_the_public_key_survives_its_file(tmp_path, keys):
    (tmp_path / "again.pem").write_bytes(public_pem(keys[1]))
    assert fingerprint(load_public_key(tmp_path / "again.pem")) == fingerprint(keys[1])
