"""Models named by a path: what is made of each form, and what is said where it is none."""

from types import SimpleNamespace

import pytest

from packaged_base import SMOL
from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.core.artifact import writing
from sfta.core.stage import Runtime
from sfta.evaluation.config import FileModel
from sfta.recipe import Recipe, load_recipe
from sfta.stages import compared_models
from sfta.stages.compared_models import (
    file_contract,
    model_identity,
    model_problems,
    named_model,
)
from sfta_edge.errors import ConfigError
from spelled_prompts import CONTRACT

OTHER = """\
name: other
ingest: {sources: [notes.md]}
model: {base: package://no_such_package/model.gguf}
"""


@pytest.fixture
def place(tmp_path):
    """A recipe and the folders of its run."""
    recipe = Recipe.model_validate(
        {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": SMOL}}
    )
    recipe._root = tmp_path
    return SimpleNamespace(
        recipe=recipe, root=tmp_path, runtime=Runtime(tmp_path / "runs", tmp_path / "cache")
    )


@pytest.fixture
def exported(place):
    """An artifact as `export` makes it."""
    with writing(place.root / "exported", "gguf", {}) as out:
        (out / "prompt.json").write_bytes(CONTRACT.to_bytes())
        (out / "model-Q8_0.gguf").write_bytes(b"eight bits")
    return place


def opened(place, name):
    return named_model(place.recipe, place.runtime, name)


def test_an_exported_model_comes_with_the_prompt_that_it_was_trained_on(exported):
    found = opened(exported, "exported")
    assert found.file.name == "model-Q8_0.gguf"
    assert found.contract == CONTRACT
    assert found.trained


def test_an_export_in_another_scheme_names_what_there_is(exported):
    recipe = exported.recipe.model_copy(
        update={"evaluate": exported.recipe.evaluate.model_copy(update={"scheme": "Q4_0"})}
    )
    with pytest.raises(ConfigError, match=r"no model-Q4_0\.gguf, but model-Q8_0\.gguf"):
        named_model(recipe, exported.runtime, "exported")


def test_a_model_file_is_asked_in_its_own_chat_template(packaged, place):
    found = opened(place, str(packaged))
    assert found.file == packaged
    assert not found.trained
    assert "<|im_start|>user" in found.contract.between
    assert found.contract.system == place.recipe.prompt.system


def test_the_template_of_the_file_is_that_of_the_tokenizer_beside_it(packaged, place):
    """One model, twice: as a file, and as the folder that is made of it."""
    folder = hub.resolve_model(SMOL, Runtime().cache.expanduser())
    other = make_contract(hub.load_tokenizer(folder), place.recipe.prompt)
    found = file_contract(packaged, place.recipe)
    assert (found.head, found.between, found.tail, found.end) == (
        (other.head, other.between, other.tail, other.end)
    )


def test_a_merged_model_keeps_the_prompt_that_lies_beside_it(place, monkeypatch):
    folder = place.root / "merged"
    folder.mkdir()
    (folder / "config.json").write_text("{}", "utf-8")
    (folder / "prompt.json").write_bytes(CONTRACT.to_bytes())
    monkeypatch.setattr(compared_models.hub, "resolve_model", lambda *_, **__: place.root)
    monkeypatch.setattr(compared_models, "model_gguf", lambda f, _c, scheme: f / scheme)
    found = opened(place, "merged")
    assert found.contract == CONTRACT
    assert (found.file, found.trained) == (folder / "Q8_0", True)


def test_the_path_starts_at_the_recipes_folder(exported, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert opened(exported, "./exported").trained


def test_another_recipe_stands_for_the_model_that_its_export_made(place, monkeypatch):
    file = place.root / "other.yaml"
    file.write_text(OTHER, "utf-8")
    with writing(place.root / "made", "gguf", {}) as out:
        (out / "prompt.json").write_bytes(CONTRACT.to_bytes())
        (out / "model-Q8_0.gguf").write_bytes(b"8")
    planned = [SimpleNamespace(state="reuse", path=place.root / "made")]
    asked = []
    monkeypatch.setattr(
        compared_models, "plan_stages", lambda _s, other, _r: asked.append(other) or planned
    )
    assert opened(place, "other.yaml").file == place.root / "made" / "model-Q8_0.gguf"
    assert asked == [load_recipe(file)]


def test_another_recipe_that_has_not_run_is_named_with_what_to_do(place, monkeypatch):
    (place.root / "other.yaml").write_text(OTHER, "utf-8")
    planned = [SimpleNamespace(state="make (after model)", path=None)]
    monkeypatch.setattr(compared_models, "plan_stages", lambda *_: planned)
    with pytest.raises(ConfigError, match="is not made yet") as error:
        opened(place, "other.yaml")
    assert "--until export" in error.value.hint
    model = FileModel(kind="file", path="other.yaml")
    (problem,) = model_problems(place.recipe, place.runtime, model)
    assert "is not made yet" in problem


@pytest.mark.parametrize("name", ["nowhere", "nowhere.gguf", "empty", "notes.txt", "no.yaml"])
def test_what_is_no_model_is_a_problem_and_has_no_identity(place, name):
    (place.root / "empty").mkdir()
    (place.root / "notes.txt").write_text("x", "utf-8")
    model = FileModel(kind="file", path=name)
    (problem,) = model_problems(place.recipe, place.runtime, model)
    assert problem.startswith(f"{name} is no GGUF file, adapter, model folder, artifact or")
    assert model_identity(place.recipe, place.runtime, model) == ""


def test_the_identity_of_an_artifact_is_its_digest_and_that_of_a_file_its_content(exported):
    (exported.root / "a.gguf").write_bytes(b"same")
    (exported.root / "b.gguf").write_bytes(b"same")

    def identity(path):
        model = FileModel(kind="file", path=path)
        return model_identity(exported.recipe, exported.runtime, model)

    assert identity("a.gguf") == identity("b.gguf")
    assert identity("exported") != identity("a.gguf")
    assert len(identity("exported")) == 64
