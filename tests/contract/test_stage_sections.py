"""A stage reads the recipe sections it declares and no other: its key depends on them."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from sfta.core.stage import Stage

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "sfta/stages"
# Where relative paths start: what is found there is in the key as `external`. Where figures are
# shown: nothing that is made depends on it.
ALWAYS = {"root", "track"}


def declares_stage(path):
    tree = ast.parse(path.read_text("utf-8"))
    return any(
        isinstance(node, ast.Assign | ast.AnnAssign)
        and any(
            isinstance(target, ast.Name) and target.id == "STAGE"
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
        for node in tree.body
    )


STAGES = sorted(path.stem for path in FOLDER.glob("*.py") if declares_stage(path))


def sections_read(tree):
    """Every X in `recipe.X` or `something.recipe.X`."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Name) and node.value.id in {"recipe", "_recipe"})
            or (isinstance(node.value, ast.Attribute) and node.value.attr == "recipe")
        )
    }


def code_of(name, wanted=None):
    """Syntax trees of a module of the folder and of what it takes from its siblings.

    Of another stage's module only the functions that are imported count, not its own `run`.
    """
    tree = ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))
    if wanted is None:
        yield tree
    else:
        yield from (node for node in tree.body if getattr(node, "name", None) in wanted)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sfta.stages."):
            sibling = (node.module or "").removeprefix("sfta.stages.")
            if sibling not in {"config", name}:
                names = {alias.name for alias in node.names}
                yield from code_of(sibling, names if sibling in STAGES else None)


def read_by(name):
    return set().union(*map(sections_read, code_of(name)))


def stage_of(name):
    return import_module(f"sfta.stages.{name}").STAGE


def test_every_stage_of_the_design_is_there():
    assert set(STAGES) >= {
        "bundle",
        "chunk",
        "evaluate",
        "export",
        "generate",
        "index",
        "ingest",
        "merge",
        "train",
    }


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reads_only_the_sections_it_declares(name):
    assert read_by(name) - ALWAYS - set(stage_of(name).sections) == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_only_sections_it_reads(name):
    assert set(stage_of(name).sections) - read_by(name) == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_sections_that_exist(name):
    from sfta.recipe import Recipe

    stage = stage_of(name)
    assert isinstance(stage, Stage)
    assert stage.name == name.replace("_", "-")
    assert set(stage.sections) <= set(Recipe.model_fields)


@pytest.mark.parametrize("file", [None, "rows.jsonl"])
def test_every_need_is_made_by_one_stage_that_runs_before(file):
    from sfta.recipe import Recipe
    from sfta.stages.pipeline import stages_of

    settings = {"name": "a", "ingest": {"sources": ["x"]}, "model": {"base": "x"}}
    stages = stages_of(Recipe.model_validate(settings | {"dataset": {"file": file}}))
    makes = [stage.makes for stage in stages]
    assert len(makes) == len(set(makes))
    for place, stage in enumerate(stages):
        assert set(stage.needs) <= set(makes[:place])


def test_every_stage_is_in_a_line_or_stands_beside_them():
    from sfta.stages import adopt, prefer
    from sfta.stages.pipeline import BESIDE
    from sfta.stages.pipeline import STAGES as GENERATED

    every = (adopt.STAGE, prefer.STAGE, *GENERATED, *BESIDE)
    assert {stage.name.replace("-", "_") for stage in every} == set(STAGES)


@pytest.mark.parametrize(
    ("code", "sections"),
    [
        ("job.recipe.train.epochs", {"train"}),
        ("recipe.chunk", {"chunk"}),
        ("recipe = job.recipe\nrecipe.seed", {"seed"}),
        ("run(job.runtime.cache)", set()),
    ],
)
def test_reading_a_section_is_noticed(code, sections):
    assert sections_read(ast.parse(code)) == sections
