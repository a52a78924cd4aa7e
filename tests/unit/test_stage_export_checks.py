"""Before an export begins: tools, architecture, and room on the disk."""

import json
import shutil
from dataclasses import replace

import pytest

from exported_models import Usage
from sfta.core.stage import Runtime, run_stages
from sfta.stages.export import STAGE
from sfta_edge.errors import ConfigError

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def runtime(exported):
    return exported.runtime


@pytest.fixture(scope="module")
def model(exported):
    return exported.model


@pytest.fixture(scope="module")
def recipe(exported):
    return exported.recipe


def test_a_good_base_passes_the_check(recipe, runtime):
    assert list(STAGE.check(recipe(), runtime)) == []


def test_missing_tools_are_said_before_anything_runs(recipe, tmp_path):
    bare = Runtime(runs=tmp_path, cache=tmp_path / "empty")
    (problem,) = STAGE.check(recipe(), bare)
    assert "make tools" in problem


def test_a_base_that_is_not_there_is_said_before_anything_runs(recipe, runtime, tmp_path):
    (problem,) = STAGE.check(recipe(base=tmp_path / "absent"), runtime)
    assert "there is no model" in problem


def test_an_architecture_the_converter_does_not_know_stops_the_run_at_once(
    recipe, runtime, model, tmp_path
):
    copy = shutil.copytree(model.path, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["Strange"]}))
    with pytest.raises(ConfigError, match="does not know the architecture Strange"):
        run_stages([replace(STAGE, needs=())], recipe(base=copy), runtime)


def test_too_little_room_is_said_before_anything_runs(recipe, runtime, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 1_000_000))
    (problem,) = STAGE.check(recipe("Q8_0", "Q4_0"), runtime)
    assert "merge and export need 0.0 GB" in problem


def test_more_schemes_need_more_room(recipe, runtime, model, monkeypatch):
    weights = model.file("model.safetensors").stat().st_size
    usage = Usage(0, 0, int(weights * 3))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert list(STAGE.check(recipe("Q8_0"), runtime)) == []
    assert list(STAGE.check(recipe("Q8_0", "F16", "Q6_K"), runtime)) != []


def test_room_is_looked_for_where_the_runs_will_be(recipe, runtime, tmp_path, monkeypatch):
    asked = []
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or real(path))
    STAGE.check(recipe(), replace(runtime, runs=tmp_path / "not" / "yet" / "there"))
    assert asked == [tmp_path]
