"""install.sh, run for real: nothing of a bundle is executed before all of it is verified."""

import base64
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import sfta_edge
from sfta_edge.manifest import MANIFEST
from sfta_edge.seal import seal
from sfta_edge.signature import open_verified, public_pem
from sfta_edge.slots import active_slot, read_state

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
COMPAT = {
    "python": [f"{sys.version_info.major}.{sys.version_info.minor}"],
    "machine": [platform.machine()],
    "system": ["linux"],
    "glibc": ["2.17"],
}
NEEDED = (
    *("openssl", "sha256sum", "sed", "tr", "find", "sort", "comm", "cmp", "cut", "grep"),
    *("mktemp", "cp", "rm", "mkdir", "dirname", "uname", "getconf", "tail", "wc", "id", "sync"),
)
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


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


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
            {"stand_in.py": PROGRAM},
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
    command = [shell, str(bundle / "install.sh"), *map(str, arguments)]
    env = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/", **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env)


@pytest.fixture(name="key", scope="module")
def _key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "maker.pem"
    path.write_bytes(public_pem(KEY.public_key()))
    return path


@pytest.fixture(name="bundle")
def _bundle(tmp_path):
    return make(tmp_path / "the bundle", 2)


@pytest.fixture(name="device", scope="module")
def _device(tmp_path_factory, key):
    """A device with bundle 2, installed by the script without a network where that can be had."""
    folder = tmp_path_factory.mktemp("device")
    bundle, root = make(folder / "usb stick", 2), folder / "some where" / "root"
    command = ["/bin/sh", str(bundle / "install.sh"), "--key", str(key)]
    command += ["--prefix", str(root), "--python", sys.executable]
    if (
        subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode
        == 0
    ):
        command = ["unshare", "-rn", *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root, done


def test_the_script_installs_and_switches(device):
    root, done = device
    assert "verified 9 files" in done.stderr
    assert f"installed manuals 2 in {root / 'slots/a'}" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("next: ")
    assert open_verified(active_slot(root), KEY.public_key()).facts["counter"] == 2
    name = read_state(root).current.environment
    assert name == hashlib.sha256((root / "slots/a" / MANIFEST).read_bytes()).hexdigest()[:16]
    assert names_in(root / "environments") == [name]
    assert not (root / "environments" / name / "wheels").exists()


def test_the_installed_command_runs(device):
    root, _ = device
    command = [root / "bin/sfta-edge", "install", "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Verify BUNDLE" in done.stdout


def test_installing_again_is_quick_and_changes_nothing(device, tmp_path, key):
    root, _ = device
    before = (root / "state.json").read_bytes()
    again = make(tmp_path / "again", 2)
    done = run(again, "--key", key, "--prefix", root, "--python", sys.executable)
    assert done.returncode == 0, done.stderr
    assert (root / "state.json").read_bytes() == before


def test_an_older_bundle_is_refused_and_its_environment_taken_back(device, tmp_path, key):
    root, _ = device
    before = names_in(root / "environments"), (root / "state.json").read_bytes()
    old = make(tmp_path / "old", 1)
    done = run(old, "--key", key, "--prefix", root, "--python", sys.executable)
    assert done.returncode == 4
    assert "bundle 1 is older than 2" in done.stderr
    assert (
        names_in(root / "environments"),
        (root / "state.json").read_bytes(),
    ) == before


def _change_a_model_byte(bundle):
    (bundle / "model/m.gguf").write_text("weights of bundle 3")


def _change_a_wheel(bundle):
    with next((bundle / "wheels").glob("sfta*")).open("ab") as stream:
        stream.write(b"!")


def _change_requirements(bundle):
    (bundle / "wheels/requirements.txt").write_text("evil\n")


def _change_the_script(bundle):
    with (bundle / "install.sh").open("a") as stream:
        stream.write("\n# harmless\n")


def _change_the_sums_too(bundle):
    _change_a_model_byte(bundle)
    lines = subprocess.run(
        ["sha256sum", "model/m.gguf"], cwd=bundle, check=True, capture_output=True, text=True
    ).stdout
    (bundle / "SHA256SUMS").write_text(lines)


def _empty_the_sums(bundle):
    (bundle / "SHA256SUMS").write_text("")


def _change_the_manifest(bundle):
    raw = (bundle / MANIFEST).read_bytes()
    (bundle / MANIFEST).write_bytes(raw.replace(b'"counter":2', b'"counter":3'))


def _add_a_file(bundle):
    (bundle / "wheels/extra.whl").write_text("x")


def _add_a_hidden_file(bundle):
    (bundle / ".hidden").write_text("x")


def _add_a_file_named_newline(bundle):
    (bundle / "\n").write_text("x")


def _add_a_file_named_like_two(bundle):
    (bundle / "model/m.gguf\nmodel").mkdir()
    (bundle / "model/m.gguf\nmodel/m.gguf").write_text("x")


def _remove_a_file(bundle):
    (bundle / "model/m.gguf").unlink()


def _remove_the_signature(bundle):
    (bundle / "manifest.sig").unlink()


def _empty_the_signature(bundle):
    (bundle / "manifest.sig").write_text("")


def _link_a_file(bundle):
    (bundle / "model/m.gguf").rename(bundle.parent / "m")
    (bundle / "model/m.gguf").symlink_to(bundle.parent / "m")


def _link_a_folder(bundle):
    (bundle / "model").rename(bundle.parent / "model")
    (bundle / "model").symlink_to(bundle.parent / "model")


def _link_the_manifest(bundle):
    (bundle / MANIFEST).rename(bundle.parent / MANIFEST)
    (bundle / MANIFEST).symlink_to(bundle.parent / MANIFEST)


def _put_a_pipe(bundle):
    os.mkfifo(bundle / "pipe")


ATTACKS = [
    (_change_a_model_byte, "model/m.gguf: FAILED"),
    (_change_a_wheel, "FAILED"),
    (_change_requirements, "wheels/requirements.txt: FAILED"),
    (_change_the_script, "install.sh: FAILED"),
    (_change_the_sums_too, "changed: SHA256SUMS"),
    (_empty_the_sums, "changed: SHA256SUMS"),
    (_change_the_manifest, "signature does not match"),
    (_add_a_file, "not listed: wheels/extra.whl"),
    (_add_a_hidden_file, "not listed: .hidden"),
    (_add_a_file_named_newline, "not listed"),
    (_add_a_file_named_like_two, "not listed"),
    (_remove_a_file, "missing: model/m.gguf"),
    (_remove_the_signature, "manifest.sig is missing"),
    (_empty_the_signature, "signature does not match"),
    (_link_a_file, "links and devices are not allowed"),
    (_link_a_folder, "links and devices are not allowed"),
    (_link_the_manifest, "manifest.json is missing"),
    (_put_a_pipe, "links and devices are not allowed: ./pipe"),
]


@pytest.mark.parametrize(("attack", "reason"), ATTACKS)
def test_an_altered_bundle_is_refused_before_anything_is_made(
    bundle, tmp_path, key, attack, reason
):
    attack(bundle)
    prefix = tmp_path / "prefix"
    done = run(bundle, "--key", key, "--prefix", prefix, "--python", sys.executable)
    assert done.returncode == 4, done.stderr
    assert reason in done.stderr
    assert not prefix.exists()


def test_another_key_is_refused(bundle, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(public_pem(Ed25519PrivateKey.generate().public_key()))
    done = run(bundle, "--key", other, "--prefix", tmp_path / "prefix")
    assert done.returncode == 4
    assert "signature does not match this public key" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_another_kind_of_key_is_refused(bundle, tmp_path):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    path = tmp_path / "ec.pem"
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    done = run(bundle, "--key", path, "--prefix", tmp_path / "prefix")
    assert done.returncode == 2
    assert "is not an Ed25519 public key" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--key is missing"),
        (["--key"], "--key needs a value"),
        (["--key", "/nonexistent"], "cannot read the key"),
        (["--frobnicate"], "unknown option --frobnicate"),
    ],
)
def test_wrong_usage_is_explained(bundle, arguments, reason):
    done = run(bundle, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_help_is_no_error(bundle):
    done = run(bundle, "--help")
    assert done.returncode == 0
    assert "usage: sh install.sh --key" in done.stderr


def programs(folder, *, without=()):
    """A PATH that holds only what the script says it needs."""
    folder.mkdir()
    for name in NEEDED:
        if name not in without:
            (folder / name).symlink_to(shutil.which(name))
    return str(folder)


@pytest.mark.parametrize("name", ["openssl", "sha256sum", "comm"])
def test_a_missing_program_is_named(bundle, tmp_path, key, name):
    path = programs(tmp_path / "bin", without=(name,))
    done = run(bundle, "--key", key, "--prefix", tmp_path / "prefix", PATH=path)
    assert done.returncode == 3
    assert f"{name} is not installed" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_a_missing_python_is_named_with_its_version(bundle, tmp_path, key):
    path = programs(tmp_path / "bin")
    done = run(bundle, "--key", key, "--prefix", tmp_path / "prefix", PATH=path)
    assert done.returncode == 3
    assert f"Python {COMPAT['python'][0]} is not installed" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_an_old_openssl_is_named(bundle, tmp_path, key):
    path = programs(tmp_path / "bin", without=("openssl",))
    (tmp_path / "bin/openssl").write_text("#!/bin/sh\necho OpenSSL 1.1.1\n")
    (tmp_path / "bin/openssl").chmod(0o755)
    done = run(bundle, "--key", key, "--prefix", tmp_path / "prefix", PATH=path)
    assert done.returncode == 3
    assert "openssl is too old: OpenSSL 1.1.1" in done.stderr


@pytest.mark.parametrize(
    ("part", "value", "code", "reason"),
    [
        ("machine", ["riscv128"], 2, "made for riscv128; this device is"),
        ("python", ["3.99"], 3, "is not Python 3.99"),
        ("glibc", ["2.999"], 2, "needs glibc 2.999 or newer"),
    ],
)
def test_a_bundle_for_another_device_is_refused(tmp_path, key, part, value, code, reason):
    bundle = make(tmp_path / "bundle", 2, compat={**COMPAT, part: value})
    prefix = tmp_path / "prefix"
    done = run(bundle, "--key", key, "--prefix", prefix, "--python", sys.executable)
    assert done.returncode == code
    assert reason in done.stderr
    assert not prefix.exists()


def test_facts_cannot_pass_for_the_list_of_hashes(tmp_path, key):
    """A name that looks like a manifest entry is escaped in JSON, so it is not read as one."""
    lure = '{"path":"SHA256SUMS","sha256":"' + "0" * 64 + '","size":1}'
    bundle = make(tmp_path / "bundle", 2, note=lure, compat={**COMPAT, "machine": ["none"]})
    done = run(bundle, "--key", key, "--prefix", tmp_path / "prefix")
    assert "verified 9 files" in done.stderr
    assert done.returncode == 2


def test_wheels_that_do_not_fit_their_pins_leave_no_environment(bundle, tmp_path, key):
    path = bundle / "wheels/requirements.txt"
    path.write_text(path.read_text().replace("sha256:", "sha256:" + "0" * 8)[:-9] + "\n")
    seal(bundle, {"name": "manuals", "counter": 2, "compat": COMPAT}, KEY)
    prefix = tmp_path / "prefix"
    done = run(bundle, "--key", key, "--prefix", prefix, "--python", sys.executable)
    assert done.returncode == 5
    assert "pip could not install" in done.stderr
    assert names_in(prefix / "environments") == []
    assert not (prefix / "state.json").exists()


def test_a_killed_script_leaves_the_old_bundle_active(device, tmp_path, key):
    root = tmp_path / "root"
    shutil.copytree(device[0], root, symlinks=True)
    before = (root / "state.json").read_bytes()
    bundle = make(tmp_path / "next", 3)
    command = ["/bin/sh", bundle / "install.sh", "--key", key, "--prefix", root]
    with subprocess.Popen(
        [*command, "--python", sys.executable],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as started:
        deadline = time.monotonic() + 60
        while len(names_in(root / "environments")) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(started.pid, signal.SIGKILL)
    assert (root / "state.json").read_bytes() == before
    assert open_verified(active_slot(root), KEY.public_key()).facts["counter"] == 2
    left = [p for p in Path(root / "environments").iterdir() if not (p / "complete").exists()]
    assert len(left) == 1  # half an environment, which nothing refers to


def test_the_script_needs_no_shell_but_a_posix_one(bundle, tmp_path, key):
    (bundle / ".extra").write_text("x")
    for shell in filter(None, map(shutil.which, ("dash", "bash", "busybox"))):
        done = run(bundle, "--key", key, "--prefix", tmp_path / "prefix", shell=shell)
        assert done.returncode == 4, done.stderr
        assert "not listed: .extra" in done.stderr
