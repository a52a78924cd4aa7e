"""A data folder as a device has it: databases, originals, accounts, an audit log, caches."""

from contextlib import closing

import apsw

from audit_logs import filled_log
from sfta_edge.backup.keys import load_private, load_public, new_key
from sfta_edge.backup.restoring import restore
from sfta_edge.backup.writing import make_backup
from sfta_edge.database import open_database

KIND = "notes"
MIGRATIONS = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE VIRTUAL TABLE notes_fts USING fts5 (text, content = 'notes', content_rowid = 'id');"
    "CREATE TRIGGER added AFTER INSERT ON notes BEGIN"
    " INSERT INTO notes_fts (rowid, text) VALUES (new.id, new.text); END;",
)


def open_notes(data, migrations=MIGRATIONS):
    """A database with a full-text index."""
    return closing(open_database(data / "notes.sqlite", KIND, migrations))


def note(data, *texts):
    """Add notes."""
    with open_notes(data) as connection:
        for text in texts:
            connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))


def notes(data):
    """All notes, in their order."""
    with open_notes(data) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY id")]


def device_data(root):
    """Fill ``root/data``; returns it."""
    filled_log(root)
    data = root / "data"
    note(data, "the oil is changed", "the filter is replaced")
    (data / "files").mkdir()
    (data / "files/aa").write_bytes(b"%PDF-1.7 original" * 20_000)
    (data / "settings.json").write_text("{}")
    (data / "cache").mkdir()
    (data / "cache/prefix.bin").write_bytes(b"state of a model")
    return data


def content(data):
    """What a backup has to bring back: bytes of files, rows of databases."""
    found = {}
    for path in sorted(data.rglob("*")):
        name = path.relative_to(data).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(data).parts)
        if hidden or not path.is_file() or name.endswith(("-wal", "-shm")):
            continue
        found[name] = rows(path) if path.suffix == ".sqlite" else path.read_bytes()
    return found


def rows(path):
    """Every row of every table of a database."""
    with closing(apsw.Connection(str(path))) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {
            name: list(connection.execute(f"SELECT * FROM {name}"))  # noqa: S608 our own
            for (name,) in list(tables)
        }


def backup_of(root, out, key):
    """A backup of an installation, for a key that is made if it is not there."""
    if not key.exists():
        new_key(key, root / "data")
    return make_backup(root / "data", out, load_public(root / "data/keys/backup.pub"))


def restore_to(root, backup, key, **options):
    """The backup as the data of an installation."""
    root.mkdir(exist_ok=True)
    options = {"witness": root / "audit.head", **options}
    return restore(backup, load_private(key), root / "data", **options)
