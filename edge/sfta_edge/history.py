"""What a person asked before, for that person alone.

Rules this module upholds:

- Entries of one caller are never read, counted or deleted by another.
- Of a document that the caller may no longer read, or that is gone, nothing is in an old entry:
  neither the citation nor the words of the answer, which stand on it. The entry says so.
- No caller fills the disk: the oldest entries give way.
"""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sfta_edge.caller import Caller
from sfta_edge.database import open_database, rows
from sfta_edge.transaction import transaction

KIND = "history"
MIGRATIONS = (
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner TEXT NOT NULL,
        time TEXT NOT NULL,
        question TEXT NOT NULL,
        answer TEXT NOT NULL
    ) STRICT;
    CREATE INDEX entries_of_owner ON entries (owner, id);
    """,
)
ENTRIES = 500
"""Kept for each caller."""
_MOST_AT_ONCE = 200
Visible = Callable[[str], bool]
"""Whether the caller may read the document with this id."""


class History:
    """Questions and answers of all callers; threads may share it."""

    def __init__(self, path: Path, *, kept: int = ENTRIES, enabled: bool = True) -> None:
        """Open the file, or make it.

        Args:
            path: of the database.
            kept: entries of each caller; older ones are removed.
            enabled: if not, nothing is added. What is there can still be read and deleted.

        Raises:
            IntegrityError: the file is damaged, or of a newer version.
        """
        self._kept, self._enabled = kept, enabled
        self._one_at_a_time = threading.Lock()
        self._connection = open_database(path, KIND, MIGRATIONS)

    def add(self, caller: Caller, question: str, answer: Mapping[str, Any]) -> int | None:
        """Remember an answer, in the form of the Edge API; None if the history is off."""
        if not self._enabled:
            return None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        # ASCII: half of a surrogate pair, which a question may hold, is no UTF-8.
        bindings = (owner_of(caller), now, json.dumps(question), json.dumps(answer))
        with self._one_at_a_time, transaction(self._connection):
            self._connection.execute(
                "INSERT INTO entries (owner, time, question, answer) VALUES (?, ?, ?, ?)",
                bindings,
            )
            identity = self._connection.last_insert_rowid()
            self._connection.execute(
                "DELETE FROM entries WHERE owner = ?1 AND id <= (SELECT id FROM entries"
                " WHERE owner = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (bindings[0], self._kept),
            )
        return identity

    def entries(
        self,
        caller: Caller,
        before: int | None = None,
        limit: int = 50,
        *,
        visible: Visible = lambda _document: True,
    ) -> list[dict[str, Any]]:
        """The caller's own entries, newest first, or those before an id.

        Citations of documents that are not `visible` are left out, and so is every citation
        that does not say of which document it is. If one is left out, so are the words of the
        answer and every quote that was not found in its document: both are the model's, which
        had read what may not be seen. ``hidden`` counts the citations that are left out.
        """
        with self._one_at_a_time:
            found = rows(
                self._connection,
                "SELECT id, time, question, answer FROM entries"
                " WHERE owner = ? AND id < ? ORDER BY id DESC LIMIT ?",
                owner_of(caller),
                before if before is not None else 1 << 62,
                min(limit, _MOST_AT_ONCE),
            )
        return [
            {
                "id": identity,
                "time": time,
                "question": json.loads(question),
                "answer": _seen(json.loads(answer), visible),
            }
            for identity, time, question, answer in found
        ]

    def delete(self, caller: Caller, identity: int | None = None) -> bool:
        """Remove one of the caller's entries, or all; False if there was none."""
        with self._one_at_a_time, transaction(self._connection):
            self._connection.execute(
                "DELETE FROM entries WHERE owner = ?1 AND (?2 IS NULL OR id = ?2)",
                (owner_of(caller), identity),
            )
            removed = self._connection.changes()
        return removed > 0

    def forget(self, caller: Caller) -> None:
        """Remove all of a caller who is removed: the name may be given to another person."""
        self.delete(caller)

    def close(self) -> None:
        """Release the file."""
        with self._one_at_a_time:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def owner_of(caller: Caller) -> str:
    """Whose entries they are: a token is not the person of the same name."""
    return f"token:{caller.token}" if caller.token else f"user:{caller.name}"


def _seen(answer: dict[str, Any], visible: Visible) -> dict[str, Any]:
    """An answer without what its reader may no longer see."""
    citations = answer.get("citations", [])
    seen = [citation for citation in citations if _may_see(citation, visible)]
    if len(seen) == len(citations):
        return answer
    seen = [citation for citation in seen if citation.get("verified")]
    hidden = len(citations) - len(seen)
    words = {"answer": "", "sentences": [], "dropped_chunks": []}
    return {**answer, **words, "citations": seen, "hidden": hidden}


def _may_see(citation: Mapping[str, Any], visible: Visible) -> bool:
    if citation.get("chunk_id") is None:
        return True  # the model named no chunk: these are its own words, of no document
    document = citation.get("document_id")
    return isinstance(document, str) and visible(document)
