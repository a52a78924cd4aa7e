"""A device as a release of sfta-edge left it, kept so that later releases can be tried on it.

``python released_device.py OUT`` is run once with each release and writes
``fixtures/releases/VERSION.zip``: an installation with its data, and the bundle it came from.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

from account_world import opened, people
from audit_logs import filled_log
from handed_in_files import PassageWords
from opened_libraries import LIMITS, OIL, finish, hand_in
from sfta_edge.archive import write_archive
from sfta_edge.caller import Caller
from sfta_edge.diagnostics.packing import packed
from sfta_edge.history import History
from sfta_edge.installation import install
from sfta_edge.library.library import Library
from sfta_edge.seal import seal
from signed_bundles import HERE, KEY, PUBLIC, facts

FOLDER = Path(__file__).parent / "fixtures/releases"
ANYWHERE = {
    "python": ["3.11", "3.12", "3.13", "3.14"],
    "machine": ["x86_64", "aarch64"],
    "system": ["linux"],
}
NOT_KEPT = (".lock", "-wal", "-shm")


def make(folder):
    """Install a bundle and let people work with it."""
    bundle, root = folder / "bundle", folder / "root"
    for name in ("model/m.gguf", "prompt.json", "knowledge/k.sqlite"):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(f"{name} of a release\n" * 50)
    manifest = seal(bundle, facts(1, compat=ANYWHERE), KEY)
    write_archive(bundle, manifest, folder / "bundle.tar")
    install(bundle, root, PUBLIC)
    filled_log(root)
    with opened(root) as accounts:
        people(accounts)
    with History(root / "data/history.sqlite") as history:
        history.add(Caller("rita"), "When is the oil due?", {"answer": "soon", "citations": []})
    with Library(root / "data", PassageWords(), store_limits=LIMITS) as library:
        hand_in(library, OIL, "oil.md", owner="ed")
        finish(library)


def kept(folder):
    """The files of a device, by their place."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(NOT_KEPT)
    }


def releases():
    """The versions that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.zip"))


def unpacked(version, folder):
    """The device of a release; its archive is ours, so its names are safe."""
    with zipfile.ZipFile(FOLDER / f"{version}.zip") as archive:
        archive.extractall(folder)
    return folder


def main(out):
    """Write the file of this release."""
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch))
        Path(out).write_bytes(packed(kept(Path(scratch))))


if __name__ == "__main__":
    assert set(HERE) == set(ANYWHERE)
    main(sys.argv[1])
