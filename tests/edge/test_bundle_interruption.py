"""An installation that is killed or runs out of space leaves one whole bundle."""

import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from sfta_edge import bundle as bundles
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.installation import install
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, read_state
from signed_bundles import PUBLIC, make, snapshot


def test_a_full_disk_is_noticed_before_anything_is_written(
    device_root, second_bundle, monkeypatch
):
    before = snapshot(device_root)
    usage = shutil.disk_usage(device_root)._replace(free=1 << 20)
    monkeypatch.setattr(bundles.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match="1 MiB free; 64 MiB are needed"):
        install(second_bundle, device_root, PUBLIC)
    assert snapshot(device_root) == before


def test_a_disk_that_fills_up_meanwhile_changes_nothing(
    device_root, second_bundle, monkeypatch
):
    before = snapshot(device_root)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sfta_edge.archive.os.write", full)
    with pytest.raises(SftaError, match="No space left on device"):
        install(second_bundle, device_root, PUBLIC)
    monkeypatch.undo()
    assert snapshot(device_root) == before


KILL = """
    import os, signal, sys
    from pathlib import Path
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sfta_edge.installation import install
    bundle, root, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
    seen = 0
    def step(event, arguments):
        global seen
        if event in STEPS and str(root) in str(arguments):
            seen += 1
            if seen == after:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(step)
    install(bundle, root, key)
    print(seen)
"""


def killed_after(bundle, root, step):
    """Install in a process that dies at its n-th change of the file system."""
    command = [sys.executable, "-c", textwrap.dedent(KILL), str(bundle), str(root), str(step)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(name="twice", scope="module")
def _twice(tmp_path_factory):
    """Bundles 1 and 2 are installed, 2 is active; 3 waits in a folder."""
    folder = tmp_path_factory.mktemp("kill")
    root = folder / "root"
    for counter in (1, 2):
        install(make(folder / str(counter), counter), root, PUBLIC)
    return root, make(folder / "3", 3)


def steps_of_an_installation(twice, tmp_path):
    root, third = twice
    copy = shutil.copytree(root, tmp_path / "count")
    done = killed_after(third.with_suffix(".tar"), copy, 10**9)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_killed_at_any_point_one_whole_bundle_answers(twice, tmp_path):
    root, third = twice
    total = steps_of_an_installation(twice, tmp_path)
    assert total > 15  # else the sweep below would prove little
    seen = set()
    for step in range(1, total + 1, max(1, total // 16)):
        copy = shutil.copytree(root, tmp_path / str(step))
        done = killed_after(third.with_suffix(".tar"), copy, step)
        assert done.returncode == -signal.SIGKILL, done.stderr
        counter = open_verified(active_slot(copy), PUBLIC).facts["counter"]
        assert counter == read_state(copy).current.counter
        seen.add(counter)
        for name, what in read_state(copy).slots.items():
            assert open_verified(copy / "slots" / name, PUBLIC).facts["counter"] == what.counter
        install(third, copy, PUBLIC)
        assert open_verified(active_slot(copy), PUBLIC).facts["counter"] == 3
        assert not (copy / "slots/.incoming").exists()
    assert 2 in seen
