"""Every recipe that ships loads, and the reference recipe is what the settings say."""

from pathlib import Path

import pytest
import yaml

from sfta.cli.reference import recipe_reference, section_options
from sfta.core.config import Section
from sfta.recipe import Recipe, load_recipe

ROOT = Path(__file__).parents[2]
DEVICES = ROOT / "configs/devices"  # profiles of machines, not recipes
RECIPES = sorted(p for p in ROOT.glob("configs/**/*.yaml") if p.parent != DEVICES)
REFERENCE = ROOT / "configs/reference.yaml"


def name(path):
    return path.relative_to(ROOT / "configs").as_posix()


def sections(kind=Recipe, place=""):
    """Every section class below the recipe, with where it stands."""
    yield place, kind
    for key, field in kind.model_fields.items():
        for option in section_options(field.annotation):
            yield from sections(option, f"{place}.{key}".strip("."))


SECTIONS = list(sections())


def test_there_are_recipes():
    assert len(RECIPES) >= 2  # an empty sweep would pass silently
    assert REFERENCE in RECIPES
    assert any(path.parent.name == "quickstart" for path in RECIPES)


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_a_recipe_loads(path):
    assert isinstance(load_recipe(path), Recipe)


@pytest.mark.parametrize("path", [p for p in RECIPES if p != REFERENCE], ids=name)
def test_a_recipe_begins_with_what_it_is_for(path):
    first = path.read_text("utf-8").splitlines()[0]
    assert first.startswith("# ")


def test_names_of_recipes_are_distinct():
    names = [load_recipe(path).name for path in RECIPES]
    assert len(names) == len(set(names))


def test_the_reference_recipe_is_what_the_settings_say():
    assert REFERENCE.read_text("utf-8") == recipe_reference(), (
        "configs/reference.yaml is stale: run make reference"
    )


def test_the_reference_recipe_holds_every_top_level_key():
    assert set(yaml.safe_load(REFERENCE.read_text("utf-8"))) == set(Recipe.model_fields) - {
        "root"
    }


@pytest.mark.parametrize(
    ("place", "kind"),
    SECTIONS,
    ids=[f"{place or 'recipe'}-{k.__name__}" for place, k in SECTIONS],
)
def test_every_setting_says_what_it_means(place, kind):
    assert issubclass(kind, Section)
    assert kind.__doc__
    silent = [
        key
        for key, field in kind.model_fields.items()
        if not field.description and not section_options(field.annotation) and key != "kind"
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("place", "kind"),
    SECTIONS,
    ids=[f"{place or 'recipe'}-{k.__name__}" for place, k in SECTIONS],
)
def test_the_reference_recipe_explains_every_setting(place, kind):
    text = REFERENCE.read_text("utf-8")
    missing = [key for key in kind.model_fields if key != "root" and f"{key}:" not in text]
    assert missing == []
