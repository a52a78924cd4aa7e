"""ONNX is held against the model on rows that the model was not trained on, as GGUF files are."""

import logging
from importlib.util import find_spec

import pytest

from exported_models import save_rows
from sfta.core.stage import Job, key_of
from sfta.recipe import Recipe
from sfta.stages import export, export_onnx, export_prompts
from sfta.stages.export_onnx import STAGE
from sfta_export import onnx, onnx_parity
from sfta_export.probes import QUESTIONS

if any(find_spec(name) is None for name in onnx.PACKAGES):
    pytest.skip("needs the extra onnx", allow_module_level=True)


@pytest.fixture
def job(exported, tmp_path, monkeypatch):
    """A run in hand whose folders are not built, and whose probes are kept."""
    monkeypatch.setattr(onnx, "model_onnx", lambda _model, out, _scheme: out.mkdir())
    monkeypatch.setattr(onnx_parity, "check_texts", lambda *_: {})

    def build(rows, dataset=None):
        data = {
            "name": "demo",
            "ingest": {"sources": ["."]},
            "model": {"base": str(exported.model.path)},
            "onnx": {"parity_rows": rows},
        }
        inputs = {kind: exported.inputs[kind] for kind in STAGE.needs}
        inputs["dataset"] = dataset or inputs["dataset"]
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        recipe = Recipe.model_validate(data)
        return Job(recipe, inputs, tmp_path / "out", work, exported.runtime)

    return build


@pytest.fixture
def compared(monkeypatch):
    """What the ONNX folder was compared on."""
    seen = []

    def check_model(_folder, scheme, _model, expected):
        seen.append(expected.probes)
        return {"scheme": scheme}

    monkeypatch.setattr(onnx_parity, "check_model", check_model)
    monkeypatch.setattr(export_onnx.hub, "load_tokenizer", _tokenizers(export_onnx.hub))
    return seen


def _tokenizers(hub):
    real, made = hub.load_tokenizer, []

    def load(folder):
        # The folder that is made here is empty: the model's own stands for its tokenizer.
        made.append(real(folder) if not made else made[0])
        return made[-1]

    return load


def model_rungs(job):
    folder = job.work / "model-int4"
    folder.mkdir(exist_ok=True)
    return export_onnx._model_rungs(job, {"int4": folder})


def test_validation_rows_with_their_answers_are_compared(job, compared):
    count, rungs = model_rungs(job(12))
    assert (count, rungs) == (3, [{"scheme": "int4"}])
    assert len(compared[0]) == 3
    assert all(probe.completion for probe in compared[0])


def test_no_more_rows_are_compared_than_asked_for(job, compared):
    assert model_rungs(job(2))[0] == 2


def test_gguf_and_onnx_are_compared_on_the_same_prompts(job, compared, exported):
    model_rungs(job(12))
    contract = export.PromptContract.read(exported.model.file("prompt.json"))
    tokenize = export.hub.hf_tokenize(export.hub.load_tokenizer(exported.model.path))
    assert export_prompts.parity_probes(job(12), contract, tokenize, 12) == compared[0]


def test_without_validation_rows_built_in_prompts_are_compared_and_that_is_said(
    job, compared, exported, caplog
):
    empty = save_rows(exported.runtime.runs / "generate" / "empty", validation=0)
    with caplog.at_level(logging.INFO, logger="sfta"):
        count, _ = model_rungs(job(12, empty))
    assert count == len(QUESTIONS)
    assert "no validation rows" in caplog.text


def test_other_rows_make_another_key(job, exported):
    more = save_rows(exported.runtime.runs / "generate" / "more", validation=5)
    keys = {
        key_of(STAGE, made.recipe, made.inputs, exported.runtime)
        for made in (job(12), job(11), job(12, more))
    }
    assert len(keys) == 3
