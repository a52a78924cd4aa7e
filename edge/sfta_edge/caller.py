"""Who asks, and what of the documents that person may see.

A document names the groups that may read it; one that names none may be read by everybody who
may ask. What a caller may read is decided in SQL, before anything is ranked, see `retriever`.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["reader", "editor", "admin"]
"""Asks and reads; also adds documents; also runs the device."""

ROLES: tuple[Role, ...] = ("reader", "editor", "admin")


@dataclass(frozen=True, slots=True)
class View:
    """Which documents take part in a search."""

    groups: frozenset[str] | None = None
    """Documents of these groups, and those of no group. None: documents of every group."""
    collections: frozenset[str] | None = None
    """Only documents of these collections. None: of all."""


EVERYTHING = View()


@dataclass(frozen=True, slots=True)
class Caller:
    """One person or program that was let in."""

    name: str
    role: Role = "reader"
    groups: frozenset[str] = frozenset()
    token: str = ""
    """Id of the API token that was shown; empty for a person at the web page."""

    def may(self, role: Role) -> bool:
        """Whether this caller may do what that role may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def view(self, collections: frozenset[str] | None = None) -> View:
        """What this caller sees. An admin sees every document."""
        return View(None if self.role == "admin" else self.groups, collections)


NOBODY = Caller("", "admin")
"""Whoever uses a device without accounts: the person at its keyboard."""


def groups_of(access: str) -> frozenset[str]:
    """The groups that a document's ``access`` names, separated by commas; none: everybody."""
    return frozenset(name for part in access.split(",") if (name := part.strip()))
