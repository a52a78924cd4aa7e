"""A sealed folder of small files, and the archive made of it."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.archive import (
    BLOCK,
    write_archive,
)
from sfta_edge.manifest import Manifest
from sfta_edge.seal import seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
FILES = {
    "empty": b"",
    "exact/block": b"x" * BLOCK,
    "install.sh": b"#!/bin/sh\n",
    "model/m.gguf": b"w" * 1300,
    "z/" + "d" * 90 + "/" + "f" * 60: b"long name",
    "grüße.txt": b"umlauts",
}


@pytest.fixture(scope="module")
def archived_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("folder")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    seal(root, {"name": "t", "counter": 1}, KEY)
    return root


@pytest.fixture(scope="module")
def archive_bytes(archived_folder, tmp_path_factory):
    target = tmp_path_factory.mktemp("archive") / "bundle.tar"
    write_archive(archived_folder, Manifest.read(archived_folder), target)
    return target.read_bytes()
