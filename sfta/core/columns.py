"""Columns of a table: which of them is what, by the names that were given or by usual ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sfta_edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that are read."""

    names: Mapping[str, str]
    """By what they are: question, answer, context, ..."""
    unread: tuple[str, ...]
    """Columns of the file that are not read."""


def recognise(
    present: Collection[str],
    given: Mapping[str, str],
    usual: Mapping[str, Sequence[str]],
    needed: Collection[str],
) -> tuple[Columns, list[str]]:
    """Columns by the names that were given, else by their usual ones, and what is wrong.

    Args:
        present: names in the file.
        given: what a column is, and its name in the file.
        usual: what a column may be, and the names by which it is recognised, in order.
        needed: what must be there.
    """
    problems = [
        f"there is no column {name!r} for {part}{_near(name, present)}"
        for part, name in given.items()
        if name not in present
    ]
    problems += [
        f"{part!r} is not one of {', '.join(usual)}" for part in given if part not in usual
    ]
    found = {part: name for part, name in given.items() if part in usual and name in present}
    spelled = {name.strip().casefold(): name for name in present}
    for part, names in usual.items():
        free = [n for n in names if n in spelled and spelled[n] not in found.values()]
        if part not in given and free:
            found[part] = spelled[free[0]]
    problems += [
        f"no column is recognised as the {part} (columns: {', '.join(sorted(present))})"
        for part in needed
        if part not in found and part not in given
    ]
    unread = tuple(name for name in present if name not in found.values())
    return Columns(found, unread), problems


def read_columns(text: str | None) -> dict[str, str]:
    """``question=Frage,answer=Antwort`` as a mapping.

    Raises:
        ConfigError: a part has no equals sign.
    """
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    if any(not equals or not name.strip() for _, equals, name in pairs):
        raise ConfigError(
            f"cannot read --columns {text!r}", hint="Write question=NAME,answer=NAME."
        )
    return {part.strip(): name.strip() for part, _, name in pairs}


def _near(name: str, present: Collection[str]) -> str:
    close = get_close_matches(name, present, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
