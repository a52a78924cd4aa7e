"""Turning a folder of files into a signed bundle."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.bundle import KIND, check_layout
from sfta_edge.manifest import MANIFEST, SIGNATURE, FileEntry, Manifest, payload, write_durably
from sfta_edge.signature import sign

SUMS = "SHA256SUMS"
"""Hashes in the form of ``sha256sum``, for a device on which no Python runs yet."""


def seal(root: Path, facts: dict[str, Any], key: Ed25519PrivateKey) -> Manifest:
    """Write ``SHA256SUMS``, the manifest and its signature; the same input, the same bytes.

    Raises:
        IntegrityError: the folder holds something that no bundle may hold.
    """
    entries = [FileEntry.of(root, path) for path in payload(root)]
    lines = [
        f"{entry.sha256}  {entry.path}\n" for entry in sorted(entries) if entry.path != SUMS
    ]
    write_durably(root / SUMS, "".join(lines).encode())
    manifest = Manifest.of(root, KIND, facts)
    check_layout(manifest)
    raw = manifest.to_bytes()
    write_durably(root / SIGNATURE, sign(raw, key))
    write_durably(root / MANIFEST, raw)
    return manifest
