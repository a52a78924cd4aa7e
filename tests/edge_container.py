"""The images, built, and podman to run them with.

SFTA_BASE_IMAGE names the base, SFTA_BUILD_BASE_IMAGE that of `export`, SFTA_PODMAN the program with
its options, SFTA_PODMAN_LIMITS what building and running need on this host; SFTA_TRAIN_IMAGE,
SFTA_EXPORT_IMAGE and SFTA_EDGE_IMAGE name images that are built already. containers/README.md has
examples.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CACHE = Path("~/.cache/sfta").expanduser()
CONTAINERS = Path(__file__).parents[1] / "containers"
PODMAN = shlex.split(os.environ.get("SFTA_PODMAN", "podman"))
LIMITS = shlex.split(os.environ.get("SFTA_PODMAN_LIMITS", ""))
BASES = {
    "edge": ("SFTA_BASE_IMAGE", "localhost/sfta-base:bookworm"),
    "train": ("SFTA_BASE_IMAGE", "localhost/sfta-base:bookworm"),
    "export": ("SFTA_BUILD_BASE_IMAGE", "localhost/sfta-build-base:bookworm"),
}
CONFINED = [
    "--network=none",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
]
"""No network, no rights, nothing to write to but what is mounted."""
SCRATCH = "--tmpfs=/tmp:rw,noexec,nosuid,nodev,mode=1777"
REACHED = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=3)
except OSError as error:
    print(error)
"""


def podman(*arguments, check=True, text=None):
    command = [*PODMAN, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=text)
    assert not check or done.returncode == 0, done.stderr
    return done


def built(part):
    """Name of the image of `containers/PART`: the one that was named, or it is built now."""
    if named := os.environ.get(f"SFTA_{part.upper()}_IMAGE"):
        return named
    variable, default = BASES[part]
    settings = {
        "BUILDER": shlex.join(PODMAN),
        "BASE_IMAGE": os.environ.get(variable, default),
        "BUILD_OPTIONS": shlex.join(LIMITS),
        "PYTHON": sys.executable,
    }
    command = ["make", "-C", str(CONTAINERS), part]
    command += [f"{name}={value}" for name, value in settings.items()]
    subprocess.run(command, check=True)
    return f"localhost/sfta-{part}:0.1.0"


@pytest.fixture(scope="module")
def image():
    if shutil.which(PODMAN[0]) is None:
        pytest.skip("podman is not installed")
    return built("edge")


def inside(name, program, *arguments):
    return podman("exec", name, "/opt/sfta/bin/python", "-c", program, *arguments).stdout
