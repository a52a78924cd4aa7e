"""A recipe names the same model from wherever it is run: its folders start at its own."""

import ast
from pathlib import Path

import pytest

from sfta.adapters import hub
from sfta.core.stage import Runtime
from sfta.recipe import load_recipe
from sfta.stages import chunk, evaluate, index, merge, train
from sfta_edge.errors import ConfigError, ToolError

NAMING_THE_BASE = [chunk.STAGE, train.STAGE, merge.STAGE, evaluate.STAGE]


def make_model(folder, weights=b"weights"):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def recipe_with(folder, model):
    """A recipe in its folder, whose base model and embedder have this name."""
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(
        f"name: test\ningest: {{sources: [documents]}}\n"
        f"model: {{base: {model}}}\nindex: {{embedder: {model}}}\n"
    )
    return load_recipe(folder / "recipe.yaml")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The recipe's folder; the current one is another, with another model of the same name."""
    elsewhere = tmp_path / "elsewhere"
    make_model(elsewhere / "model", b"a wrong one")
    make_model(elsewhere / "models" / "small", b"a wrong one")
    monkeypatch.chdir(elsewhere)
    return tmp_path / "recipes"


@pytest.fixture
def offline(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize(
    "spec", ["model", "./model", "../beside", "models/small", "a/../model"]
)
def test_a_relative_folder_starts_at_the_recipe(home, spec):
    wanted = make_model(home / ("model" if spec == "a/../model" else spec))
    (home / "a").mkdir()
    assert hub.resolve_model(spec, Path(), root=home).samefile(wanted)
    assert hub.resolve_settings(spec, Path(), root=home).samefile(wanted)
    assert hub.model_identity(spec, root=home) == hub.model_identity(str(wanted))


def test_an_absolute_folder_stays_where_it_is(home):
    model = make_model(home / "model")
    assert hub.resolve_model(str(model), Path(), root=home / "other") == model


def test_a_folder_of_the_user_is_not_looked_for_below_the_recipe(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home.parent))
    model = make_model(home.parent / "model")
    assert hub.resolve_model("~/model", Path(), root=home) == model


def test_without_a_recipe_a_relative_folder_is_no_model(home):
    with pytest.raises(ConfigError, match=r"there is no model 'model'$"):
        hub.resolve_model("model", Path())


@pytest.mark.usefixtures("offline")
def test_a_hub_name_is_a_folder_only_where_the_recipe_has_one(home):
    with pytest.raises(ToolError, match="cannot get models/small@main"):
        hub.model_identity("models/small", root=home)
    make_model(home / "models" / "small")
    assert hub.model_identity("models/small", root=home).startswith("folder:")


@pytest.mark.parametrize(
    "spec", ["./absent", "../absent", "/absent/model", "~/absent", "~nobody/x"]
)
def test_a_missing_folder_is_named_in_one_line(home, spec):
    with pytest.raises(ConfigError) as caught:
        hub.resolve_model(spec, Path(), root=home)
    said = str(caught.value)
    assert said.startswith(f"there is no model {spec!r}: ")
    assert said.endswith("does not exist")
    assert len(said.splitlines()) == 1
    assert caught.value.hint


@pytest.mark.parametrize("stage", NAMING_THE_BASE, ids=lambda stage: stage.name)
def test_every_stage_looks_for_the_base_where_the_recipe_is(home, stage):
    recipe = recipe_with(home, "./model")
    with pytest.raises(ConfigError, match="does not exist"):
        stage.external(recipe, Runtime())
    make_model(home / "model")
    wanted = hub.model_identity(str(home / "model"))
    assert wanted in str(stage.external(recipe, Runtime()))


def test_the_embedder_is_looked_for_where_the_recipe_is(home):
    recipe = recipe_with(home, "./model")
    assert index.STAGE.check(recipe, Runtime())
    make_model(home / "model")
    assert index.STAGE.check(recipe, Runtime()) == []
    wanted = hub.model_identity(str(home / "model"))
    assert index.STAGE.external(recipe, Runtime()) == {"embedder": wanted}


def test_no_stage_asks_for_a_model_without_saying_where_the_recipe_is():
    asking = [
        (path.name, call)
        for path in Path(chunk.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).startswith(("hub.resolve_", "hub.model_identity"))
    ]
    assert len(asking) > 8
    for name, call in asking:
        assert "root" in {keyword.arg for keyword in call.keywords}, (name, ast.unparse(call))
