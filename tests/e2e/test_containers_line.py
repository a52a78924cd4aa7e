"""The whole line over containers: export, bundle, verify, install, serve, ask, update, go back.

Runs only with SFTA_CONTAINERS=1, SFTA_BUNDLE and SFTA_KEY, and takes a quarter of an hour: golden
questions tell a worse model from a better one only where something was learnt. SFTA_EXPORT_IMAGE
names an image of `containers/export`; without it the model of the worse bundle is converted here.
containers/README.md has the commands.
"""

import os
import re
import shutil
import time

import pytest

from bundle_variants import update_bundles
from device_client import DOCUMENT, QUESTION, UPDATES, DeviceClient
from edge_container import CACHE, LIMITS, REACHED, image, inside, podman

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("SFTA_CONTAINERS") != "1", reason="builds images: SFTA_CONTAINERS=1"
    ),
]
__all__ = ["image"]
CONFINED = [
    "--network=none",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777",
    # The self-test of an update loads its model beside the one that answers.
    "--memory=2g",
    "--pids-limit=256",
]
EXPORT = """
import sys
from pathlib import Path
from sfta_export.gguf import model_gguf
print(model_gguf(Path("/model"), Path("/cache"), sys.argv[1]))
"""


def export_in_container(folder, cache, scheme):
    """Convert a model folder in the image of `containers/export`."""
    mounts = [f"--volume={folder}:/model:ro", f"--volume={cache}:/cache"]
    options = ["--rm", "--network=none", "--user=0:0", *LIMITS, *mounts]
    made = podman("run", *options, os.environ["SFTA_EXPORT_IMAGE"], "-c", EXPORT, scheme)
    return cache / made.stdout.strip().splitlines()[-1].removeprefix("/cache/")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    made = tmp_path_factory.mktemp("line")
    if not os.environ.get("SFTA_EXPORT_IMAGE"):
        update_bundles(made, CACHE)
    else:
        update_bundles(
            made, CACHE, lambda base, scheme: export_in_container(base, CACHE, scheme)
        )
    # Somebody else reads them in the container: pytest's own folders are closed to others.
    for path in (made, made.parent, made.parent.parent):
        path.chmod(0o755)
    for path in made.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


class Line:
    """One container that serves from an installation in a volume."""

    def __init__(self, image, bundles):
        self.image = image
        self.volume = podman("volume", "create").stdout.strip()
        self.options = [*LIMITS, *CONFINED, f"--volume={self.volume}:/var/lib/sfta"]
        self.options.append(f"--volume={bundles}:/made:ro")
        self.name = ""
        self.client = DeviceClient(self._execute)

    def run(self, *words, options=("--rm",), check=True):
        return podman("run", *options, *self.options, self.image, *words, check=check)

    def serve(self):
        words = ["serve", "--host=0.0.0.0", "--port=8080"]
        self.name = self.run(*words, options=["--detach"]).stdout.strip()
        self.client.wait_until_ready()

    def restart(self):
        """What an operator does where nobody starts the program again by itself."""
        podman("restart", "--time", "30", self.name)
        self.client.wait_until_ready()

    def log(self):
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def counters(self):
        found = self.client.updates()
        return [
            found[name] and found[name]["counter"] for name in ("running", "active", "other")
        ]

    def close(self):
        if self.name:
            podman("rm", "--force", "--time", "10", self.name)
        podman("volume", "rm", "--force", self.volume)

    def _execute(self, program, text):
        words = ["exec", "--interactive", self.name, "/opt/sfta/bin/python", "-c", program]
        done = podman(*words, check=False, text=text)
        return done.stdout or done.stderr


@pytest.fixture(scope="module")
def line(image, bundles):
    made = Line(image, bundles)
    yield made
    made.close()


def assert_it_answers(line):
    answer = line.client.ask(QUESTION)
    quoted = [(each["document"], each["verified"]) for each in answer["citations"]]
    assert (answer["refused"], quoted) == (False, [("loom.md", True)]), answer
    assert "17" in answer["answer"]


def update(line, bundles, number):
    size = (bundles / f"manuals-{number}.tar").stat().st_size
    return line.client.update(f"/made/manuals-{number}.tar", size)


def test_one_line_from_the_bundle_to_the_way_back(line, bundles):
    """One test, as each step stands on the one before."""
    key = ["--key", "/made/maker.pub"]
    assert line.run("verify", "/made/bundle", *key).stdout.startswith("verified ")
    forged = shutil.copytree(bundles / "bundle", bundles / "forged", copy_function=os.link)
    (forged / "prompt.json").unlink()
    (forged / "prompt.json").write_text("{}")
    done = line.run("install", "/made/forged", *key, check=False)
    assert (done.returncode, "prompt.json" in done.stderr) == (4, True), done.stderr
    assert "installed " in line.run("install", "/made/bundle", *key).stdout

    line.serve()
    line.client.become_admin(re.search(r"One-time token: (\S+)", line.log())[1])
    line.client.add("loom.md", DOCUMENT)
    assert_it_answers(line)
    assert "unreachable" in inside(line.name, REACHED)

    job = update(line, bundles, 2)
    assert job["state"] == "refused"
    assert "golden questions came out otherwise than measured" in job["error"]
    assert line.counters() == [1, 1, None]
    assert_it_answers(line)

    job = update(line, bundles, 3)
    assert (job["state"], job["error"]) == ("done", "")
    assert line.counters() == [1, 3, 1]
    status, told = line.client.call("POST", f"{UPDATES}/restart")
    assert (status, "nothing here would start" in told["detail"]) == (409, True)
    line.restart()
    assert line.counters() == [3, 3, 1]
    assert_it_answers(line)
    until = time.monotonic() + 600
    while line.client.updates()["probation"]:
        assert time.monotonic() < until, "it never proved itself"
        time.sleep(2)

    assert line.client.go_back()["state"] == "done"
    line.restart()
    assert line.counters()[:2] == [1, 1]
    assert_it_answers(line)
