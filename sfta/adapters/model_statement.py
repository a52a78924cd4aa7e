"""A second signature of a bundle, in the format of OpenSSF Model Signing 1.0.

It is an in-toto statement over every file, in a DSSE envelope, in a Sigstore bundle:
``model_signing verify key`` of the package model-signing reads it. That tool knows the curves of
NIST and no Ed25519, so the signing key is one on P-256 that is derived from the maker's own.
Formats: https://github.com/ossf/model-signing-spec,
https://github.com/in-toto/attestation/tree/main/spec/v1,
https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md.
"""

import base64
import hashlib
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sfta_edge.errors import MissingDependencyError
from sfta_edge.manifest import (
    MANIFEST,
    SIGNATURE,
    FileEntry,
    canonical_json,
    payload,
    write_durably,
)
from sfta_edge.seal import SUMS

STATEMENT = "model.sig"
"""Name of the file, the one that the tool itself proposes."""
NOT_COVERED = (SUMS, MANIFEST, SIGNATURE, STATEMENT)
"""Files that list or sign this one, so that it cannot list them."""
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PURPOSE = b"sfta model-signing P-256 v1"  # changing it changes the key of every maker
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_SCALAR_BYTES = 48  # 128 bits more than the order, so that the remainder is even (FIPS 186-5)


def statement_key(key: Ed25519PrivateKey) -> ec.EllipticCurvePrivateKey:
    """The key on P-256 that belongs to a maker's key: always the same, and no way back.

    HKDF (RFC 5869) of the private key, reduced as in FIPS 186-5, A.2.1.
    """
    derived = HKDF(hashes.SHA256(), _SCALAR_BYTES, salt=None, info=_PURPOSE)
    scalar = int.from_bytes(derived.derive(key.private_bytes_raw()), "big")
    return ec.derive_private_key(scalar % (_ORDER - 1) + 1, ec.SECP256R1())


def statement_pem(key: Ed25519PrivateKey) -> bytes:
    """The public key that the statement is verified with, as a PEM file."""
    public = statement_key(key).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_hint(pem: bytes) -> str:
    """How a statement names its public key: SHA-256 of the PEM file."""
    return hashlib.sha256(pem).hexdigest()


def write_statement(root: Path, name: str, key: Ed25519PrivateKey) -> None:
    """Sign every file below `root` as the model `name`; the same input, the same bytes.

    Raises:
        IntegrityError: the folder holds links or devices.
        MissingDependencyError: the cryptography library cannot sign without chance.
    """
    covered = [
        FileEntry.of(root, path)
        for path in payload(root)
        if path.relative_to(root).as_posix() not in NOT_COVERED
    ]
    statement = canonical_json(_statement(name, covered))
    own = statement_key(key)
    try:
        # RFC 6979: chance in a signature would make another bundle of the same parts.
        rule = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature = own.sign(_encoded(statement), rule)
    except UnsupportedAlgorithm as error:
        raise MissingDependencyError(
            f"the cryptography library cannot sign by RFC 6979: {error}",
            hint="Install its wheel, which brings a newer OpenSSL: pip install cryptography.",
        ) from error
    write_durably(root / STATEMENT, canonical_json(_bundle(statement, signature, key)))


def _statement(name: str, covered: list[FileEntry]) -> dict[str, Any]:
    """The claim: these files with these hashes, and no other, are the model."""
    covered = sorted(covered, key=lambda entry: PurePosixPath(entry.path))
    total = hashlib.sha256(b"".join(bytes.fromhex(entry.sha256) for entry in covered))
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": total.hexdigest()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(NOT_COVERED),
            },
            "resources": [
                {"name": entry.path, "algorithm": "sha256", "digest": entry.sha256}
                for entry in covered
            ],
        },
    }


def _bundle(statement: bytes, signature: bytes, key: Ed25519PrivateKey) -> dict[str, Any]:
    return {
        "mediaType": _MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": {"hint": key_hint(statement_pem(key))},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(statement).decode(),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }


def _encoded(statement: bytes) -> bytes:
    """What is signed: the pre-authentication encoding of DSSE."""
    head = f"DSSEv1 {len(_PAYLOAD_TYPE)} {_PAYLOAD_TYPE} {len(statement)} "
    return head.encode() + statement
