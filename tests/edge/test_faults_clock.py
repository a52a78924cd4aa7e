"""A calendar that is wrong, or jumps, spoils nothing: 1970, twenty years ahead, and back again."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from account_world import PASSWORD, TurnedClock, bearer, guarded_app, opened, people
from audit_logs import ANSWER, open_log, verdict
from device_data import backup_of, content, device_data, restore_to
from sfta_edge.audit import clock as audit_clock
from sfta_edge.errors import IntegrityError
from sfta_edge.installation import install
from sfta_edge.slots import read_state, rollback
from signed_bundles import PUBLIC, make
from whole_device import OIL, Person, app_of, opened_device

DAY, YEAR = 86_400.0, 365 * 86_400.0
NOW = time.time()
JUMPS = (0.0, NOW, NOW + 20 * YEAR, 3600.0, NOW - 5 * YEAR)
"""What the calendar says, in this order: 1970, today, 2046, 1970 again, some years ago."""


class Calendar:
    """What every program of this process believes the date to be; other clocks go on."""

    def __init__(self, patch):
        self.shift, real = 0.0, time.time
        patch.setattr(time, "time", lambda: real() + self.shift)
        holder = self

        class Shifted(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromtimestamp(0, tz or UTC) + timedelta(
                    seconds=real() + holder.shift
                )

        for module in ("audit.clock", "history"):
            patch.setattr(f"sfta_edge.{module}.datetime", Shifted)
        self._real = real

    def set(self, seconds):
        self.shift = seconds - self._real()


@pytest.fixture(name="calendar")
def _calendar(monkeypatch):
    return Calendar(monkeypatch)


def test_the_calendar_of_these_tests_is_believed(calendar):
    for seconds in JUMPS:
        calendar.set(seconds)
        assert abs(time.time() - seconds) < 60
        said = datetime.fromisoformat(audit_clock.clock_facts()["wall"])
        assert abs(said.timestamp() - seconds) < 60


def test_bundles_are_installed_whatever_the_date(calendar, tmp_path):
    root = tmp_path / "root"
    for counter, seconds in enumerate(JUMPS, 1):
        calendar.set(seconds)
        install(make(tmp_path / str(counter), counter), root, PUBLIC)
        assert read_state(root).current.counter == counter
    calendar.set(NOW + 20 * YEAR)
    with pytest.raises(IntegrityError, match="older"):
        install(make(tmp_path / "old", 2), root, PUBLIC)
    assert rollback(root).current.counter == len(JUMPS) - 1


def test_the_log_keeps_its_order_and_its_chain(calendar, tmp_path):
    for seconds in JUMPS:
        calendar.set(seconds)
        with open_log(tmp_path, clock=audit_clock.clock_facts) as audit:
            for _ in range(2):
                audit.append("answer", ANSWER)
            newest = [record["id"] for record in audit.records(limit=200)]
            assert newest == sorted(newest, reverse=True)
    assert verdict(tmp_path).intact


def test_backups_are_made_and_restored_whatever_the_date(calendar, tmp_path):
    root, key = tmp_path / "device", tmp_path / "key.pem"
    device_data(root)
    expected = content(root / "data")["notes.sqlite"]
    for number, seconds in enumerate(JUMPS):
        calendar.set(seconds)
        backup = tmp_path / f"{number}.sfta"
        backup_of(root, backup, key)
        calendar.set(JUMPS[number - 1])
        restore_to(root, backup, key)
        assert content(root / "data")["notes.sqlite"] == expected
        assert verdict(root).intact


def test_a_session_and_a_token_survive_jumps_within_a_boot(tmp_path):
    clock = TurnedClock()
    with opened(tmp_path, clock=clock) as accounts:
        people(accounts)
        client = guarded_app(accounts).test_client()
        who = {"name": "ada", "password": PASSWORD}
        headers = {"X-CSRF-Token": client.post("/v1/session", json=who).json["csrf"]}
        asked = {"name": "robot", "role": "reader", "days": 2}
        token = client.post("/v1/tokens", json=asked, headers=headers).json["token"]
        other = guarded_app(accounts).test_client()
        for seconds in JUMPS:
            clock.wall = seconds
            clock.pass_(60)
            assert client.get("/v1/whoami").json["name"] == "ada"
            assert other.get("/v1/whoami", headers=bearer(token)).status_code == 200
        clock.uptime += 2 * DAY
        assert other.get("/v1/whoami", headers=bearer(token)).status_code == 401


def test_a_lock_out_ends_by_the_time_that_passes_and_not_by_the_calendar(tmp_path):
    clock = TurnedClock()
    with opened(tmp_path, clock=clock) as accounts:
        people(accounts)
        client = guarded_app(accounts).test_client()

        def enter(password):
            who = {"name": "ada", "password": password}
            return client.post("/v1/session", json=who)

        while enter("wrong word entirely").status_code != 429:
            pass
        clock.wall += 20 * YEAR
        assert enter(PASSWORD).status_code == 429
        clock.wall = 0.0
        assert enter(PASSWORD).status_code == 429
        clock.uptime += DAY
        assert enter(PASSWORD).status_code == 200


@pytest.mark.slow
def test_a_device_works_through_all_dates(calendar, small_bundle, tmp_path):
    calendar.set(JUMPS[0])
    with opened_device(small_bundle, tmp_path / "data") as device:
        admin = Person(device, app_of(device))
        for number, seconds in enumerate(JUMPS):
            calendar.set(seconds)
            text = f"The belt {number} is greased daily.\n".encode()
            assert admin.job(admin.upload(f"{number}.txt", text))["state"] == "done"
            assert admin.ask().status_code == 200
            assert admin.call("GET", "/v1/status").json["uptime_seconds"] < DAY
        entries = admin.listed("/v1/history", "entries")
        assert [entry["question"] for entry in entries] == [OIL] * len(JUMPS)
        numbers = [int(entry["id"]) for entry in entries]
        assert numbers == sorted(numbers, reverse=True)
        assert admin.call("POST", "/v1/audit/verify").json["intact"]
    calendar.set(JUMPS[2])
    with opened_device(small_bundle, tmp_path / "data") as device:
        assert len(Person(device, app_of(device)).listed("/v1/documents", "documents")) == 6
