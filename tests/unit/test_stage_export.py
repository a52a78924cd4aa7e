"""Stage export: files of each scheme, proven to be the model, or no artifact at all."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from exported_models import CONTRACT, save_rows
from sfta.core.stage import Job, key_of, run_stage
from sfta.stages import export, export_prompts
from sfta.stages.export import STAGE
from sfta_edge.errors import IntegrityError
from sfta_edge.model import Model
from sfta_edge.prompt import PromptContract
from sfta_export import gguf, parity
from sfta_export.probes import QUESTIONS


@pytest.fixture(scope="module")
def runtime(exported):
    return exported.runtime


@pytest.fixture(scope="module")
def model(exported):
    return exported.model


@pytest.fixture(scope="module")
def recipe(exported):
    return exported.recipe


@pytest.fixture(scope="module")
def outcome(recipe, exported, runtime):
    return run_stage(STAGE, recipe("Q8_0", "F16"), exported.inputs, runtime)


@pytest.fixture
def job(recipe, exported, runtime, tmp_path):
    """A run in hand, to look into."""

    def build(*schemes, **others):
        for name in ("out", "work"):
            (tmp_path / name).mkdir(exist_ok=True)
        return Job(
            recipe(*schemes),
            exported.inputs | others,
            tmp_path / "out",
            tmp_path / "work",
            runtime,
        )

    return build


@pytest.fixture
def converted(monkeypatch, outcome):
    """The converter's result without the converter; counts how often it was asked."""
    asked = []

    def copy(_model, out, *, dtype, name, licence, cache):
        asked.append((out.name, dtype))
        return Path(shutil.copyfile(outcome.artifact.file("model-F16.gguf"), out))

    monkeypatch.setattr(gguf, "convert", copy)
    return asked


pytestmark = pytest.mark.tools


def test_the_artifact_holds_one_file_per_scheme_and_the_proof(outcome):
    names = sorted(entry.path for entry in outcome.artifact.manifest.files)
    assert names == ["model-F16.gguf", "model-Q8_0.gguf", "parity.json", "prompt.json"]
    assert outcome.artifact.kind == "gguf"


def test_every_file_loads_and_carries_the_name_of_the_product(outcome):
    for scheme in ("F16", "Q8_0"):
        loaded = Model(outcome.artifact.file(f"model-{scheme}.gguf"))
        assert loaded.metadata("general.name").casefold() == "demo"
        loaded.close()


def test_the_contract_goes_along(outcome):
    assert PromptContract.read(outcome.artifact.file("prompt.json")) == CONTRACT


def test_the_proof_has_a_rung_for_each_file(outcome):
    record = json.loads(outcome.artifact.file("parity.json").read_bytes())
    assert [rung["scheme"] for rung in record["rungs"]] == ["F16", "Q8_0"]
    for rung in record["rungs"]:
        assert rung["mean_kl"] <= rung["tolerance"]["mean_kl"]
        assert rung["greedy"] >= rung["tolerance"]["greedy"]
    assert record["files"]["Q8_0"]["end_tokens"] == [2]
    assert record["token_texts"] > 40


def test_the_figures_are_those_of_the_files(outcome):
    metrics = outcome.artifact.metrics
    for scheme, bits in (("F16", 16), ("Q8_0", 8.5)):
        path = outcome.artifact.file(f"model-{scheme}.gguf")
        assert metrics[scheme]["size"] == path.stat().st_size
        assert metrics[scheme]["bits_per_weight"] == pytest.approx(bits, abs=0.2)
        assert metrics[scheme]["mean_kl"] >= 0


def test_a_16_bit_file_that_is_not_asked_for_is_a_rung_and_does_not_ship(job, converted):
    work = job("Q6_K")
    metrics = export.run(work)
    assert sorted(path.name for path in work.out.iterdir()) == [
        "model-Q6_K.gguf",
        "parity.json",
        "prompt.json",
    ]
    record = json.loads((work.out / "parity.json").read_bytes())
    assert [rung["scheme"] for rung in record["rungs"]] == ["F16", "Q6_K"]
    assert set(metrics) == {"token_texts", "Q6_K"}
    assert record["probes"] == 3


def test_importances_are_those_of_the_training_rows(job, converted):
    work = job("Q5_0")
    export.run(work)
    record = json.loads((work.out / "parity.json").read_bytes())
    assert record["files"]["Q5_0"]["importance"].startswith("4 training rows of demo, sha256 ")
    assert record["files"]["F16"]["importance"] == ""


def test_without_importance_rows_all_inputs_count_alike(job, converted):
    work = job("Q5_0")
    settings = work.recipe.export.model_copy(update={"importance_rows": 0})
    work = replace(work, recipe=work.recipe.model_copy(update={"export": settings}))
    export.run(work)
    record = json.loads((work.out / "parity.json").read_bytes())
    assert record["files"]["Q5_0"]["importance"] == ""


def test_files_are_written_in_parts_as_well_if_they_are_wanted(job, converted):
    work = job("Q8_0")
    settings = work.recipe.export.model_copy(update={"split_mb": 1})
    export.run(replace(work, recipe=work.recipe.model_copy(update={"export": settings})))
    parts = sorted(path.name for path in (work.out / "split" / "Q8_0").iterdir())
    assert parts[0] == f"model-Q8_0-00001-of-{len(parts):05}.gguf"
    loaded = Model(work.out / "split" / "Q8_0" / parts[0])
    assert loaded.metadata("general.license") == ""
    loaded.close()


def test_without_validation_rows_built_in_prompts_are_compared(job, converted, tmp_path):
    work = job("Q8_0", dataset=save_rows(tmp_path / "rows", validation=0))
    export.run(work)
    record = json.loads((work.out / "parity.json").read_bytes())
    assert record["probes"] == len(QUESTIONS)


def test_rows_that_are_too_long_are_left_out_and_said(job, converted, monkeypatch, caplog):
    monkeypatch.setattr(export_prompts, "LONGEST", 10)
    with caplog.at_level("WARNING", logger="sfta"):
        export.run(job("Q8_0"))
    assert "3 of 3 validation rows are longer than 10 tokens" in caplog.text


def test_an_interrupted_run_does_not_convert_again(job, converted, monkeypatch):
    work = job("Q8_0")
    quantize = gguf.quantize

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf, "quantize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.run(work)
    monkeypatch.setattr(gguf, "quantize", quantize)
    export.run(work)
    assert converted == [("model-F16.gguf", "f16")]


def test_another_16_bit_format_is_converted_from_the_folder(job, converted):
    work = job("BF16")
    export.run(work)
    assert (work.out / "model-BF16.gguf").exists()
    assert converted == [("model-F16.gguf", "f16"), ("model-BF16.gguf", "bf16")]


def test_a_file_that_computes_something_else_is_no_artifact(
    recipe, exported, runtime, converted, monkeypatch
):
    strict = {name: replace(limit, mean_kl=0.0) for name, limit in parity.TOLERANCES.items()}
    monkeypatch.setattr(parity, "TOLERANCES", strict)
    with pytest.raises(IntegrityError, match="parity of F16 fails"):
        run_stage(STAGE, recipe("Q6_K"), exported.inputs, runtime)
    left = [path.name for path in (runtime.runs / "export").iterdir()]
    assert not any(name.startswith(".partial") for name in left)


def test_other_token_ids_are_no_artifact(job, converted, monkeypatch):
    monkeypatch.setattr(export.hub, "hf_tokenize", lambda _t: lambda text, _s: [len(text)])
    with pytest.raises(IntegrityError, match="parity of token ids"):
        export.run(job("Q8_0"))


def test_name_schemes_and_model_decide_the_key_and_the_machine_does_not(
    recipe, exported, runtime
):
    def key(*schemes, runtime=runtime, **options):
        return key_of(STAGE, recipe(*schemes, **options), exported.inputs, runtime)

    assert key("Q8_0") != key("Q4_0")
    assert key("Q8_0") != key("Q8_0", name="other")
    assert key("Q8_0") == key("Q8_0", runtime=replace(runtime, device="cuda", workers=3))
