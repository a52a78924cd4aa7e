"""The second signature: what the OpenSSF's own tool reads, and what it notices."""

import base64
import hashlib
import json
import shutil
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from sfta.adapters.model_statement import (
    NOT_COVERED,
    STATEMENT,
    key_hint,
    statement_key,
    statement_pem,
    write_statement,
)
from sfta_edge.errors import IntegrityError
from sfta_edge.seal import seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FIXED = "03f2c366d01b1941f46d44e158b05ccf0c5a181b99a8a8f28917256b967940b8"
TOOL = shutil.which("model_signing")
real_tool = pytest.mark.skipif(TOOL is None, reason="the program model_signing is not here")


@pytest.fixture
def signed(tmp_path):
    root = tmp_path / "bundle"
    for name in ("model/m.gguf", "model.txt", "wheels/a.whl", "a b/c", ".hidden"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"this is {name}")
    write_statement(root, "manuals", KEY)
    seal(root, {"name": "manuals", "counter": 1}, KEY)
    return root


def envelope(root):
    return json.loads((root / STATEMENT).read_bytes())["dsseEnvelope"]


def statement(root):
    return json.loads(base64.b64decode(envelope(root)["payload"]))


def ask_tool(root, pem):
    command = [TOOL, "verify", "key", root, "--signature", root / STATEMENT]
    done = subprocess.run(
        [*command, "--public_key", pem], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "maker.pem"
    path.write_bytes(statement_pem(KEY))
    return path


@real_tool
def test_the_tool_of_the_openssf_verifies_a_bundle(signed, pem):
    assert ask_tool(signed, pem) == (0, "Verification succeeded\n")


def _flip(root):
    raw = bytearray((root / "model/m.gguf").read_bytes())
    raw[3] ^= 1
    (root / "model/m.gguf").write_bytes(raw)


def _add(root):
    (root / "model/more.gguf").write_text("x")


@real_tool
@pytest.mark.parametrize("attack", [_flip, _add])
def test_the_tool_notices(signed, pem, attack):
    attack(signed)
    code, said = ask_tool(signed, pem)
    assert code == 1
    assert "Verification failed" in said


@real_tool
def test_the_tool_wants_the_key_of_the_maker(signed, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(statement_pem(Ed25519PrivateKey.from_private_bytes(bytes(32))))
    code, said = ask_tool(signed, other)
    assert code == 1
    assert "Key mismatch" in said


def test_the_envelope_is_signed_as_dsse_says(signed):
    found = envelope(signed)
    body = base64.b64decode(found["payload"])
    kind = found["payloadType"]
    covered = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body)
    signature = base64.b64decode(found["signatures"][0]["sig"])
    public = load_pem_public_key(statement_pem(KEY))
    public.verify(signature, covered, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, covered[:-1] + b" ", ec.ECDSA(hashes.SHA256()))


def test_every_file_is_covered_but_those_that_list_the_statement(signed):
    found = statement(signed)["predicate"]
    names = [one["name"] for one in found["resources"]]
    assert names == [".hidden", "a b/c", "model/m.gguf", "model.txt", "wheels/a.whl"]
    assert set(found["serialization"]["ignore_paths"]) == set(NOT_COVERED)
    for one in found["resources"]:
        assert one["digest"] == hashlib.sha256((signed / one["name"]).read_bytes()).hexdigest()
    present = {p.relative_to(signed).as_posix() for p in signed.rglob("*") if p.is_file()}
    assert present == {*names, *NOT_COVERED}


def test_the_subject_is_the_hash_of_all_hashes_in_their_order(signed):
    found = statement(signed)
    total = hashlib.sha256()
    for one in found["predicate"]["resources"]:
        total.update(bytes.fromhex(one["digest"]))
    (subject,) = found["subject"]
    assert subject == {"name": "manuals", "digest": {"sha256": total.hexdigest()}}


def test_the_same_files_and_key_give_the_same_bytes(signed):
    before = (signed / STATEMENT).read_bytes()
    write_statement(signed, "manuals", KEY)
    assert (signed / STATEMENT).read_bytes() == before


def test_the_statement_names_its_key_and_holds_no_secret(signed):
    found = json.loads((signed / STATEMENT).read_bytes())
    hint = found["verificationMaterial"]["publicKey"]["hint"]
    assert hint == key_hint(statement_pem(KEY))
    scalar = statement_key(KEY).private_numbers().private_value
    assert scalar.to_bytes(32, "big") not in base64.b64decode(envelope(signed)["payload"])


def test_a_makers_second_key_stays_the_same_for_ever():
    """The public key is with customers: another derivation would lock them out."""
    assert key_hint(statement_pem(KEY)) == FIXED


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_different_makers_have_different_second_keys(a, b):
    keys = [statement_pem(Ed25519PrivateKey.from_private_bytes(raw)) for raw in (a, b)]
    assert (keys[0] == keys[1]) is (a == b)


def test_a_link_is_not_signed(tmp_path):
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(IntegrityError, match="symbolic links"):
        write_statement(tmp_path, "m", KEY)
    assert not (tmp_path / STATEMENT).exists()
