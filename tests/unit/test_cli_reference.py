"""Generated documents: they hold what the code holds, and go stale visibly."""

import json
import sys
from types import SimpleNamespace
from typing import Annotated, Literal

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from sfta.cli import reference
from sfta.cli.main import COMMANDS, cli
from sfta.cli.reference import (
    REQUIRED,
    WIDTH,
    command_reference,
    main,
    recipe_reference,
    section_options,
)
from sfta.core.config import Section
from sfta.recipe import Recipe


class Small(Section):
    """A small choice. It has two lines.

    And a second paragraph that is not shown.
    """

    kind: Literal["small"]
    """Which one."""
    share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """How much of it."""
    names: list[str] = []


class Large(Section):
    """A large choice."""

    kind: Literal["large"]
    address: str
    """Where it is."""
    inner: Small = Small(kind="small")


class Holder(Section):
    """Holds a choice."""

    choice: Small | Large = Small(kind="small")
    """What is chosen."""
    level: Literal["low", "high"] = "low"


@pytest.fixture(name="text", scope="module")
def _text():
    return recipe_reference()


@pytest.fixture(name="commands", scope="module")
def _commands():
    return command_reference()


def test_the_reference_is_the_recipe_of_all_defaults(text):
    assert Recipe.model_validate(yaml.safe_load(text)) == Recipe.model_validate(REQUIRED)


def test_every_key_of_every_section_is_in_the_reference(text):
    def keys(values):
        for key in type(values).model_fields:
            yield key
            if isinstance(value := getattr(values, key), Section):
                yield from keys(value)

    wanted = set(keys(Recipe.model_validate(REQUIRED)))
    assert {key for key in wanted if f"{key}:" not in text} == set()


def test_keys_without_a_default_are_marked(text):
    marked = [line for line in text.splitlines() if line.endswith(" # required")]
    given_keys = {line.strip().partition(":")[0] for line in marked if "# " not in line[:3]}
    assert {"name", "sources", "base"} <= given_keys


def test_explanations_of_the_keys_in_force_stay_within_the_width(text):
    own = [line for line in text.splitlines() if line.lstrip().startswith("# ")]
    assert [line for line in own if len(line) > WIDTH and "#" not in line.lstrip()[1:]] == []


def spelled(names):
    """Commands, those of a group behind its name."""
    for name in sorted(names):
        command = cli.get_command(None, name)
        inner = command.commands if isinstance(command, click.Group) else [None]
        yield from (f"{name} {further}" if further else name for further in inner)


@pytest.mark.parametrize("name", list(spelled(COMMANDS)))
def test_every_command_has_its_section_and_its_example(commands, name):
    _, _, rest = commands.partition(f"### `sfta {name}`\n")
    section = rest.partition("\n##")[0]
    assert section.lstrip().startswith(f"```text\nUsage: sfta {name} ")
    assert section.count("```") == 2
    assert "Example: sfta " in section


def test_the_device_s_commands_are_there_too(commands):
    for name in ("ask", "serve", "install", "rollback", "verify", "status"):
        assert f"### `sfta-edge {name}`" in commands


def test_what_is_written_does_not_depend_on_the_terminal(commands, text, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    assert (command_reference(), recipe_reference()) == (commands, text)


def test_hidden_commands_stay_hidden_and_groups_are_opened():
    @click.group()
    def outer():
        pass

    outer.add_command(click.Command("secret", hidden=True))
    inner = click.Group("inner", commands=[click.Command("leaf")])
    outer.add_command(inner)
    context = reference._context(outer, "tool")
    assert [c.command_path for c in reference._commands(context)] == ["tool inner leaf"]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Small, [Small]),
        (Small | Large, [Small, Large]),
        (Small | None, [Small]),
        (Annotated[Small | Large, Field(discriminator="kind")], [Small, Large]),
        (list[Small], []),
        (dict[str, Small], []),
        (int, []),
        (Literal["a"], []),
    ],
)
def test_the_sections_a_field_may_hold(annotation, expected):
    assert section_options(annotation) == expected


def test_a_choice_shows_its_alternative_behind_comment_signs():
    lines = reference._section(Holder(), {}, 0)
    text = "\n".join(lines)
    assert yaml.safe_load(text) == Holder().model_dump(mode="json")
    assert "# Or: A large choice." in lines
    assert "#   kind: large" in lines
    assert "#   address: ... # required" in lines
    assert "#     share: 0.5" in lines
    assert "second paragraph" not in text


def test_an_alternative_is_yaml_once_its_comment_signs_are_gone():
    lines = reference._section(Holder(), {}, 0)
    start = lines.index("# choice:")
    block = [line[2:] for line in lines[start:] if line.startswith("#  ")]
    shape = yaml.safe_load("\n".join(["choice:", *block]))["choice"]
    assert list(shape) == ["kind", "address", "inner"]
    assert (shape["kind"], shape["address"]) == ("large", "...")
    assert shape["inner"]["share"] == 0.5


@pytest.mark.parametrize(
    ("annotation", "limits"),
    [
        (Literal["a", "b"], ["one of a, b"]),
        (Literal["a"], []),
        (Annotated[float, Field(ge=0.0, lt=1.0)], ["at least 0.0", "less than 1.0"]),
        (Annotated[int, Field(gt=0)], ["more than 0"]),
        (Annotated[int, Field(ge=1)] | None, ["at least 1"]),
        (list[Annotated[int, Field(le=9)]], ["each at most 9"]),
        (dict[str, Literal["x", "y"]], ["each one of x, y"]),
        (str, []),
    ],
)
def test_the_limits_of_a_value_are_said_in_words(annotation, limits):
    assert reference._limits([annotation]) == limits


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(
            st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]) | st.just("\n")
        ),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    )
)
def test_a_value_in_the_reference_reads_back_as_itself(value):
    text = reference._scalar(value)
    assert yaml.safe_load(f"key: {text}\nnext: 1\n") == {"key": value, "next": 1}


def test_a_command_that_ran_on_its_own_before_has_the_help_of_its_group(monkeypatch):
    @click.command()
    def child():
        """Do one thing."""

    group = click.Group(
        "demo", [child], context_settings={"help_option_names": ["-h", "--help"]}
    )
    monkeypatch.setitem(sys.modules, "demo_program", SimpleNamespace(cli=group))
    monkeypatch.setattr(reference, "PROGRAMS", {"demo": "demo_program"})
    assert CliRunner().invoke(child, ["--help"]).exit_code == 0
    assert "-h, --help" in command_reference().split("### `demo child`")[1]


@pytest.fixture(name="checkout")
def _checkout(tmp_path, monkeypatch):
    (tmp_path / "docs/reference").mkdir(parents=True)
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reference, "command_reference", lambda: "commands\n")
    monkeypatch.setattr(reference, "recipe_reference", lambda: json.dumps({"a": "é"}))
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stdout.splitlines()


def test_what_is_stale_is_said_and_not_touched_by_a_check(checkout):
    code, lines = run("--check")
    assert code == 1
    assert len(lines) == 2
    assert all("make reference" in line for line in lines)
    assert not (checkout / "docs/reference/cli.md").exists()


def test_what_was_written_passes_the_check(checkout):
    assert run() == (0, ["docs/reference/cli.md: written", "configs/reference.yaml: written"])
    assert run("--check") == (0, [])
    assert run() == (0, [])


def test_only_the_changed_document_is_written_again(checkout):
    run()
    (checkout / "configs/reference.yaml").write_text("edited by hand", "utf-8")
    assert run("--check")[0] == 1
    assert run() == (0, ["configs/reference.yaml: written"])
