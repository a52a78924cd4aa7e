"""Which licences a part of a bundle may have.

Refused are licences that demand the source of what is shipped beside the part (GPL, AGPL, SSPL)
and those that forbid trade (non-commercial, research, proprietary). A recipe may let a part pass by
its name, with a reason that goes into the bundle's licence report.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_BARRED = re.compile(
    r"\bA?GPL|\bAffero|\bGNU General Public|\bSSPL|\bServer Side Public|\bBUSL|Business Source"
    r"|Commons.Clause|\bCC[- ]BY[- ]NC|Non.?Commercial|\bResearch\b|Proprietary",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\(|\)|[^\s()]+")


@dataclass(frozen=True, slots=True)
class Licensed:
    """A part of a bundle and the licence that is stated for it."""

    part: str
    """Name by which a recipe may let it pass."""
    shown: str
    """How a message names it."""
    stated: str
    """SPDX expression or the words of its maker; empty if nothing is stated."""
    must_state: bool = True
    """Whether saying nothing is a reason to refuse it."""


def refused(parts: Iterable[Licensed], exceptions: Mapping[str, str]) -> list[str]:
    """One sentence for each part that must not ship, and for each exception of no part."""
    problems, known = [], set[str]()
    for one in parts:
        known.add(one.part)
        if one.part in exceptions:
            continue
        if not one.stated and one.must_state:
            problems.append(f"{one.shown} states no licence")
        elif one.stated and not is_permitted(one.stated):
            problems.append(f"{one.shown} is under {one.stated}")
    return problems + [
        f"bundle.licence_exceptions names {name}, which is no part of the bundle"
        for name in sorted(exceptions.keys() - known)
    ]


def is_permitted(licence: str) -> bool:
    """Of alternatives, one is enough; an exception (``WITH``) lifts what its licence demands."""
    try:
        tokens = _TOKEN.findall(str(canonicalize_license_expression(licence)))
    except InvalidLicenseExpression:
        return _words_are_permitted(licence)
    # SPDX 2.3, annex D: WITH binds most, then AND, then OR.
    return _any_of(tokens[::-1])


def _any_of(rest: list[str]) -> bool:
    """Takes an expression off the end of `rest`, which holds the tokens backwards."""
    found = _all_of(rest)
    while rest and rest[-1] == "OR":
        rest.pop()
        found = _all_of(rest) or found  # the other one has to be taken off in any case
    return found


def _all_of(rest: list[str]) -> bool:
    found = _one(rest)
    while rest and rest[-1] == "AND":
        rest.pop()
        found = _one(rest) and found
    return found


def _one(rest: list[str]) -> bool:
    name = rest.pop()
    if name == "(":
        found = _any_of(rest)
        rest.pop()
        return found
    if rest and rest[-1] == "WITH":
        rest.pop()
        rest.pop()
        return True
    return not _BARRED.search(name)


def _words_are_permitted(words: str) -> bool:
    """What is no SPDX expression: alternatives count only where nothing is in brackets."""
    alternatives = re.split(r"\bOR\b", words) if "(" not in words else [words]
    for alternative in alternatives:
        parts = re.split(r"\bAND\b|,", alternative)
        if not any(_BARRED.search(part) and " WITH " not in part for part in parts):
            return True
    return False
