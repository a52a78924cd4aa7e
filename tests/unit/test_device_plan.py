"""What a recipe means for a device: its prompt, its schemes, and each family that has a recipe."""

import json
from dataclasses import replace

import pytest
import yaml

from model_families import FAMILIES, save_base
from sfta.recipe import load_recipe
from sfta.stages import bundle
from sfta.stages.device_plan import plan_device
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import Manifest
from sfta_edge.prediction import Prediction
from sfta_export.device import Device
from sfta_export.plan import Floor

GIB = 1 << 30
BOX = Device("box", 4 * GIB, GIB, 10e9, 4, 2e9, "haswell")
SETTINGS = {
    "name": "pumps",
    "ingest": {"sources": ["documents"]},
    "chunk": {"max_tokens": 64, "min_tokens": 16},
    "retrieval": {"top_k": 2},
    "model": {"base": "./student"},
    "evaluate": {"context_tokens": 1024, "max_answer_tokens": 64},
}


@pytest.fixture(name="recipe")
def _recipe(tmp_path):
    """Gives the recipe with settings changed, beside a tiny model."""
    save_base("qwen2.5", tmp_path / "student")
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), "utf-8")
    return lambda *changes: load_recipe(path, changes)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_model_of_every_family_can_be_planned(tmp_path, stage_runtime, family):
    save_base(family, tmp_path / "student")
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), "utf-8")
    plan = plan_device(load_recipe(path), BOX, stage_runtime)
    assert plan.recommended is not None
    assert plan.workload.prompt_tokens > 2 * 64
    assert all(each.fits for each in plan.forecasts)


def test_the_prompt_holds_the_chunks_at_their_longest(recipe, stage_runtime):
    def prompt(*changes):
        return plan_device(recipe(*changes), BOX, stage_runtime).workload.prompt_tokens

    usual = prompt()
    assert prompt("chunk.max_tokens=74") == usual + 2 * 10
    assert prompt("retrieval.top_k=3") > usual + 64
    assert prompt("prompt.system=Answer.") < usual


def test_room_and_answer_are_those_of_the_evaluation(recipe, stage_runtime):
    work = plan_device(recipe("evaluate.max_answer_tokens=80"), BOX, stage_runtime).workload
    assert (work.context_tokens, work.answer_tokens) == (1024, 80)


def test_a_prompt_without_room_is_refused_before_anything_is_made(recipe, stage_runtime):
    with pytest.raises(ConfigError, match="do not fit into a context of 1024"):
        plan_device(recipe("retrieval.top_k=16"), BOX, stage_runtime)


def test_importances_are_planned_if_the_recipe_gathers_them(recipe, stage_runtime):
    assert plan_device(recipe(), BOX, stage_runtime).workload.importance
    without = recipe("export.importance_rows=0")
    assert not plan_device(without, BOX, stage_runtime).workload.importance


def test_schemes_of_the_recipe_are_among_those_planned_by_falling_bits(recipe, stage_runtime):
    plan = plan_device(recipe("export.schemes=[Q4_1, BF16]"), BOX, stage_runtime)
    names = [each.scheme for each in plan.forecasts]
    assert {"Q4_1", "BF16", "F16", "Q8_0", "Q4_K_M"} <= set(names)
    bits = [each.bits_per_weight for each in plan.forecasts]
    assert bits == sorted(bits, reverse=True)


def test_a_plan_says_why_a_scheme_is_not_to_be_taken(recipe, stage_runtime):
    small = replace(BOX, memory=GIB // 4, reserved=GIB // 8)
    plan = plan_device(recipe(), small, stage_runtime)
    assert plan.recommended is None
    assert all("MiB more" in plan.problem(each) for each in plan.forecasts)
    slow = plan_device(recipe(), BOX, stage_runtime, Floor(tokens_per_second=1e12))
    assert all("are wanted" in slow.problem(each) for each in slow.forecasts)
    assert slow.to_json()["problem"].startswith("nothing is fast enough")


def test_a_plan_as_json_tells_each_scheme_to_the_device(recipe, stage_runtime):
    plan = plan_device(recipe(), BOX, stage_runtime)
    made = json.loads(json.dumps(plan.to_json()))
    for each in plan.forecasts:
        read = Prediction.of_plan(made, each.scheme)
        assert read.memory_bytes == each.memory_bytes
        assert read.decode_tokens_per_second == each.decode_tokens_per_second
    assert made["problem"] == ""
    assert made["model"]["kv_bytes_per_token"] == plan.shape.kv_bytes_per_token


def test_a_model_that_is_not_there_is_told(recipe, stage_runtime):
    with pytest.raises(ConfigError, match="there is no model"):
        plan_device(recipe("model.base=./nowhere"), BOX, stage_runtime)


@pytest.fixture(name="box")
def _box(bundle_job, tmp_path, monkeypatch):
    """The bundle's job for a device with a profile, and a model that can be planned."""
    profile = {"name": "box", "memory_gib": 4, "system_gib": 1, "bandwidth_gb_s": 10,
               "cores": 4, "clock_ghz": 2, "instruction_set": "haswell"}  # fmt: skip
    path = tmp_path / "box.yaml"
    path.write_text(yaml.safe_dump(profile), "utf-8")
    base = save_base("qwen2.5", tmp_path / "student")
    monkeypatch.setattr("sfta.adapters.hub.resolve_settings", lambda *_, **__: base)
    chosen = bundle_job.recipe.bundle.model_copy(update={"device": str(path)})
    changes = {
        "bundle": chosen,
        "retrieval": bundle_job.recipe.retrieval.model_copy(update={"top_k": 2}),
        "chunk": bundle_job.recipe.chunk.model_copy(update={"max_tokens": 64}),
        "evaluate": bundle_job.recipe.evaluate.model_copy(update={"max_answer_tokens": 64}),
    }
    return replace(bundle_job, recipe=bundle_job.recipe.model_copy(update=changes)), path


def test_a_bundle_for_a_device_carries_what_is_expected_of_it(box):
    job, _ = box
    bundle.run(job)
    facts = Manifest.read(job.out / "bundle").facts
    made = Prediction.from_facts(facts["prediction"])
    assert (made.device, made.scheme) == ("box", job.recipe.bundle.scheme)
    assert made.decode_tokens_per_second > 0


def test_another_figure_in_the_profile_is_another_bundle(box):
    job, path = box
    before = bundle.STAGE.external(job.recipe, job.runtime)
    path.write_text(path.read_text("utf-8").replace("cores: 4", "cores: 2"), "utf-8")
    after = bundle.STAGE.external(job.recipe, job.runtime)
    assert before["device"]["cores"] == 4
    assert after["device"]["cores"] == 2


def test_a_profile_that_is_not_there_is_found_before_the_run(box):
    job, path = box
    assert bundle.STAGE.check(job.recipe, job.runtime) == []
    path.unlink()
    problems = bundle.STAGE.check(job.recipe, job.runtime)
    assert any("there is no file" in problem for problem in problems)
