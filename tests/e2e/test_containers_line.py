"""The whole line over containers: documents to a model, a bundle, answers, updates, the way back.

Runs only with SFTA_CONTAINERS=1, and takes half an hour: golden questions tell a worse model from a
better one only where something was learnt. containers/README.md has the commands.
"""

import os
import re
import shutil
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bundle_variants import with_model, write_updates
from device_client import DOCUMENT, QUESTION, UPDATES, DeviceClient
from edge_container import CONFINED, LIMITS, REACHED, SCRATCH, image, inside, podman
from factory_containers import LARGE, SMALL, Factory, same_bytes
from sfta_edge.manifest import Manifest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        os.environ.get("SFTA_CONTAINERS") != "1", reason="builds images: SFTA_CONTAINERS=1"
    ),
]
__all__ = ["image"]
SERVING, UPDATING = "512m", "2g"
"""The self-test of an update loads its model beside the one that answers."""


@pytest.fixture(scope="module")
def factory(image, tmp_path_factory):
    """After the image of the device, whose wheels its bundles take.

    In the folder SFTA_FACTORY a second run goes on where the first one ended.
    """
    assert image
    kept = os.environ.get("SFTA_FACTORY")
    return Factory(Path(kept) if kept else tmp_path_factory.mktemp("factory"))


@pytest.fixture(scope="module")
def bundles(factory, tmp_path_factory):
    """One training, and of it `bundle`, in 4 bits; an update in 8 bits; one without training."""
    made = tmp_path_factory.mktemp("line")
    exported = factory.export(factory.train())
    small, small_score = factory.bundle(SMALL, 1)
    large, large_score = factory.bundle(LARGE, 3)
    for folder, scheme in ((small, SMALL), (large, LARGE)):
        shipped = folder / Manifest.read(folder).facts["model"]
        assert same_bytes(exported / f"model-{scheme}.gguf", shipped), scheme
    assert large_score > small_score
    # On the file system of the tests: the variants are links.
    first = shutil.copytree(small, made / "bundle")
    key = load_pem_private_key(factory.key.read_bytes(), None)
    worse = with_model(first, made / "worse", key, factory.untrained(SMALL), 2)
    write_updates(made, key, worse, large)
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
        self.options = [*LIMITS, *CONFINED, f"{SCRATCH},size=64m", f"--memory={SERVING}"]
        self.options += ["--pids-limit=256", f"--volume={self.volume}:/var/lib/sfta"]
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

    def give_memory(self, most):
        podman("update", f"--memory={most}", f"--memory-swap={most}", self.name)

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

    line.give_memory(UPDATING)
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
    line.give_memory(SERVING)
    assert_it_answers(line)
