"""Bundles with wheels of their own, and the script that installs them."""

import base64
import hashlib
import os
import platform
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import sfta_edge
from sfta_edge.seal import seal
from sfta_edge.signature import public_pem

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
COMPAT = {
    "python": [f"{sys.version_info.major}.{sys.version_info.minor}"],
    "machine": [platform.machine()],
    "system": ["linux"],
    "glibc": ["2.17"],
}
# Stands for the real package: the same commands, found where the tests run.
# An editable install puts a finder, not a folder, on the path.
SOURCES = str(Path(sfta_edge.__file__).parents[1])
PROGRAM = f"""
import sys
sys.path[1:1] = {[SOURCES, *sys.path]!r}
import click
from sfta_edge.cli.install import command
from sfta_edge.errors import SftaError
def main():
    import tiny_dependency
    try:
        click.Group(commands={{"install": command}})()
    except SftaError as error:
        click.echo(f"error: {{error}}", err=True)
        sys.exit(error.exit_code)
"""

# What the script asks before it lets pip work.
PROCESSOR = {
    f"sfta_edge/{name}": files("sfta_edge").joinpath(name).read_text("utf-8")
    for name in ("__init__.py", "errors.py", "processor.py")
}


def write_wheel(folder, name, version, members, *, metadata="", entry=""):
    """A real wheel, small enough to read."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    members = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry:
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{entry}\n"
    record = ""
    for path, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    members[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    target = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # no clock: the same bytes each time
    return target


def make(folder, counter, **changes):
    """A bundle with the real installer and a set of wheels; not signed yet."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    made = [
        write_wheel(wheels, "tiny-dependency", "1.0", {"tiny_dependency.py": ""}),
        write_wheel(
            wheels,
            "sfta-edge",
            "0.1.0",
            {"stand_in.py": PROGRAM, **PROCESSOR},
            metadata="Requires-Dist: tiny-dependency\n",
            entry="sfta-edge = stand_in:main",
        ),
    ]
    pins = [
        f"{path.name.split('-')[0]}=={path.name.split('-')[1]}"
        f" --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in made
    ]
    (wheels / "requirements.txt").write_text("".join(pins))
    (folder / "model").mkdir()
    (folder / "model/m.gguf").write_text(f"weights of bundle {counter}")
    (folder / "a file with spaces").write_text("x")
    script = files("sfta_edge").joinpath("install.sh").read_bytes()
    (folder / "install.sh").write_bytes(script)
    facts = {"name": "manuals", "counter": counter, "compat": COMPAT, **changes}
    seal(folder, facts, KEY)
    return folder


def run(bundle, *arguments, shell="/bin/sh", **environment):
    # The weights of these bundles are a sentence; test_selftest.py tries real ones.
    command = [shell, str(bundle / "install.sh"), "--no-test", *map(str, arguments)]
    env = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/", **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env)


@pytest.fixture(scope="module")
def install_key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "maker.pem"
    path.write_bytes(public_pem(KEY.public_key()))
    return path


@pytest.fixture
def install_bundle(tmp_path):
    return make(tmp_path / "the bundle", 2)
