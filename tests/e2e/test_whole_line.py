"""From a PDF to an answer without a network, killed in every stage on the way."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripted_engine import report_again
from sfta.core.artifact import SCRATCH_PREFIX, finished
from sfta.stages.pipeline import STAGES
from small_line import make_workplace, sfta

pytestmark = [pytest.mark.slow, pytest.mark.tools]
LINE = [stage.name for stage in STAGES]


@dataclass(frozen=True)
class Line:
    """A workplace after a run that was killed once in every stage."""

    folder: Path
    killed: list[list[str]]
    """What each killed run said, in the order of the stages."""
    refused: subprocess.CompletedProcess[str]
    """The run that ended at the gates: the model is a random one."""
    failing: dict[str, Any]
    passing: dict[str, Any]
    """The two reports; the second is on answers from a script."""
    outcomes: list[dict[str, Any]]
    """What the run that ended with a bundle printed."""

    @property
    def bundle(self):
        return self.folder / self.outcomes[-1]["path"] / "bundle"


@pytest.fixture(scope="module")
def line(tmp_path_factory, tiny_base, cache):
    folder = tmp_path_factory.mktemp("line")
    make_workplace(folder, tiny_base)
    assert sfta("keygen", "key.pem", cwd=folder).returncode == 0
    *stages, last = LINE
    killed = [kill_in(stage, folder) for stage in stages]
    refused = sfta("run", "recipe.yaml", "--key", "key.pem", cwd=folder)
    (report,) = (folder / "runs/evaluate").glob("*/report.json")
    failing = json.loads(report.read_bytes())
    passing = json.loads(report_again(folder, cache).file("report.json").read_bytes())
    killed.append(kill_in(last, folder))
    done = sfta("run", "recipe.yaml", "--key", "key.pem", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return Line(folder, killed, refused, failing, passing, json.loads(done.stdout))


def kill_in(stage, folder):
    """Start a run, SIGKILL it and its children soon after `stage` has begun."""
    run = subprocess.Popen(
        [sys.executable, "-m", "sfta.cli.main", "run", "recipe.yaml", "--key", "key.pem"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said = []
    for text in run.stderr:
        said.append(text.strip())
        if text.startswith(f"{stage}: working"):
            time.sleep(random.Random(stage).uniform(0.0, 0.6))
            break
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    run.stderr.close()
    assert any(text.startswith(f"{stage}: working") for text in said), said
    return said


def test_a_killed_stage_leaves_nothing_that_is_read(line):
    for artifact in finished(line.folder / "runs"):
        artifact.verify()
    assert not list((line.folder / "runs").glob(f"*/{SCRATCH_PREFIX}*"))


def test_a_model_that_fails_its_gates_is_not_bundled(line):
    assert line.refused.returncode == 1
    said = [text for text in line.refused.stderr.splitlines() if text.startswith("error: ")]
    assert len(said) == 1
    assert said[0].startswith("error: the report is not passed: ")
    assert {"min_token_f1", "beat_baseline", "beat_trivial"} <= failed(line.failing)
    for name in failed(line.failing):
        assert name in said[0]
    assert "Traceback" not in line.refused.stderr


def test_the_gates_of_the_recipe_can_fail_and_can_be_passed(line):
    assert failed(line.passing) == set()
    assert line.passing["passed"]
    assert not line.failing["passed"]
    bounds = [
        {gate["name"]: gate["bound"] for gate in report["gates"]}
        for report in (line.failing, line.passing)
    ]
    assert bounds[0] == bounds[1]
    assert bounds[0]["min_token_f1"] > 0


def failed(report):
    return {gate["name"] for gate in report["gates"] if not gate["passed"]}


def test_every_stage_before_the_kill_is_reused_by_the_next_run(line):
    for number, said in enumerate(line.killed[1:], 1):
        # The stage killed last time may have finished before the signal; those before it did.
        for earlier in LINE[: number - 1]:
            assert any(text.startswith(f"{earlier}: reused") for text in said), (earlier, said)


def test_the_next_run_makes_every_artifact(line):
    assert [outcome["stage"] for outcome in line.outcomes] == LINE


def test_a_second_run_reuses_everything(line):
    again = sfta("run", "recipe.yaml", "--key", "key.pem", "--json", cwd=line.folder)
    assert again.returncode == 0, again.stderr
    reused = json.loads(again.stdout)
    assert all(outcome["reused"] for outcome in reused)
    assert [o["digest"] for o in reused] == [o["digest"] for o in line.outcomes]


@pytest.mark.parametrize("model", ["trained", "base", "adapter", "file"])
def test_a_model_is_tried_by_hand(line, model):
    (adapter,) = [path.parent for path in line.folder.glob("runs/train/*/adapter_config.json")]
    (file,) = line.folder.glob("runs/export/*/model-Q8_0.gguf")
    name = {"adapter": adapter, "file": file}.get(model, model)
    done = sfta(
        "chat", "recipe.yaml", "What is the controller?", "--model", name, "--json",
        cwd=line.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["question"] == "What is the controller?"
    assert found["usage"]["prompt_tokens"] > 50


def test_what_was_not_trained_is_said_and_not_trained(line):
    done = sfta("chat", "recipe.yaml", "Why?", "--set", "train.lora.rank=5", cwd=line.folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2].endswith("this recipe has not been trained yet")


def test_an_interrupted_run_gives_the_same_rows_as_an_uninterrupted_one(
    line, tmp_path, tiny_base
):
    make_workplace(tmp_path, tiny_base)
    fresh = sfta("run", "recipe.yaml", "--until", "generate", "--json", cwd=tmp_path)
    assert fresh.returncode == 0, fresh.stderr
    digests = {o["stage"]: o["digest"] for o in line.outcomes}
    for outcome in json.loads(fresh.stdout):
        assert outcome["digest"] == digests[outcome["stage"]], outcome["stage"]


@pytest.fixture(scope="module")
def offline():
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") is None:
            continue
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            return command
    pytest.skip("this system allows no network namespace, so being offline cannot be proved")


@pytest.fixture(scope="module")
def installed(line, offline, tmp_path_factory):
    home = tmp_path_factory.mktemp("device")
    script = line.bundle / "install.sh"
    command = [*offline, "sh", script, "--key", line.folder / "key.pub", "--prefix", home]
    tested, untested = (
        subprocess.run(each, capture_output=True, text=True, timeout=300, check=False)
        for each in (command, [*command, "--no-test"])
    )
    # The report is on answers from a script: the device finds that this model gives others.
    assert tested.returncode == 1, tested.stderr
    assert "golden questions came out otherwise than measured" in tested.stderr
    assert untested.returncode == 0, untested.stdout + untested.stderr
    return home


def test_the_device_answers_without_a_network(installed, offline):
    asked = subprocess.run(
        [*offline, installed / "bin/sfta-edge", "ask", "--json", "What is the Service level?"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert {"answer", "refused", "citations", "usage", "timings_ms", "bundle"} <= set(answer)


def change_a_byte(bundle):
    path = next((bundle / "model").glob("*.gguf"))
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


def add_a_file(bundle):
    (bundle / "extra.txt").write_text("not listed", "utf-8")


@pytest.mark.parametrize(
    ("attack", "named"), [(change_a_byte, "gguf"), (add_a_file, "extra.txt")]
)
def test_a_changed_bundle_is_refused_before_anything_is_installed(
    line, tmp_path, attack, named
):
    bundle = tmp_path / "bundle"
    shutil.copytree(line.bundle, bundle)
    attack(bundle)
    home = tmp_path / "home"
    done = subprocess.run(
        ["sh", bundle / "install.sh", "--key", line.folder / "key.pub", "--prefix", home],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4
    assert named in done.stderr
    assert not home.exists() or not any(home.iterdir())


def test_a_bundle_signed_with_another_key_is_refused(line, tmp_path):
    assert sfta("keygen", tmp_path / "other.pem", cwd=tmp_path).returncode == 0
    script = line.bundle / "install.sh"
    home = tmp_path / "home"
    done = subprocess.run(
        ["sh", script, "--key", tmp_path / "other.pub", "--prefix", home],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4
    assert "signature" in done.stderr
    assert not home.exists() or not any(home.iterdir())


def test_no_path_of_the_factory_is_in_the_bundle(line):
    for path in line.bundle.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".md", ".html", ".txt"):
            # A licence may be in any encoding.
            assert str(line.folder).encode() not in path.read_bytes(), path
            assert str(Path.home()).encode() not in path.read_bytes(), path
