"""Bundles made from another one: with the present program, another model, other papers."""

import hashlib
import os
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sfta.adapters.wheel_file import pack_edge
from sfta_edge.archive import write_archive
from sfta_edge.manifest import MANIFEST, SIGNATURE, Manifest
from sfta_edge.seal import SUMS, seal
from sfta_edge.signature import public_pem
from sfta_export.gguf import model_gguf

_MADE = (MANIFEST, SIGNATURE, SUMS)


def update_bundles(made, cache):
    """From the trained bundle SFTA_BUNDLE: `bundle`, and two updates as archives.

    `manuals-2.tar` has the untrained model; `manuals-3.tar` is as good as the first. `maker.pub`
    is the key for all.
    """
    given, key_file = os.environ.get("SFTA_BUNDLE"), os.environ.get("SFTA_KEY")
    if not given or not key_file:
        pytest.skip("needs a trained bundle and its key: SFTA_BUNDLE and SFTA_KEY")
    # On the file system of the tests: the variants are links.
    original = shutil.copytree(given, made / "original")
    key = load_pem_private_key(Path(key_file).read_bytes(), None)
    first = with_present_program(original, made / "bundle", key)
    base = next(cache.glob("models/SmolLM2-135M-Instruct.*"))
    scheme = Path(Manifest.read(first).facts["model"]).stem.rpartition("-")[2]
    worse = with_model(first, made / "worse", key, model_gguf(base, cache, scheme), 2)
    better = with_note(first, made / "better", key, "Looked through again.", 3)
    write_updates(made, key, worse, better)


def write_updates(made, key, worse, better):
    """The archives of two bundles, `manuals-2.tar` and `manuals-3.tar`, and `maker.pub`."""
    for folder, number in ((worse, 2), (better, 3)):
        write_archive(folder, Manifest.read(folder), made / f"manuals-{number}.tar")
    (made / "maker.pub").write_bytes(public_pem(key.public_key()))


def with_present_program(bundle, out, key):
    """The same bundle with the program of this checkout."""
    _linked(bundle, out)
    wheels = out / "wheels"
    for old in wheels.glob("sfta_edge-*.whl"):
        old.unlink()
    wheel = pack_edge(wheels)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    listed = wheels / "requirements.txt"
    lines = listed.read_text().splitlines()
    lines = [line for line in lines if not line.startswith("sfta-edge==")]
    version = wheel.name.split("-")[1]
    _write(listed, "\n".join([*lines, f"sfta-edge=={version} --hash=sha256:{digest}", ""]))
    _write(out / "install.sh", (files("sfta_edge") / "install.sh").read_text())
    (out / "install.sh").chmod(0o755)
    _seal(out, Manifest.read(bundle), key)
    return out


def with_model(bundle, out, key, model, counter):
    """The same bundle with another model under the same name."""
    _linked(bundle, out)
    before = Manifest.read(bundle)
    target = out / before.facts["model"]
    target.unlink()
    shutil.copyfile(model, target)
    _seal(out, before, key, counter=counter)
    return out


def with_note(bundle, out, key, note, counter):
    """The same bundle with another line in its model card."""
    _linked(bundle, out)
    card = out / "MODEL_CARD.md"
    _write(card, f"{card.read_text() if card.exists() else ''}\n{note}\n")
    _seal(out, Manifest.read(bundle), key, counter=counter)
    return out


def _linked(bundle: Path, out: Path) -> None:
    """A copy that shares its files; what is written afterwards gets a file of its own."""
    shutil.copytree(bundle, out, copy_function=os.link, ignore=shutil.ignore_patterns(*_MADE))


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text)


def _seal(out: Path, before: Manifest, key, **changes) -> None:
    seal(out, {**before.facts, **changes}, key)
