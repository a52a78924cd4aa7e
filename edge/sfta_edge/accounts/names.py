"""Names of users, tokens and groups: which are allowed, and when two are the same."""

import re
import unicodedata

from sfta_edge.caller import ROLES, Role
from sfta_edge.errors import ConfigError

_LONGEST = 64
_ROUNDS = 4  # case folding and NFKC undo each other's work for a few characters only


def key_of(name: str) -> str:
    """What two spellings of one name have in common: case, width, spaces and invisible marks gone.

    Any text has a key, so a wrong name can be counted like a right one.
    ``key_of(key_of(name)) == key_of(name)``.
    """
    # A name that is allowed has 64 characters; the rest of a longer one costs time only.
    key = name[: 4 * _LONGEST]
    for _ in range(_ROUNDS):
        folded = unicodedata.normalize("NFKC", key).casefold()
        folded = "".join(
            char for char in folded if char.isspace() or unicodedata.category(char)[0] != "C"
        )
        folded = " ".join(unicodedata.normalize("NFKC", folded).split())
        if folded == key:
            break
        key = folded
    return key


def checked_name(name: object, what: str) -> str:
    """A name as it is kept and shown.

    Raises:
        ConfigError: it cannot be a name.
    """
    shown = (
        " ".join(unicodedata.normalize("NFKC", name).split()) if isinstance(name, str) else ""
    )
    if not 1 <= len(shown) <= _LONGEST or not key_of(shown):
        raise ConfigError(f"the name of a {what} has 1 to {_LONGEST} characters")
    # A slash or dots alone change the path in a URL, a comma ends a group, a colon marks a token.
    if re.search(r"[/\\,:%?#<>\"]", shown) or not shown.strip("."):
        raise ConfigError(f'the name of a {what} has none of / \\ , : % ? # < > " in it')
    if any(unicodedata.category(char)[0] == "C" for char in shown):
        raise ConfigError(f"the name of a {what} has no invisible characters in it")
    return shown


def checked_role(role: object) -> Role:
    """One of the roles.

    Raises:
        ConfigError: it is none.
    """
    for known in ROLES:
        if role == known:
            return known
    raise ConfigError(f"a role is one of {', '.join(ROLES)}, not {role!r:.40}")


def checked_groups(groups: object) -> frozenset[str]:
    """The names of groups.

    Raises:
        ConfigError: no list of names.
    """
    if not isinstance(groups, list | tuple | set | frozenset):
        raise ConfigError("groups are a list of names")
    return frozenset(checked_name(group, "group") for group in groups)
