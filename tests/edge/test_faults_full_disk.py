"""On a full disk the device goes on answering, keeps what it has, and heals when space returns."""

from contextlib import closing

import apsw
import pytest

from audit_logs import ANSWER, open_log, verdict
from sfta_edge import bundle as bundles
from sfta_edge.database import open_database, rows
from sfta_edge.errors import SftaError
from sfta_edge.installation import install
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, read_state
from signed_bundles import PUBLIC, make
from small_disks import PAGE, left, names_left, small_disk
from whole_device import OIL, Person, app_of, opened_device

NOTES = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;",)


@pytest.fixture(name="unchecked")
def _unchecked(monkeypatch):
    """Space is not looked at beforehand: it runs out in the middle."""
    monkeypatch.setattr(bundles, "_SPARE_BYTES", -(1 << 40))


def answers_from(root, counter):
    """One whole bundle answers, and the state tells the truth about the other slot."""
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == counter
    for name, what in read_state(root).slots.items():
        slot = open_verified(root / "slots" / name, PUBLIC)
        assert slot.facts["counter"] == what.counter


def tried(root, bundle, counter):
    """Install; whether there was room. What answered before does if there was not."""
    before = read_state(root).current.counter
    try:
        install(bundle, root, PUBLIC)
    except SftaError as error:
        told = error
    else:
        told = None
    if told:
        assert "No space left" in str(told)
        assert told.hint
        answers_from(root, before)
        assert not (root / "slots/.incoming").exists()
        return False
    answers_from(root, counter)
    return True


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("form", ["folder", "archive"])
def test_a_disk_that_fills_at_any_point_of_an_installation(tmp_path, form):
    outcomes = set()
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        root, counter = disk / "root", 1
        install(make(tmp_path / "1", 1), root, PUBLIC)
        for free in range(0, 24 * PAGE, PAGE):
            counter += 1
            bundle = make(tmp_path / str(counter), counter)
            chosen = bundle if form == "folder" else bundle.with_suffix(".tar")
            with left(disk, free):
                outcomes.add(tried(root, chosen, counter))
            install(chosen, root, PUBLIC)
            answers_from(root, counter)
    assert outcomes == {False, True}


@pytest.mark.usefixtures("unchecked")
def test_a_disk_without_names_left_at_any_point_of_an_installation(tmp_path):
    outcomes = set()
    with small_disk(tmp_path / "disk", 2 << 20, inodes=100) as disk:
        root, counter = disk / "root", 1
        install(make(tmp_path / "1", 1), root, PUBLIC)
        for free in range(14):
            counter += 1
            bundle = make(tmp_path / str(counter), counter)
            with names_left(disk, free):
                outcomes.add(tried(root, bundle, counter))
            install(bundle, root, PUBLIC)
            answers_from(root, counter)
    assert outcomes == {False, True}


def test_a_database_on_a_full_disk_keeps_what_was_acknowledged(tmp_path):
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        path, kept = disk / "data/notes.sqlite", []
        with closing(open_database(path, "notes", NOTES)) as database:
            with left(disk, 12 * PAGE):
                with pytest.raises(apsw.FullError):  # noqa: PT012 until nothing more fits
                    for number in range(10_000):
                        text = f"{number} " * 200
                        with database:
                            database.execute("INSERT INTO notes (text) VALUES (?)", (text,))
                        kept.append(text)
                assert [text for (text,) in rows(database, "SELECT text FROM notes")] == kept
            with database:
                database.execute("INSERT INTO notes (text) VALUES ('space again')")
        assert kept
        with closing(open_database(path, "notes", NOTES)) as database:
            found = [text for (text,) in rows(database, "SELECT text FROM notes ORDER BY id")]
            assert found == [*kept, "space again"]
            assert database.pragma("integrity_check") == "ok"


def test_a_checkpoint_without_room_loses_nothing(tmp_path):
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        path = disk / "data/notes.sqlite"
        with closing(open_database(path, "notes", NOTES)) as database:
            database.wal_autocheckpoint(0)
            with database:
                for number in range(50):
                    database.execute(
                        "INSERT INTO notes (text) VALUES (?)", (f"{number} " * 500,)
                    )
            with left(disk, 2 * PAGE):
                with pytest.raises(apsw.FullError):
                    database.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                assert rows(database, "SELECT count(*) FROM notes") == [(50,)]
            database.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            assert database.pragma("integrity_check") == "ok"
            assert rows(database, "SELECT count(*) FROM notes") == [(50,)]


def test_a_log_on_a_full_disk_waits_and_is_whole(tmp_path):
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        with open_log(disk) as audit:
            with left(disk, 0):
                while audit.append("answer", ANSWER) is not None:
                    pass
                assert not audit.health()["writable"]
            assert audit.append("answer", ANSWER)
            assert audit.health()["writable"]
        assert verdict(disk).intact


@pytest.mark.slow
def test_a_device_on_a_full_disk_answers_refuses_uploads_and_heals(tmp_path, small_bundle):
    with (
        small_disk(tmp_path / "disk", 320 << 20) as disk,
        opened_device(small_bundle, disk / "data") as device,
    ):
        admin = Person(device, app_of(device))
        job = admin.job(admin.upload("a.txt", b"The belt is greased daily.\n"))
        with left(disk, 0):
            refused = admin.call("POST", "/v1/documents?name=b.txt", data=b"x" * 9000)
            assert refused.status_code == 507
            assert refused.json["detail"]
            answer = admin.ask()
            assert answer.status_code == 200, answer.json
            assert answer.json["answer"]
            assert answer.json["degraded"] == ["disk"]
            status = admin.call("GET", "/v1/status").json
            assert "disk" in status["degraded"]
            assert admin.listed("/v1/documents", "documents")
            assert admin.call("GET", f"/v1/documents/{job['document_id']}").status_code == 200
        assert admin.ask("What is the noise level?").json["id"]
        again = admin.job(admin.upload("b.txt", b"The chain is oiled weekly.\n"))
        assert again["state"] == "done"
        questions = {r.get("question") for r in admin.listed("/v1/audit?limit=200", "records")}
        assert OIL in questions
        assert admin.call("POST", "/v1/audit/verify").json["intact"]
