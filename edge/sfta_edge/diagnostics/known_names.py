"""Names that occur on a device: of people, documents, groups, of the machine, and its secrets.

They are read to be recognised and replaced, and go nowhere else.
"""

import getpass
import json
import platform
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from sfta_edge.accounts.store import FILE as ACCOUNTS
from sfta_edge.diagnostics.databases import opened_to_read
from sfta_edge.errors import SftaError

_MOST_ROWS = 20_000
_SQL = {
    (ACCOUNTS, "user"): ("SELECT name FROM users", "SELECT key FROM users"),
    (ACCOUNTS, "group"): ("SELECT groups FROM users", "SELECT groups FROM tokens"),
    (ACCOUNTS, "token"): ("SELECT name FROM tokens", "SELECT id FROM tokens"),
    (ACCOUNTS, "hash"): ("SELECT hash FROM users", "SELECT hash FROM tokens"),
    ("jobs.sqlite", "document"): (
        "SELECT name FROM jobs",
        "SELECT title FROM jobs",
        "SELECT document_id FROM jobs",
        "SELECT sha256 FROM jobs",
    ),
    ("jobs.sqlite", "user"): ("SELECT owner FROM jobs",),
    ("jobs.sqlite", "group"): ("SELECT collection FROM jobs", "SELECT access FROM jobs"),
    ("history.sqlite", "question"): ("SELECT question FROM entries ORDER BY id DESC",),
    ("knowledge.sqlite", "document"): (
        "SELECT title FROM documents",
        "SELECT name FROM documents",
        "SELECT id FROM documents",
    ),
    ("knowledge.sqlite", "group"): (
        "SELECT access FROM documents",
        "SELECT collection FROM documents",
    ),
}
"""Where a kind of name is kept: one column, every row."""
Tell = Callable[[str, Exception], object]


def known_names(data: Path, knowledge: Path | None, problem: Tell) -> dict[str, str]:
    """Every name and its kind.

    Args:
        data: of the device.
        knowledge: the knowledge file of the bundle that answers, if there is one.
        problem: told which file cannot be read; its names are then recognised by nothing but
            their not being words of the program.
    """
    found: dict[str, str] = dict(_of_the_machine())
    for (name, kind), queries in _SQL.items():
        paths = [data / name]
        if name == "knowledge.sqlite" and knowledge is not None:
            paths.append(knowledge)
        for path in filter(Path.is_file, paths):
            try:
                for value in _read(path, queries):
                    found.update(dict.fromkeys(_spellings(value), kind))
            except SftaError as error:
                problem(name, error)
    return found


def _read(path: Path, queries: tuple[str, ...]) -> Iterator[str]:
    with opened_to_read(path) as connection:
        for query in queries:
            for (value,) in connection.execute(f"{query} LIMIT {_MOST_ROWS}"):
                yield str(value)


def _spellings(value: str) -> Iterator[str]:
    """A name as it may stand in a message: alone, with its ending, without its folder."""
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = value
    for text in parsed if isinstance(parsed, list) else [parsed]:
        whole = str(text).strip()
        yield from filter(None, (whole, Path(whole).name, Path(whole).stem))
        yield from filter(None, whole.split(",") if "," in whole else ())


def _of_the_machine() -> Iterator[tuple[str, str]]:
    for host in {platform.node(), socket.gethostname()}:
        yield from ((part, "host") for part in (host, host.split(".")[0]) if part)
    try:
        yield getpass.getuser(), "user"
    except (KeyError, OSError):
        return  # a service's user need not have a name
