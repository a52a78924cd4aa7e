"""Are restored data whole, and of a version that this program can work with?"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

from sfta_edge import __version__
from sfta_edge.backup.snapshot import audit_facts
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_format import connect
from sfta_edge.manifest import Manifest

_FULL_TEXT = re.compile(
    r"CREATE\s+VIRTUAL\s+TABLE\s+.*\bUSING\s+fts5\b", re.IGNORECASE | re.DOTALL
)
_CONTENTLESS = re.compile(r"content\s*=\s*(''|\"\")", re.IGNORECASE)


def check_version(manifest: Manifest, schemas: Mapping[str, int]) -> None:
    """Refuse what a newer program wrote; what an older one wrote is brought up when it is opened.

    Args:
        manifest: of the backup.
        schemas: newest version of each kind of database that this program knows.

    Raises:
        IntegrityError: the backup is of a newer program, or of one that cannot be compared.
    """
    program = manifest.facts.get("program")
    databases: Mapping[str, Any] = manifest.facts.get("databases", {})
    newer = [
        name
        for name, facts in databases.items()
        if facts.get("version", 0) > schemas.get(facts.get("kind", ""), facts.get("version", 0))
    ]
    if _numbers(program) > _numbers(__version__) or newer:
        what = f": {', '.join(newer)}" if newer else ""
        raise IntegrityError(
            f"the backup was made by sfta-edge {program}, this is {__version__}{what}",
            hint="Install the newer bundle first.",
        )


def check_data(data: Path, manifest: Manifest) -> None:
    """Check every database, its full-text indexes, and the audit log.

    A log that was broken when the backup was made is no reason to refuse the rest: it must
    only be as broken as it was.

    Raises:
        IntegrityError: names what is damaged.
    """
    for path in sorted(data.rglob("*.sqlite")):
        check_database(path)
    found, said = audit_facts(data) or {}, manifest.facts.get("audit") or {}
    # Not the words: another version may choose others.
    if any(found.get(name) != said.get(name) for name in ("intact", "records", "first_bad")):
        raise IntegrityError(f"the audit log is not what it was: {said}, now {found}")


def check_database(path: Path) -> None:
    """Check structure, foreign keys and full-text indexes of one database.

    Raises:
        IntegrityError: names what is damaged.
    """
    connection = connect(path, apsw.SQLITE_OPEN_READWRITE, "mode=rw")
    try:
        problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        problems = [problem for problem in problems if problem != "ok"]
        problems += [str(row) for row in connection.execute("PRAGMA foreign_key_check")]
        tables = list(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql != ''"))
        for name, sql in tables:
            if _FULL_TEXT.match(sql):
                # 1 also compares with the table that the texts are in, if there is one.
                rank = 0 if _CONTENTLESS.search(sql) else 1
                quoted = name.replace('"', '""')
                connection.execute(
                    f'INSERT INTO "{quoted}" ("{quoted}", rank)'  # noqa: S608 quoted above
                    f" VALUES ('integrity-check', {rank})"
                )
    except apsw.Error as error:
        raise IntegrityError(f"{path.name} is damaged: {error}") from error
    finally:
        connection.close()
    if problems:
        raise IntegrityError(f"{path.name} is damaged: {problems[0]}")


def _numbers(version: object) -> tuple[int, ...]:
    numbers = re.findall(r"\d+", version) if isinstance(version, str) else []
    if not numbers:
        raise IntegrityError(f"the backup does not say which version made it: {version!r}")
    return tuple(int(number) for number in numbers[:3])
