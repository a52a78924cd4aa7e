"""Stages run what is missing, reuse what is there, and survive being killed."""

from dataclasses import replace

import pytest

from counting_stages import Chunk, Recipe, count, never, ran, stages
from sfta.core.stage import (
    Stage,
    key_of,
    plan_stages,
    run_stage,
    run_stages,
    select,
)
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import MANIFEST

ALL = ["ingest", "chunk", "count"]


def test_a_run_makes_every_artifact_with_its_facts(stage_runtime):
    made = run_stages(stages(), Recipe(), stage_runtime)
    assert list(made) == ["documents", "corpus", "index"]
    assert made["index"].file("count.txt").read_text("utf-8") == "3"
    assert made["corpus"].metrics == {"chunks": 3}
    facts = made["corpus"].manifest.facts
    assert facts["stage"] == "chunk"
    assert facts["settings"] == {"seed": 7, "chunk": {"words": 3}}
    assert facts["inputs"] == {"documents": made["documents"].digest}
    assert made["corpus"].path == stage_runtime.runs / "chunk" / facts["key"][:16]
    assert facts["seconds"] >= 0


def test_nothing_is_made_twice(stage_runtime):
    assert ran(stages(), Recipe(), stage_runtime) == ALL
    assert ran(stages(), Recipe(), stage_runtime) == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (Recipe(unrelated=1), []),
        (Recipe(seed=8), ["chunk"]),
        (Recipe(chunk=Chunk(words=2)), ["chunk", "count"]),
        (Recipe(source="a b c e"), ["ingest", "chunk"]),
        (Recipe(source="x b c d"), ALL),
    ],
)
def test_a_changed_setting_runs_the_stages_it_reaches(stage_runtime, changed, again):
    run_stages(stages(), Recipe(), stage_runtime)
    # Three words are kept: another fourth word gives the same chunks, and `count` is reused.
    assert ran(stages(), changed, stage_runtime) == again


def test_an_input_with_a_changed_byte_is_refused_by_name(stage_runtime):
    """Of the same length, so that only its content tells."""
    made = run_stages(stages()[:2], Recipe(), stage_runtime)
    path = made["corpus"].file("chunks.txt")
    path.write_bytes(path.read_bytes().replace(b"b", b"x"))
    with pytest.raises(IntegrityError, match=r"chunks\.txt"):
        run_stages(stages(), Recipe(), stage_runtime)
    assert not list((stage_runtime.runs / "count").glob("[!.]*"))


@pytest.mark.parametrize(
    "changes", [{"revision": 2}, {"external": lambda _recipe, _runtime: {"file": "digest"}}]
)
def test_a_new_revision_or_external_input_runs_the_stage_again(stage_runtime, changes):
    run_stages(stages(), Recipe(), stage_runtime)
    # The text comes out the same, so nothing after it runs.
    assert ran(stages(**changes), Recipe(), stage_runtime) == ["ingest"]


def test_runtime_decides_nothing(stage_runtime, tmp_path):
    run_stages(stages(), Recipe(), stage_runtime)
    other = replace(
        stage_runtime, cache=tmp_path, workers=9, device="cpu", signing_key=tmp_path
    )
    assert ran(stages(), Recipe(), other) == []


def test_a_key_does_not_change_between_versions(stage_runtime):
    first = stages(external=lambda _recipe, _runtime: ["abc"])[0]
    assert key_of(first, Recipe(), {}, stage_runtime) == (
        "f7f851f98879547ab4aa068e80966f4be611faf1a34500c0eacd119a38773401"
    )


def test_a_key_depends_on_what_an_input_holds_not_on_where_it_is(stage_runtime, tmp_path):
    first, second, _ = stages()
    here = run_stage(first, Recipe(), {}, stage_runtime).artifact
    there = run_stage(
        first, Recipe(), {}, replace(stage_runtime, runs=tmp_path / "other")
    ).artifact
    keys = {key_of(second, Recipe(), {"documents": a}, stage_runtime) for a in (here, there)}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("until", "names"),
    [("ingest", ["ingest"]), ("chunk", ["ingest", "chunk"]), ("count", ALL)],
)
def test_a_stage_brings_the_stages_it_needs(until, names):
    assert [stage.name for stage in select(stages(), until)] == names


def test_a_stage_that_is_not_needed_is_left_out():
    side = Stage(name="side", needs=("documents",), makes="other", sections=(), run=count)
    first, second, third = stages()
    assert select((first, side, second, third), "count") == [first, second, third]


def test_an_unknown_stage_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match="there is no stage 'bake'") as info:
        select(stages(), "bake")
    assert info.value.hint == "Stages: ingest, chunk, count."


def states(chosen, recipe, runtime):
    return [(planned.stage, planned.state) for planned in plan_stages(chosen, recipe, runtime)]


def test_a_plan_says_what_would_be_reused_and_made(stage_runtime):
    assert states(stages(), Recipe(), stage_runtime) == [
        ("ingest", "make"),
        ("chunk", "make (after documents)"),
        ("count", "make (after corpus)"),
    ]
    run_stages(stages(), Recipe(), stage_runtime)
    assert {state for _, state in states(stages(), Recipe(), stage_runtime)} == {"reuse"}
    assert states(stages(), Recipe(seed=8), stage_runtime) == [
        ("ingest", "reuse"),
        ("chunk", "make"),
        ("count", "make (after corpus)"),
    ]


def test_a_plan_names_the_place_where_the_run_puts_it(stage_runtime):
    (planned,) = plan_stages(stages()[:1], Recipe(), stage_runtime)
    made = run_stages(stages()[:1], Recipe(), stage_runtime)
    assert planned.path == made["documents"].path


def test_a_plan_touches_nothing(stage_runtime):
    plan_stages(stages(), Recipe(), stage_runtime)
    assert not stage_runtime.runs.exists()
    made = run_stages(stages(), Recipe(), stage_runtime)["documents"]
    (made.path / "text.txt").unlink()
    assert states(stages(), Recipe(), stage_runtime)[0] == ("ingest", "make")
    assert made.path.is_dir()


def with_problems(*problems):
    return {"check": lambda _recipe, _runtime: problems}


def test_the_problems_of_all_stages_are_reported_before_anything_runs(stage_runtime):
    first, second, third = stages(run=never, **with_problems("no file a", "no file b"))
    third = replace(third, **with_problems("no teacher"))
    with pytest.raises(ConfigError, match=r"^no file a\nno file b\nno teacher$"):
        run_stages((first, second, third), Recipe(), stage_runtime)
    assert not stage_runtime.runs.exists()


def test_a_finished_stage_is_not_checked_again(stage_runtime):
    first, second, third = stages()
    run_stages((first, second), Recipe(), stage_runtime)
    gone = replace(first, **with_problems("the source is offline"))
    assert ran((gone, second, third), Recipe(), stage_runtime) == ["count"]
    with pytest.raises(ConfigError, match="the source is offline"):
        run_stages((gone, second, third), Recipe(source="new"), stage_runtime)


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "text.txt").unlink(),
        lambda root: (root / "text.txt").write_text("cut", "utf-8"),
        lambda root: (root / MANIFEST).unlink(),
        lambda root: (root / MANIFEST).write_text("{", "utf-8"),
    ],
    ids=["missing", "other size", "no manifest", "half a manifest"],
)
def test_a_damaged_artifact_is_set_aside_and_made_again(stage_runtime, caplog, damage):
    made = run_stages(stages(), Recipe(), stage_runtime)["documents"]
    damage(made.path)
    with caplog.at_level("WARNING", "sfta"):
        assert ran(stages(), Recipe(), stage_runtime) == ["ingest"]
    (aside,) = made.path.parent.glob("damaged-*")
    assert f"{made.path} is damaged. Moved to {aside}" in caplog.text
    assert ran(stages(), Recipe(), stage_runtime) == []
