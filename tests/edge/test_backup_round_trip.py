"""What was backed up comes back; what was there before stays until it is discarded."""

import threading
from contextlib import closing

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_logs import ANSWER, open_log, verdict
from device_data import (
    backup_of,
    content,
    device_data,
    note,
    notes,
    open_notes,
    restore_to,
)
from sfta_edge.backup.keys import load_private, load_public, new_key
from sfta_edge.backup.restoring import check_backup, discard_old, restore
from sfta_edge.backup.swap import old_data
from sfta_edge.backup.writing import make_backup, stream_backup
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.lock import DataLock


@pytest.fixture(name="root")
def _root(tmp_path):
    device_data(tmp_path / "device")
    return tmp_path / "device"


@pytest.fixture(name="key")
def _key(tmp_path):
    return tmp_path / "private.pem"


def without_log(found):
    return {name: what for name, what in found.items() if not name.startswith("audit/")}


def test_a_backup_brings_the_data_to_another_device(tmp_path, root, key):
    made = backup_of(root, tmp_path / "b.sfta", key)
    done = restore_to(tmp_path / "other", tmp_path / "b.sfta", key)
    expected = without_log(content(root / "data"))
    del expected["cache/prefix.bin"]
    assert without_log(content(tmp_path / "other/data")) == expected
    assert done.replaced is None
    assert (done.files, done.digest) == (made.files, made.digest)
    assert verdict(tmp_path / "other").intact


def test_the_audit_log_goes_on_with_a_record_of_the_restore(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    restore_to(tmp_path / "other", tmp_path / "b.sfta", key)
    with open_log(tmp_path / "other") as audit:
        assert [record["kind"] for record in audit.records(limit=2)] == ["restore", "answer"]
        assert audit.append("answer", ANSWER) == 6
        assert audit.verify().intact


def test_a_restore_does_not_forget_what_was_recorded_since_the_backup(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    with open_log(root) as audit:
        later = audit.append("answer", {**ANSWER, "question": "after the backup"})
        audit.redact(2, "asked for", "root")
    restore_to(root, tmp_path / "b.sfta", key)
    with open_log(root) as audit:
        assert audit.record(later)["question"] == "after the backup"
        assert audit.record(2)["redacted"]
        assert audit.verify().intact


def test_records_that_only_the_witness_knows_are_named_as_missing(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    with open_log(root) as audit:
        audit.append("answer", ANSWER)
    (root / "data").rename(tmp_path / "lost disk")
    restore_to(root, tmp_path / "b.sfta", key)
    with open_log(root) as audit:
        assert audit.records(limit=1)[0]["missing"] == [5, 5]
        assert audit.verify().intact


def test_a_backup_on_a_device_with_a_log_of_its_own_takes_the_log_of_the_backup(
    tmp_path, root, key
):
    backup_of(root, tmp_path / "b.sfta", key)
    other = tmp_path / "other"
    device_data(other)
    with open_log(other) as audit:
        audit.append("answer", ANSWER)
    restore_to(other, tmp_path / "b.sfta", key)
    assert verdict(other).intact
    with open_log(other) as audit:
        assert audit.verify().intact


def test_the_data_from_before_stay_until_they_are_discarded(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    note(root / "data", "after the backup")
    before = content(root / "data")
    done = restore_to(root, tmp_path / "b.sfta", key)
    assert notes(root / "data") == ["the oil is changed", "the filter is replaced"]
    assert content(done.replaced) == before
    assert discard_old(root / "data") == [done.replaced]
    assert old_data(root / "data") == []


def test_a_restore_can_be_done_twice(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    for _ in range(2):
        restore_to(root, tmp_path / "b.sfta", key)
    assert notes(root / "data") == ["the oil is changed", "the filter is replaced"]
    assert len(old_data(root / "data")) == 2
    assert verdict(root).intact


def test_a_backup_is_made_while_others_write(tmp_path, root, key):
    stop = threading.Event()

    def write():
        with open_notes(root / "data") as connection:
            while not stop.is_set():
                with connection:
                    for _ in range(2):  # pairs: half a transaction would show
                        connection.execute("INSERT INTO notes (text) VALUES ('pair')")

    with open_log(root) as audit:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(3):
                audit.append("answer", ANSWER)
                backup_of(root, tmp_path / f"{number}.sfta", key)
        finally:
            stop.set()
            writer.join()
    for number in range(3):
        other = tmp_path / str(number)
        restore_to(other, tmp_path / f"{number}.sfta", key)
        assert notes(other / "data").count("pair") % 2 == 0


def test_a_download_is_a_backup(tmp_path, root, key):
    new_key(key, root / "data")
    public = load_public(root / "data/keys/backup.pub")
    with (tmp_path / "b.sfta").open("wb") as stream:
        stream.writelines(stream_backup(root / "data", public))
    assert check_backup(tmp_path / "b.sfta", load_private(key)).files > 5


def test_nothing_is_left_beside_the_data(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    restore_to(root, tmp_path / "b.sfta", key)
    discard_old(root / "data")
    assert {path.name for path in root.iterdir()} == {"data", "audit.head", ".data.lock"}


def test_a_download_that_is_given_up_leaves_nothing(root, key):
    new_key(key, root / "data")
    pieces = stream_backup(root / "data", load_public(root / "data/keys/backup.pub"))
    next(pieces)
    pieces.close()
    assert not list(root.glob(".data.backup-*"))


def test_a_key_for_backups_is_not_overwritten_and_not_kept_on_the_device(root, key):
    with pytest.raises(ConfigError, match="folder that is backed up"):
        new_key(root / "data/keys/private.pem", root / "data")
    new_key(key, root / "data")
    assert key.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="has a backup key already"):
        new_key(key.with_name("other.pem"), root / "data")
    (root / "data/keys/backup.pub").unlink()
    with pytest.raises(ConfigError, match="already there"):
        new_key(key, root / "data")


@pytest.mark.parametrize("name", ["audit.pem", "audit.pub", "nothing", "backup.pub"])
def test_only_a_backup_key_opens_a_backup(root, key, name):
    new_key(key, root / "data")
    with pytest.raises(ConfigError):
        load_private(root / "data/keys" / name)
    with pytest.raises(ConfigError):
        load_public(key if name == "backup.pub" else root / "data/keys" / name)


def test_a_restore_refuses_while_a_server_runs(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    before = content(root / "data")
    with (
        DataLock(root / "data", "serve"),
        pytest.raises(ConfigError, match="in use by sfta-edge serve"),
    ):
        restore_to(root, tmp_path / "b.sfta", key)
    assert content(root / "data") == before


def test_a_backup_of_an_older_schema_is_brought_up_when_it_is_opened(tmp_path, root, key):
    from device_data import KIND, MIGRATIONS

    backup_of(root, tmp_path / "b.sfta", key)
    restore_to(tmp_path / "other", tmp_path / "b.sfta", key, schemas={KIND: 2})
    newer = (*MIGRATIONS, "ALTER TABLE notes ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;")
    with open_notes(tmp_path / "other/data", newer) as connection:
        assert list(connection.execute("SELECT sum(pinned) FROM notes")) == [(0,)]


def test_a_backup_of_a_newer_schema_is_refused(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    with pytest.raises(IntegrityError, match=r"notes\.sqlite"):
        restore_to(tmp_path / "other", tmp_path / "b.sfta", key, schemas={"notes": 0})
    assert not (tmp_path / "other/data").exists()


def test_a_backup_of_a_newer_program_is_refused(tmp_path, root, key, monkeypatch):
    monkeypatch.setattr("sfta_edge.backup.snapshot.__version__", "99.0.0")
    backup_of(root, tmp_path / "b.sfta", key)
    with pytest.raises(IntegrityError, match=r"made by sfta-edge 99\.0\.0"):
        restore_to(tmp_path / "other", tmp_path / "b.sfta", key)


def test_a_damaged_database_is_not_restored(tmp_path, root, key):
    with closing(apsw.Connection(str(root / "data/notes.sqlite"))) as connection:
        connection.execute(
            "DROP TRIGGER added; INSERT INTO notes (text) VALUES ('not indexed')"
        )
    backup_of(root, tmp_path / "b.sfta", key)
    with pytest.raises(IntegrityError, match=r"notes\.sqlite is damaged"):
        restore_to(tmp_path / "other", tmp_path / "b.sfta", key)
    assert not (tmp_path / "other/data").exists()


def test_a_file_of_the_same_name_is_not_overwritten(tmp_path, root, key):
    (tmp_path / "b.sfta").write_text("mine")
    with pytest.raises(ConfigError, match="already there"):
        backup_of(root, tmp_path / "b.sfta", key)
    assert (tmp_path / "b.sfta").read_text() == "mine"


def test_a_link_among_the_data_is_refused(tmp_path, root, key):
    (root / "data/files/shadow").symlink_to("/etc/shadow")
    with pytest.raises(IntegrityError, match="a link lies among the data"):
        backup_of(root, tmp_path / "b.sfta", key)


def test_there_is_nothing_to_back_up_where_there_are_no_data(tmp_path, root, key):
    new_key(key, root / "data")
    public = load_public(root / "data/keys/backup.pub")
    with pytest.raises(ConfigError, match="there are no data"):
        make_backup(tmp_path / "nothing", tmp_path / "b.sfta", public)


names = st.lists(
    st.text(st.characters(categories=["L", "N"], codec="utf-8"), min_size=1, max_size=12),
    min_size=1,
    max_size=3,
).map("/".join)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.dictionaries(names, st.binary(max_size=70_000), min_size=1, max_size=6).filter(
        lambda files: (
            len({name.casefold() for name in files}) == len(files)
            and not any(a != b and b.startswith(f"{a}/") for a in files for b in files)
            and not any({"cache", "caches", "parsed"} & set(name.split("/")) for name in files)
        )
    )
)
def test_any_folder_comes_back_as_it_was(tmp_path_factory, files):
    root = tmp_path_factory.mktemp("any")
    for name, what in files.items():
        path = root / "one/data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(what)
    new_key(root / "key.pem", root / "elsewhere")
    public = load_public(root / "elsewhere/keys/backup.pub")
    make_backup(root / "one/data", root / "b.sfta", public)
    (root / "two").mkdir()
    restore(root / "b.sfta", load_private(root / "key.pem"), root / "two/data")
    assert content(root / "two/data") == files
