"""The doctor's figures: measured, compared with a plan, printed as a profile."""

import json

import pytest
from click.testing import CliRunner

from measured_speeds import measured, planned
from sfta_edge import examined_speed, health
from sfta_edge.cli.main import cli
from sfta_edge.errors import ConfigError
from sfta_edge.examined_speed import Examined, examine_speed
from sfta_edge.manifest import canonical_json
from sfta_edge.prediction import PLAN_SCHEMA
from sfta_edge.speed import Speed


@pytest.fixture(name="doctor")
def _doctor(small_bundle, monkeypatch):
    """The command on the small bundle, with an answer and figures that take no time."""
    lengths = []

    def quick(engine, prompt_tokens):
        lengths.append(prompt_tokens)
        return measured(prompt_tokens=prompt_tokens)

    monkeypatch.setattr(health, "_answer", lambda folder, threads: "asked")
    monkeypatch.setattr(examined_speed, "measure", quick)

    def call(*arguments):
        words = ["doctor", "--bundle", small_bundle, "--threads", "1", *arguments]
        return CliRunner().invoke(cli, list(map(str, words)))

    call.lengths = lengths
    return call


@pytest.fixture(name="plan")
def _plan(tmp_path):
    facts = planned().to_facts()
    path = tmp_path / "plan.json"
    plan = {
        "schema": PLAN_SCHEMA,
        "device": {"name": facts.pop("device"), "bandwidth": facts.pop("bandwidth")},
        "workload": {"prompt_tokens": facts.pop("prompt_tokens")},
        "spread": facts.pop("spread"),
        "schemes": [facts],
    }
    path.write_bytes(canonical_json(plan))
    return path


def test_figures_are_printed_without_a_plan(doctor):
    result = doctor()
    assert result.exit_code == 0, result.output
    assert "Q4_1 on 2 threads of haswell, 1,024 MiB free" in result.stdout
    line = next(line for line in result.stdout.splitlines() if line.startswith("decode"))
    assert line.split() == ["decode", "tok/s", "20"]
    assert "no plan to compare with" in result.stdout
    assert doctor.lengths == [512]


def test_figures_are_held_against_a_plan(doctor, plan):
    result = doctor("--device", plan)
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.startswith("decode"))
    assert line.split() == ["decode", "tok/s", "60", "20", "0.33"]
    assert "planned for box, within a factor of 2: outside of it: decode tok/s" in result.stdout
    assert doctor.lengths == [300]


def test_slow_is_no_failure_and_a_busy_device_is_told(doctor, monkeypatch):
    monkeypatch.setattr(examined_speed, "measure", lambda *_: measured(core_share=0.4))
    result = doctor()
    assert result.exit_code == 0
    assert "busy: other programs took 60% of the cores' time" in result.stdout


def test_programs_get_every_figure(doctor, plan):
    made = json.loads(doctor("--device", plan, "--json").stdout)
    assert Speed(**made["speed"]) == measured()
    assert made["prediction"]["device"] == "box"
    assert {each["figure"] for each in made["compared"]} >= {"bandwidth", "memory_bytes"}
    assert made["findings"][0]["part"] == "python"
    assert json.loads(doctor("--json").stdout)["compared"] == []


def test_nothing_is_measured_if_that_is_not_wanted(doctor):
    result = doctor("--no-speed", "--json")
    assert set(json.loads(result.stdout)) == {"findings"}
    assert doctor.lengths == []


def test_nothing_is_measured_on_an_ill_device(doctor, monkeypatch):
    def fail(folder, threads):
        raise ConfigError("no answer")

    monkeypatch.setattr(health, "_answer", fail)
    result = doctor()
    assert result.exit_code == 2
    assert doctor.lengths == []


def test_the_profile_is_all_that_is_on_standard_output(doctor):
    result = doctor("--profile")
    assert result.exit_code == 0
    assert result.stdout.startswith("name: ")
    assert "instruction_set: haswell" in result.stdout
    assert "python" in result.stderr
    both = doctor("--profile", "--json")
    assert both.exit_code == 2


def test_a_plan_that_cannot_be_read_is_an_error(doctor, tmp_path):
    result = doctor("--device", tmp_path / "none.json")
    assert isinstance(result.exception, ConfigError)
    assert "cannot read the plan" in str(result.exception)


def test_the_prediction_in_a_bundle_is_used(small_bundle, tmp_path, monkeypatch):
    import os
    import shutil

    from sfta_edge.manifest import MANIFEST, Manifest

    copy = tmp_path / "bundle"
    shutil.copytree(small_bundle, copy, copy_function=os.link)
    manifest = Manifest.read(copy)
    facts = manifest.facts | {"prediction": planned().to_facts()}
    (copy / MANIFEST).unlink()
    (copy / MANIFEST).write_bytes(Manifest(manifest.kind, manifest.files, facts).to_bytes())
    monkeypatch.setattr(examined_speed, "measure", lambda engine, tokens: measured())
    found = examine_speed(copy, None, threads=1)
    assert found.prediction == planned()
    assert len(found.compared) == 5


def test_all_within_is_said():
    good = measured(decode_tokens_per_second=50.0)
    assert list(Examined(good, planned(), "").lines())[-1].endswith("2: all within it")


def test_a_figure_that_could_not_be_measured_is_left_open():
    mute = measured(decode_tokens_per_second=None)
    lines = list(Examined(mute, None, "").lines())
    assert next(line for line in lines if line.startswith("decode")).endswith("none")
