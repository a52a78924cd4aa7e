"""A recipe: complete from few lines, strict, and the same under every name."""

import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from sfta.core.config import Section
from sfta.recipe import Recipe, load_recipe
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json

LEAST = """\
name: pumps
ingest:
  sources: [documents]
model:
  base: models/student
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "project/recipe.yaml"
    path.parent.mkdir()
    path.write_text(LEAST, "utf-8")
    return path


def sections(kind=Recipe, name="recipe"):
    yield name, kind
    for field, info in kind.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from sections(info.annotation, f"{name}.{field}")


def test_three_settings_are_enough(recipe_file):
    recipe = load_recipe(recipe_file)
    assert recipe.name == "pumps"
    assert recipe.ingest.sources == ["documents"]
    assert recipe.seed == 7


def test_relative_paths_start_at_the_recipe(recipe_file, monkeypatch):
    monkeypatch.chdir(recipe_file.parent)
    assert load_recipe(Path("recipe.yaml")).root == recipe_file.parent


def test_a_place_is_not_part_of_a_recipe(recipe_file, tmp_path):
    copy = tmp_path / "copy.yaml"
    copy.write_text(LEAST, "utf-8")
    first, second = load_recipe(recipe_file), load_recipe(copy)
    assert first.root != second.root
    assert first.model_dump() == second.model_dump()


def test_a_printed_recipe_is_the_same_recipe(recipe_file, tmp_path):
    recipe = load_recipe(recipe_file)
    printed = tmp_path / "printed.yaml"
    printed.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), "utf-8")
    assert load_recipe(printed).model_dump() == recipe.model_dump()


def test_every_setting_can_be_hashed(recipe_file):
    recipe = load_recipe(recipe_file)
    for name in Recipe.model_fields:
        value = getattr(recipe, name)
        plain = value.model_dump(mode="json") if isinstance(value, Section) else value
        assert json.loads(canonical_json(plain)) == plain


def test_assignments_are_applied_in_order(recipe_file):
    recipe = load_recipe(recipe_file, ["train.lora.rank=8", "seed=1", "seed=2"])
    assert (recipe.train.lora.rank, recipe.seed) == (8, 2)


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("train.lora.rnk=8", "train.lora.rnk: unknown key (did you mean rank?)"),
        ("train.lora.rank=eight", "train.lora.rank: input should be a valid integer"),
        ("train.lora.rank=0", "train.lora.rank: input should be greater than 0"),
        ("name=Pumps!", "name: string should match pattern"),
        ("name=", "name: input should be a valid string"),
        ("seed=-1", "seed: input should be greater than or equal to 0"),
        ("ingest.sources=[]", "ingest.sources: list should have at least 1 item"),
        ("generate.teacher.kind=oracle", "generate.teacher: "),
        (
            "generate.teacher={kind: openai, base_url: 'http://h/v1', model: m, api_key: secret}",
            "generate.teacher.openai.api_key: unknown key (did you mean api_key_env?)",
        ),
        (
            "generate.teacher={kind: openai, model: m}",
            "generate.teacher.openai.base_url: field",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(recipe_file, assignment, problem):
    with pytest.raises(ConfigError) as info:
        load_recipe(recipe_file, [assignment])
    head, line = str(info.value).splitlines()
    assert head == f"{recipe_file} has 1 problem:"
    assert line.strip().startswith(problem)


def test_all_missing_settings_are_named_together(tmp_path):
    (tmp_path / "r.yaml").write_text("seed: 1\n", "utf-8")
    with pytest.raises(ConfigError, match="has 3 problems") as info:
        load_recipe(tmp_path / "r.yaml")
    named = re.findall(r"^  (\w+): field required$", str(info.value), re.MULTILINE)
    assert named == ["name", "ingest", "model"]


def test_a_recipe_cannot_be_changed(recipe_file):
    with pytest.raises(ValidationError, match="frozen"):
        load_recipe(recipe_file).seed = 3


@pytest.mark.parametrize(
    ("name", "kind"), list(sections()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_section_and_its_settings_explain_themselves(name, kind):
    assert kind.__doc__
    assert kind.model_fields
    # A few names say it all; the others have a sentence.
    silent = [f for f, info in kind.model_fields.items() if not info.description]
    assert len(silent) <= len(kind.model_fields) / 2, silent


def test_quotes_are_not_chosen_for_a_model_that_learns_to_give_none(recipe_file):
    concise = "generate.answer.style=concise"
    with pytest.raises(ConfigError, match=r"evaluate\.choose_quotes must be false"):
        load_recipe(recipe_file, [concise])
    recipe = load_recipe(recipe_file, [concise, "evaluate.choose_quotes=false"])
    assert recipe.generate.answer.style == "concise"
