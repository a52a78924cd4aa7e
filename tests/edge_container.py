"""The image of the device, built, and podman to run it with.

SFTA_BASE_IMAGE names the base, SFTA_PODMAN the program with its options, SFTA_PODMAN_LIMITS what
building and running need on this host; containers/README.md has examples.
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
IMAGE = "localhost/sfta-edge:0.1.0"
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


@pytest.fixture(scope="module")
def image():
    if shutil.which(PODMAN[0]) is None:
        pytest.skip("podman is not installed")
    base = os.environ.get("SFTA_BASE_IMAGE", "localhost/sfta-base:bookworm")
    settings = {
        "BUILDER": shlex.join(PODMAN),
        "BASE_IMAGE": base,
        "BUILD_OPTIONS": shlex.join(LIMITS),
        "PYTHON": sys.executable,
    }
    command = ["make", "-C", str(CONTAINERS), "edge"]
    command += [f"{name}={value}" for name, value in settings.items()]
    subprocess.run(command, check=True)
    return IMAGE


def inside(name, program, *arguments):
    return podman("exec", name, "/opt/sfta/bin/python", "-c", program, *arguments).stdout
