"""Which documents of a knowledge file a view may see, decided in SQL before anything is ranked.

A document's `access` is text, see `caller.groups_of`. Few different texts stand in a file, so they
are read once per question and the permitted ones handed back to SQL: no rule is written twice, and
a change of access counts from the next question on.
"""

import json
from dataclasses import dataclass

import apsw

from sfta_edge.caller import View, groups_of


@dataclass(frozen=True, slots=True)
class Permitted:
    """A condition on the table `documents`, with the values it needs."""

    condition: str
    """SQL for a WHERE; fixed text, no value is written into it."""
    bindings: tuple[str, ...]
    everything: bool
    """No document of the file is left out, so nothing has to be filtered."""

    @property
    def numbers(self) -> str:
        """SQL that selects the numbers of the permitted documents."""
        return f"SELECT documents.number FROM documents WHERE {self.condition}"  # noqa: S608 fixed


def permitted(connection: apsw.Connection, view: View, *, collections: bool) -> Permitted:
    """What a view may see of one file.

    Args:
        connection: of the file, in the transaction of the search.
        view: groups and collections; None is all of them.
        collections: whether documents of this file have a collection; of one that does not,
            every document is in the collection without a name.
    """
    parts: list[str] = []
    bindings: list[str] = []
    if view.groups is not None:
        texts = [
            text for (text,) in connection.execute("SELECT DISTINCT access FROM documents")
        ]
        allowed = [text for text in texts if _may_read(groups_of(text), view.groups)]
        if len(allowed) < len(texts):
            parts.append("documents.access IN (SELECT value FROM json_each(?))")
            bindings.append(json.dumps(allowed))
    if view.collections is not None:
        column = "documents.collection" if collections else "''"
        parts.append(f"{column} IN (SELECT value FROM json_each(?))")  # noqa: S608 fixed
        bindings.append(json.dumps(sorted(view.collections)))
    return Permitted(" AND ".join(parts) or "1", tuple(bindings), everything=not parts)


def _may_read(named: frozenset[str], groups: frozenset[str]) -> bool:
    return not named or bool(named & groups)
