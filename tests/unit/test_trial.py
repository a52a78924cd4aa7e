"""Which model `sfta chat` opens, and what it says where there is none."""

import json
from types import SimpleNamespace

import pytest

from sfta.core.artifact import writing
from sfta.core.stage import Runtime
from sfta.evaluation.prompting import told
from sfta.recipe import Recipe
from sfta.stages import compared_models as models
from sfta.stages import trial
from sfta_edge.errors import ConfigError, IntegrityError
from spelled_prompts import CONTRACT


@pytest.fixture
def recipe():
    return Recipe.model_validate(
        {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": "owner/model"},
         "retrieval": {"top_k": 3, "candidates": 9},
         "evaluate": {"max_answer_tokens": 77, "context_tokens": 512}}
    )  # fmt: skip


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """Conversion and merging that only note what they were asked for."""
    called = []
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}", "utf-8")
    monkeypatch.setattr(models.hub, "resolve_model", lambda *_, **__: base)
    monkeypatch.setattr(models.hub, "load_tokenizer", lambda _: None)
    monkeypatch.setattr(models, "make_contract", lambda _, texts: (texts, CONTRACT)[1])
    monkeypatch.setattr(models, "file_contract", lambda *_: CONTRACT)

    def model_gguf(folder, _cache, scheme):
        called.append((folder, scheme))
        return folder / "model.gguf"

    def merge(_base, adapter, out, *, quantized):
        called.append(("merged", adapter, quantized))
        (out / "config.json").write_text("{}", "utf-8")

    monkeypatch.setattr(models, "model_gguf", model_gguf)
    monkeypatch.setattr(models, "merge", merge)
    return SimpleNamespace(called=called, base=base, folder=tmp_path)


def opened(recipe, tools, model):
    runtime = Runtime(runs=tools.folder / "runs", cache=tools.folder / "cache")
    return trial._model(recipe, runtime, str(model))


def test_the_base_is_converted_in_the_scheme_that_is_measured(recipe, tools):
    file, contract, settings = opened(recipe, tools, "base")
    assert file == tools.base / "model.gguf"
    assert tools.called == [(tools.base, "Q8_0")]
    assert contract == told(CONTRACT)
    assert (settings.top_k, settings.candidates, settings.max_tokens) == (3, 9, 77)
    assert not settings.choose_quotes


def test_a_file_is_taken_as_it_is(recipe, tools):
    file = tools.folder / "mine.gguf"
    file.write_bytes(b"GGUF")
    assert opened(recipe, tools, file)[0] == file
    assert tools.called == []


def test_an_adapter_is_merged_once_for_its_content(recipe, tools):
    adapter = tools.folder / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}", "utf-8")
    for _ in range(2):
        opened(recipe, tools, adapter)
    merges = [call for call in tools.called if call[0] == "merged"]
    assert merges == [("merged", adapter, None)]
    assert len({str(call[0]) for call in tools.called if call[0] != "merged"}) == 1


def test_a_folder_of_a_model_is_converted(recipe, tools):
    folder = tools.folder / "merged"
    folder.mkdir()
    (folder / "config.json").write_text("{}", "utf-8")
    assert opened(recipe, tools, folder)[0] == folder / "model.gguf"


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_model_is_said(recipe, tools, name):
    (tools.folder / "empty").mkdir()
    with pytest.raises(
        ConfigError, match="no GGUF file, adapter, model folder, artifact or recipe"
    ):
        opened(recipe, tools, tools.folder / name)


def test_a_recipe_that_was_not_trained_says_how(recipe, tools, monkeypatch):
    monkeypatch.setattr(trial, "_finished", lambda *_: {})
    with pytest.raises(ConfigError, match="not been trained yet") as error:
        opened(recipe, tools, "trained")
    assert "--model base" in error.value.hint


def reported(recipe, folder, settings):
    with writing(folder / "report", "report", {}) as out:
        text = json.dumps({"settings": settings})
        (out / "report.json").write_text(text, "utf-8")
    return trial.Artifact.open(folder / "report")


def test_the_trained_model_answers_with_the_settings_that_were_fitted(
    recipe, tools, monkeypatch, tmp_path
):
    fitted = {"top_k": 2, "max_answer_tokens": 60, "context_tokens": 512,
              "refusal_threshold": 0.3, "choose_quotes": True,
              "weights": {"likelihood": 1.0, "similarity": 2.0, "refusal_constant": -1.0,
                          "refusal_slope": 0.2}}  # fmt: skip
    report = reported(recipe, tmp_path, fitted)
    monkeypatch.setattr(trial, "_finished", lambda *_: {"report": report})
    settings = trial._measured(recipe, Runtime())
    assert (settings.top_k, settings.refusal_threshold) == (2, 0.3)
    assert settings.choose_quotes
    assert settings.candidates == 9


def test_a_report_that_does_not_say_how_to_answer_is_an_error(recipe, monkeypatch, tmp_path):
    report = reported(recipe, tmp_path, {"top_k": 2})
    monkeypatch.setattr(trial, "_finished", lambda *_: {"report": report})
    with pytest.raises(IntegrityError, match="how the device is to answer"):
        trial._measured(recipe, Runtime())


def test_without_a_report_nothing_is_fitted(recipe, monkeypatch):
    monkeypatch.setattr(trial, "_finished", lambda *_: {})
    assert trial._measured(recipe, Runtime()) is None
