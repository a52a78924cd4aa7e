"""Strict, frozen configuration sections and the YAML they are read from.

A value has one default, in its field. The field's docstring is its help text. Unknown keys
are errors with a suggestion, and all problems of a file are reported together.
"""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from sfta_edge.errors import ConfigError


class Section(BaseModel):
    """Base of every configuration section: frozen, strict, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


S = TypeVar("S", bound=Section)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one mapping.

    Raises:
        ConfigError: the file is missing, is no YAML, repeats a key or holds no mapping.
    """
    try:
        data = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 a SafeLoader subclass
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}", hint="Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no settings", hint="A recipe is a YAML mapping.")
    return data


def parse_value(text: str) -> Any:
    """Read the right side of ``--set key=value`` with the rules of the recipe file."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 a SafeLoader subclass
    except yaml.YAMLError as error:
        raise ConfigError(
            f"cannot read the value {text!r}: {' '.join(str(error).split())}"
        ) from error


def override(data: dict[str, Any], assignment: str) -> None:
    """Apply ``a.b.c=value`` to nested settings, in place."""
    key, equals, text = assignment.partition("=")
    steps = key.strip().split(".")
    if not equals or not all(steps):
        raise ConfigError(
            f"cannot read --set {assignment!r}", hint="Write --set section.key=value."
        )
    target = data
    for step in steps[:-1]:
        inner = target.setdefault(step, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {assignment!r}: {step} is a value, not a section")
        target = inner
    target[steps[-1]] = parse_value(text)


def build(kind: type[S], data: dict[str, Any], *, name: str) -> S:
    """Check settings; report every problem at once, each with its place.

    Raises:
        ConfigError: one line per problem, unknown keys with the closest known one.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        lines = [_problem(kind, detail) for detail in error.errors()]
        count = f"{len(lines)} problem" + ("s" if len(lines) > 1 else "")
        raise ConfigError(f"{name} has {count}:\n" + "\n".join(lines)) from None


def _problem(kind: type[Section], detail: ErrorDetails) -> str:
    place = ".".join(str(step) for step in detail["loc"]) or "(whole file)"
    if detail["type"] == "extra_forbidden":
        return f"  {place}: unknown key{_suggestion(kind, detail)}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"  {place}: {message[0].lower()}{message[1:]}"


def _suggestion(kind: type[Section], detail: ErrorDetails) -> str:
    known = _fields(kind, list(detail["loc"][:-1]))
    match = get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.5)
    return f" (did you mean {match[0]}?)" if match else f" (known: {', '.join(sorted(known))})"


def _fields(kind: Any, steps: list[Any]) -> list[str]:
    """Field names of the section that a location leads to, through unions and lists."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not steps:
            return list(kind.model_fields)
        field = kind.model_fields.get(str(steps[0]))
        return _fields(field.annotation, steps[1:]) if field else []
    if steps and isinstance(steps[0], int):
        steps = steps[1:]
    options = list(get_args(kind))
    if tagged := [o for o in options if steps and _has_tag(o, steps[0])]:
        options, steps = tagged, steps[1:]
    return [name for option in options for name in _fields(option, steps)]


def _has_tag(kind: Any, tag: object) -> bool:
    """Whether a location's step is no field but the tag of this member of a union."""
    fields = getattr(kind, "model_fields", {})
    return tag not in fields and any(tag in get_args(f.annotation) for f in fields.values())


class _Loader(yaml.SafeLoader):
    """Reads 1e-5 as a number and refuses a repeated key.

    Words, times and dates stay text, and a number that begins with 0 is no octal one.
    """

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 the base class's signature
    ) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        if repeated := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                None, None, f"repeated key: {', '.join(repeated)}", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


# PyYAML follows YAML 1.1, where 1e-5 is text, `no` is false, 010 is 8 and 12:30 is 750.
_REPLACED = {f"tag:yaml.org,2002:{name}" for name in ("float", "bool", "int", "timestamp")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9]\d*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)
