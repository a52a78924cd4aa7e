"""What an installation made goes away; what people made stays, unless they say otherwise."""

import os
import subprocess
import sys
from importlib.resources import files

import pytest

from device_bundles import install_bundle, install_key, run  # noqa: F401

SCRIPT = files("sfta_edge") / "install.sh"


def call(*arguments, **environment):
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture(name="prefix")
def _prefix(tmp_path, install_bundle, install_key):  # noqa: F811
    prefix = tmp_path / "prefix"
    done = run(
        install_bundle, "--key", install_key, "--prefix", prefix, "--python", sys.executable
    )
    assert done.returncode == 0, done.stderr
    (prefix / "data").mkdir()
    (prefix / "data" / "accounts.sqlite").write_text("people")
    (prefix / "audit.head").write_text("head")
    return prefix


def test_the_data_stays(prefix):
    done = call("--uninstall", "--prefix", prefix)
    assert done.returncode == 0, done.stderr
    assert f"still in {prefix}/data" in done.stderr
    assert sorted(path.name for path in prefix.iterdir()) == ["audit.head", "data"]
    assert (prefix / "data" / "accounts.sqlite").read_text() == "people"


def test_the_data_goes_only_when_somebody_says_so(prefix):
    assert call("--uninstall", "--purge", "--prefix", prefix).returncode == 0
    assert not prefix.exists()


def test_data_that_was_left_can_be_removed_later(prefix):
    (prefix / "data" / "audit").mkdir()
    assert call("--uninstall", "--prefix", prefix).returncode == 0
    assert call("--uninstall", "--prefix", prefix).returncode == 2
    assert call("--uninstall", "--purge", "--prefix", prefix).returncode == 0
    assert not prefix.exists()


@pytest.mark.parametrize("arguments", [[], ["--purge"]])
def test_a_folder_that_is_no_installation_is_left_alone(tmp_path, arguments):
    (tmp_path / "data").mkdir()
    (tmp_path / "bin").mkdir()
    done = call("--uninstall", "--prefix", tmp_path, *arguments)
    assert done.returncode == 2
    assert "no installation" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "data"]


def test_purging_without_uninstalling_is_a_mistake(tmp_path):
    done = call("--purge", "--key", tmp_path / "k")
    assert (done.returncode, "--purge belongs to --uninstall" in done.stderr) == (2, True)


@pytest.mark.parametrize("listen", ["8080x", "localhost:", "localhost:80;reboot", "x"])
def test_an_address_without_a_port_is_a_mistake(tmp_path, listen):
    done = call("--listen", listen, "--key", tmp_path / "k")
    assert (done.returncode, "HOST:PORT" in done.stderr) == (2, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write a unit")
@pytest.mark.parametrize("allow", ["1.2.3.4|e", "$(reboot)", "any\nExecStart=/bin/sh"])
def test_networks_are_networks(tmp_path, allow):
    done = call("--service", "--allow", allow, "--key", tmp_path / "k")
    assert (done.returncode, "--allow takes networks" in done.stderr) == (2, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_a_service_needs_root(tmp_path):
    assert "only root may" in call("--service", "--key", tmp_path / "k").stderr
