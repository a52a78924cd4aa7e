"""install.sh, run for real: nothing of a bundle is executed before all of it is verified."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from device_bundles import COMPAT, KEY, make, run
from sfta_edge.manifest import MANIFEST
from sfta_edge.seal import seal
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, read_state

NEEDED = (
    *("openssl", "sha256sum", "sed", "tr", "find", "sort", "comm", "cmp", "cut", "grep"),
    *("mktemp", "cp", "rm", "mkdir", "dirname", "uname", "getconf", "tail", "wc", "id", "sync"),
)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(name="install_device", scope="module")
def _device(tmp_path_factory, install_key):
    """A device with bundle 2, installed by the script without a network where that can be had."""
    folder = tmp_path_factory.mktemp("device")
    bundle, root = make(folder / "usb stick", 2), folder / "some where" / "root"
    command = ["/bin/sh", str(bundle / "install.sh"), "--no-test", "--key", str(install_key)]
    command += ["--prefix", str(root), "--python", sys.executable]
    if (
        subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode
        == 0
    ):
        command = ["unshare", "-rn", *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root, done


def test_the_script_installs_and_switches(install_device):
    root, done = install_device
    assert "verified 9 files" in done.stderr
    assert f"installed manuals 2 in {root / 'slots/a'}" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("next: ")
    assert open_verified(active_slot(root), KEY.public_key()).facts["counter"] == 2
    name = read_state(root).current.environment
    assert name == hashlib.sha256((root / "slots/a" / MANIFEST).read_bytes()).hexdigest()[:16]
    assert names_in(root / "environments") == [name]
    assert not (root / "environments" / name / "wheels").exists()


def test_the_installed_command_runs(install_device):
    root, _ = install_device
    command = [root / "bin/sfta-edge", "install", "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Verify BUNDLE" in done.stdout


def test_installing_again_is_quick_and_changes_nothing(install_device, tmp_path, install_key):
    root, _ = install_device
    before = (root / "state.json").read_bytes()
    again = make(tmp_path / "again", 2)
    done = run(again, "--key", install_key, "--prefix", root, "--python", sys.executable)
    assert done.returncode == 0, done.stderr
    assert (root / "state.json").read_bytes() == before


def test_an_older_bundle_is_refused_and_its_environment_taken_back(
    install_device, tmp_path, install_key
):
    root, _ = install_device
    before = names_in(root / "environments"), (root / "state.json").read_bytes()
    old = make(tmp_path / "old", 1)
    done = run(old, "--key", install_key, "--prefix", root, "--python", sys.executable)
    assert done.returncode == 4
    assert "bundle 1 is older than 2" in done.stderr
    assert (
        names_in(root / "environments"),
        (root / "state.json").read_bytes(),
    ) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--key is missing"),
        (["--key"], "--key needs a value"),
        (["--key", "/nonexistent"], "cannot read the key"),
        (["--frobnicate"], "unknown option --frobnicate"),
    ],
)
def test_wrong_usage_is_explained(install_bundle, arguments, reason):
    done = run(install_bundle, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_help_is_no_error(install_bundle):
    done = run(install_bundle, "--help")
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
def test_a_missing_program_is_named(install_bundle, tmp_path, install_key, name):
    path = programs(tmp_path / "bin", without=(name,))
    done = run(install_bundle, "--key", install_key, "--prefix", tmp_path / "prefix", PATH=path)
    assert done.returncode == 3
    assert f"{name} is not installed" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_a_missing_python_is_named_with_its_version(install_bundle, tmp_path, install_key):
    path = programs(tmp_path / "bin")
    done = run(install_bundle, "--key", install_key, "--prefix", tmp_path / "prefix", PATH=path)
    assert done.returncode == 3
    assert f"Python {COMPAT['python'][0]} is not installed" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_an_old_openssl_is_named(install_bundle, tmp_path, install_key):
    path = programs(tmp_path / "bin", without=("openssl",))
    (tmp_path / "bin/openssl").write_text("#!/bin/sh\necho OpenSSL 1.1.1\n")
    (tmp_path / "bin/openssl").chmod(0o755)
    done = run(install_bundle, "--key", install_key, "--prefix", tmp_path / "prefix", PATH=path)
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
def test_a_bundle_for_another_device_is_refused(
    tmp_path, install_key, part, value, code, reason
):
    bundle = make(tmp_path / "bundle", 2, compat={**COMPAT, part: value})
    prefix = tmp_path / "prefix"
    done = run(bundle, "--key", install_key, "--prefix", prefix, "--python", sys.executable)
    assert done.returncode == code
    assert reason in done.stderr
    assert not prefix.exists()


def test_a_system_of_32_bits_on_a_64_bit_kernel_is_refused(
    install_bundle, tmp_path, install_key
):
    python = tmp_path / "python3"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *maxsize*) exit 1 ;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    prefix = tmp_path / "prefix"
    done = run(install_bundle, "--key", install_key, "--prefix", prefix, "--python", python)
    assert done.returncode == 2
    assert "has 32 bits; the bundle is made for" in done.stderr
    assert not prefix.exists()


def test_facts_cannot_pass_for_the_list_of_hashes(tmp_path, install_key):
    """A name that looks like a manifest entry is escaped in JSON, so it is not read as one."""
    lure = '{"path":"SHA256SUMS","sha256":"' + "0" * 64 + '","size":1}'
    bundle = make(tmp_path / "bundle", 2, note=lure, compat={**COMPAT, "machine": ["none"]})
    done = run(bundle, "--key", install_key, "--prefix", tmp_path / "prefix")
    assert "verified 9 files" in done.stderr
    assert done.returncode == 2


def test_wheels_that_do_not_fit_their_pins_leave_no_environment(
    install_bundle, tmp_path, install_key
):
    path = install_bundle / "wheels/requirements.txt"
    path.write_text(path.read_text().replace("sha256:", "sha256:" + "0" * 8)[:-9] + "\n")
    seal(install_bundle, {"name": "manuals", "counter": 2, "compat": COMPAT}, KEY)
    prefix = tmp_path / "prefix"
    done = run(
        install_bundle, "--key", install_key, "--prefix", prefix, "--python", sys.executable
    )
    assert done.returncode == 5
    assert "pip could not install" in done.stderr
    assert names_in(prefix / "environments") == []
    assert not (prefix / "state.json").exists()


def test_a_killed_script_leaves_the_old_bundle_active(install_device, tmp_path, install_key):
    root = tmp_path / "root"
    shutil.copytree(install_device[0], root, symlinks=True)
    before = (root / "state.json").read_bytes()
    bundle = make(tmp_path / "next", 3)
    command = [
        "/bin/sh",
        bundle / "install.sh",
        "--no-test",
        "--key",
        install_key,
        "--prefix",
        root,
    ]
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


def test_the_script_needs_no_shell_but_a_posix_one(install_bundle, tmp_path, install_key):
    (install_bundle / ".extra").write_text("x")
    for shell in filter(None, map(shutil.which, ("dash", "bash", "busybox"))):
        done = run(
            install_bundle, "--key", install_key, "--prefix", tmp_path / "prefix", shell=shell
        )
        assert done.returncode == 4, done.stderr
        assert "not listed: .extra" in done.stderr
