"""Every command explains itself, and the printed reference is what the commands say."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import sfta.cli.main
import sfta_edge.cli.main
from sfta.cli.reference import command_reference

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference/cli.md"
PROGRAMS = {"sfta": sfta.cli.main.cli, "sfta-edge": sfta_edge.cli.main.cli}
STAGES = [
    "ingest",
    "chunk",
    "index",
    "generate",
    "adopt",
    "train",
    "merge",
    "export",
    "evaluate",
    "bundle",
]


def commands(name, command):
    """Every command below a program with its full name, groups left out."""
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            yield from commands(f"{name} {child}", command.get_command(context, child))
    else:
        yield name, command
        for word, further in getattr(command, "further", {}).items():
            yield f"{name} {word}", further


COMMANDS = [pair for name, program in PROGRAMS.items() for pair in commands(name, program)]
each_command = pytest.mark.parametrize(
    ("name", "command"), COMMANDS, ids=[n for n, _ in COMMANDS]
)


def help_of(name):
    program, *path = name.split()
    result = CliRunner().invoke(PROGRAMS[program], [*path, "--help"], prog_name=program)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_commands_of_the_design_are_there():
    names = {name for name, _command in COMMANDS}
    factory = "run init show plan runs inspect review convert compare keygen doctor"
    device = "verify install serve ask status rollback doctor"
    assert {f"sfta {name}" for name in [*STAGES, *factory.split()]} <= names
    assert {f"sfta-edge {name}" for name in device.split()} <= names


@each_command
def test_a_command_has_help_with_an_example(name, command):
    text = help_of(name)
    assert command.help
    assert re.search(r"Examples?:", text)
    assert re.search(rf"\b{name}\b", text.split("Example", 1)[1])


@each_command
def test_a_command_can_answer_in_json(name, command):
    if name == "sfta-edge serve":
        pytest.skip("it answers over HTTP and prints nothing")
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options


@each_command
def test_every_option_has_help(name, command):
    silent = [
        parameter.opts[0]
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert silent == []


@each_command
def test_a_command_is_in_the_reference(name, command):
    assert f"\n### `{name}`\n" in REFERENCE.read_text("utf-8")


def test_the_reference_is_what_the_commands_say():
    assert REFERENCE.read_text("utf-8") == command_reference(), (
        "docs/reference/cli.md is stale: run make reference"
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_unknown_command_is_a_usage_error(program):
    result = CliRunner().invoke(PROGRAMS[program], ["no-such-command"])
    assert result.exit_code == 2


def test_the_commands_named_in_the_documents_exist():
    known = {name for name, _command in COMMANDS}
    groups = {" ".join(name.split()[:2]) for name in known}
    named = set()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(
            r"```(?:sh|console|bash)\n(.*?)```", path.read_text("utf-8"), re.DOTALL
        ):
            for line in block.splitlines():
                if match := re.match(r"\s*(?:\$ )?((?:sfta|sfta-edge) [a-z][a-z-]*)\b", line):
                    named.add((path.name, match[1]))
    assert named
    assert {pair for pair in named if pair[1] not in known | groups} == set()


def test_machine_output_is_json_and_nothing_else(tmp_path):
    result = CliRunner().invoke(
        PROGRAMS["sfta"], ["runs", "--runs", str(tmp_path), "--json"], prog_name="sfta"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == []
