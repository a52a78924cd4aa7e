"""A session lasts as long as it may, whatever the calendar says, and ends at once when it must."""

import hashlib

import apsw
import pytest

from account_world import (
    HERE,
    OTHER_PASSWORD,
    PASSWORD,
    TODAY,
    TurnedClock,
    peopled,
    stored_text,
)
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.refusals import WrongPasswordError
from sfta_edge.accounts.sessions import SessionLimits, csrf_of
from sfta_edge.accounts.users import UserChange

HOUR, DAY, YEAR = 3600.0, 24 * 3600.0, 365 * 24 * 3600.0


@pytest.fixture(name="clock")
def _clock():
    return TurnedClock()


@pytest.fixture(name="accounts")
def _accounts(tmp_path, clock):
    with peopled(tmp_path, clock=clock) as accounts:
        yield accounts


@pytest.fixture(name="cookie")
def _cookie(accounts):
    return accounts.login("rita", PASSWORD, HERE).cookie


def alive(accounts, cookie):
    return accounts.caller_of_cookie(cookie) is not None


def test_who_logged_in_is_known_by_the_cookie(accounts, cookie):
    assert accounts.caller_of_cookie(cookie) == accounts.users.find("rita").caller()


def test_the_file_does_not_hold_what_the_cookie_holds(accounts, cookie, tmp_path):
    stored = stored_text(tmp_path)
    assert hashlib.sha256(cookie.encode()).digest() in stored
    assert cookie.encode() not in stored
    assert csrf_of(cookie).encode() not in stored


def test_two_sessions_have_nothing_in_common(accounts, cookie):
    other = accounts.login("rita", PASSWORD, HERE).cookie
    assert cookie != other
    assert len(cookie) == len(other) >= 43
    assert csrf_of(cookie) != csrf_of(other)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda cookie: "",
        lambda cookie: cookie[:-1],
        lambda cookie: cookie + "A",
        lambda cookie: cookie.swapcase(),
        lambda cookie: cookie[::-1],
        lambda cookie: f" {cookie}",
        lambda cookie: f"{cookie}\x00",
        lambda cookie: "A" * 43,
        lambda cookie: "A" * 100_000,
        lambda cookie: "\ud800",
        lambda cookie: "' OR 1=1 --",
        lambda cookie: hashlib.sha256(cookie.encode()).hexdigest(),
        csrf_of,
    ],
)
def test_a_cookie_that_was_changed_is_nobodys(accounts, cookie, tamper):
    assert not alive(accounts, tamper(cookie))
    assert alive(accounts, cookie)


def test_a_session_in_use_lasts_and_one_that_is_not_ends(accounts, clock, cookie):
    unused = accounts.login("rita", PASSWORD, HERE).cookie
    for _ in range(4):
        clock.pass_(10 * HOUR)
        assert alive(accounts, cookie)
    assert not alive(accounts, unused)
    clock.pass_(12 * HOUR + 1)
    assert not alive(accounts, cookie)


def test_no_use_makes_a_session_last_longer_than_a_week(accounts, clock, cookie):
    hours = 0
    while alive(accounts, cookie) and hours < 10 * 24:
        clock.pass_(HOUR)
        hours += 1
    assert hours == 7 * 24 + 1


@pytest.mark.parametrize("wall", [0.0, TODAY - 20 * YEAR, TODAY + 20 * YEAR])
def test_a_calendar_that_jumps_ends_no_session_and_makes_none_last(
    accounts, clock, cookie, wall
):
    clock.wall = wall
    clock.uptime += HOUR
    assert alive(accounts, cookie)
    clock.uptime += 13 * HOUR
    assert not alive(accounts, cookie)


def test_a_device_that_boots_in_1970_knows_who_is_logged_in(accounts, clock, cookie):
    clock.reboot(wall=10.0)
    assert alive(accounts, cookie)
    clock.pass_(13 * HOUR)
    assert not alive(accounts, cookie)
    clock.reboot(wall=10.0)
    assert not alive(accounts, cookie)  # another boot does not bring it back


def test_switching_off_each_night_makes_no_session_last_for_ever(accounts, clock, cookie):
    days = 0
    while alive(accounts, cookie):
        clock.pass_(9 * HOUR)
        assert days == 0 or alive(accounts, cookie) or days >= 6
        clock.reboot(off=2 * HOUR)
        days += 1
        assert days < 30
    assert days >= 7


def test_a_device_whose_calendar_is_ahead_after_a_boot_asks_for_a_login(
    accounts, clock, cookie
):
    clock.reboot(wall=TODAY + 20 * YEAR)
    assert not alive(accounts, cookie)
    assert alive(accounts, accounts.login("rita", PASSWORD, HERE).cookie)
    clock.wall = TODAY + HOUR  # the time server is heard
    assert alive(accounts, cookie)  # nothing was deleted for the sake of a wrong calendar


def test_a_session_that_began_in_1970_survives_the_time_server_and_a_boot(accounts, clock):
    clock.wall = 20.0
    cookie = accounts.login("rita", PASSWORD, HERE).cookie
    clock.wall, clock.uptime = TODAY, clock.uptime + 120
    assert alive(accounts, cookie)
    clock.reboot()
    assert alive(accounts, cookie)


def test_a_disabled_user_with_a_live_session_is_out_at_once(accounts, cookie):
    accounts.change_user(CONSOLE, "rita", UserChange(disabled=True))
    assert not alive(accounts, cookie)
    accounts.change_user(CONSOLE, "rita", UserChange(disabled=False))
    assert not alive(accounts, cookie)  # the session ended; it does not come back


def test_a_removed_user_with_a_live_session_is_out_at_once(accounts, cookie):
    accounts.remove_user(CONSOLE, "rita")
    assert not alive(accounts, cookie)
    accounts.add_user(CONSOLE, "rita", PASSWORD, "admin")
    assert not alive(accounts, cookie)


def test_a_lesser_role_counts_at_once(accounts):
    cookie = accounts.login("ed", PASSWORD, HERE).cookie
    accounts.change_user(CONSOLE, "ed", UserChange(role="reader", groups=["sales"]))
    caller = accounts.caller_of_cookie(cookie)
    assert (caller.role, caller.groups) == ("reader", {"sales"})


def test_a_new_password_from_an_admin_ends_all_sessions(accounts, cookie):
    accounts.change_user(CONSOLE, "rita", UserChange(password=OTHER_PASSWORD))
    assert not alive(accounts, cookie)


def test_a_new_password_of_ones_own_ends_the_other_sessions(accounts, cookie):
    other = accounts.login("rita", PASSWORD, HERE).cookie
    eds = accounts.login("ed", PASSWORD, HERE).cookie
    accounts.change_password(cookie, PASSWORD, OTHER_PASSWORD, HERE)
    assert (alive(accounts, cookie), alive(accounts, other), alive(accounts, eds)) == (
        True,
        False,
        True,
    )
    with pytest.raises(WrongPasswordError):
        accounts.login("rita", PASSWORD, HERE)
    assert accounts.login("rita", OTHER_PASSWORD, HERE)


def test_logging_out_ends_one_session(accounts, cookie):
    other = accounts.login("rita", PASSWORD, HERE).cookie
    accounts.logout(cookie)
    accounts.logout(cookie)
    accounts.logout("nonsense")
    assert not alive(accounts, cookie)
    assert alive(accounts, other)


def test_one_person_cannot_fill_the_file_with_sessions(tmp_path, clock):
    limits = SessionLimits(per_user=3)
    with peopled(tmp_path, clock=clock, limits=limits) as accounts:
        eds = accounts.login("ed", PASSWORD, HERE).cookie
        cookies = [accounts.login("rita", PASSWORD, HERE).cookie for _ in range(5)]
        assert [alive(accounts, cookie) for cookie in cookies] == [
            False,
            False,
            True,
            True,
            True,
        ]
        assert alive(accounts, eds)


def test_use_is_noted_once_a_minute_and_not_with_each_request(accounts, clock, cookie):
    first = accounts.users.find("rita").last_seen
    clock.pass_(59)
    accounts.caller_of_cookie(cookie)
    assert accounts.users.find("rita").last_seen == first
    clock.pass_(2)
    accounts.caller_of_cookie(cookie)
    assert accounts.users.find("rita").last_seen == clock.wall


def test_a_full_disk_keeps_nobody_out_who_is_in(accounts, clock, cookie, monkeypatch, caplog):
    real = accounts._store.rows

    def full(sql, *bindings):
        if sql.startswith("UPDATE"):
            raise apsw.FullError("database or disk is full")
        return real(sql, *bindings)

    monkeypatch.setattr(accounts._store, "rows", full)
    clock.pass_(HOUR)
    assert alive(accounts, cookie)
    assert "could not be noted" in caplog.text


def test_a_session_is_not_begun_for_whoever_lost_the_account_meanwhile(accounts):
    user, kept = accounts.users.look_up("rita")
    accounts.change_user(CONSOLE, "rita", UserChange(disabled=True))
    with pytest.raises(WrongPasswordError):
        accounts.sessions.begin(user, kept)
    accounts.change_user(CONSOLE, "rita", UserChange(disabled=False, password=OTHER_PASSWORD))
    with pytest.raises(WrongPasswordError):
        accounts.sessions.begin(user, kept)
