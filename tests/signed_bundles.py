"""Two signed bundles, and the folder of a device they are installed in."""

import platform
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.archive import write_archive
from sfta_edge.installation import install
from sfta_edge.seal import seal

SECRET = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SECRET)
PUBLIC = KEY.public_key()
HERE = {
    "python": [f"{sys.version_info.major}.{sys.version_info.minor}"],
    "machine": [platform.machine()],
    "system": [platform.system().lower()],
}


def facts(counter=1, **changes):
    return {"name": "manuals", "counter": counter, "compat": HERE, **changes}


def make(folder, counter=1, *, key=KEY, **changes):
    """A small bundle as a folder, and as an archive beside it."""
    for name in ("model/m.gguf", "prompt.json", "knowledge/k.sqlite"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} of bundle {counter}\n" * 50)
    manifest = seal(folder, facts(counter, **changes), key)
    write_archive(folder, manifest, folder.with_suffix(".tar"))
    return folder


def snapshot(root):
    """All that an installation holds, but the lock."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if path.name != ".lock"
    }


@pytest.fixture
def first_bundle(tmp_path):
    return make(tmp_path / "first", 1)


@pytest.fixture
def second_bundle(tmp_path):
    return make(tmp_path / "second", 2)


@pytest.fixture
def device_root(tmp_path, first_bundle):
    root = tmp_path / "root"
    install(first_bundle, root, PUBLIC)
    return root


def _tamper(bundle):
    (bundle / "model/m.gguf").write_text("evil")
