"""Programs are let in by a token as long as it is valid, and not a request longer."""

import pytest

from account_world import (
    CHEAP,
    HERE,
    PASSWORD,
    THERE,
    TODAY,
    TurnedClock,
    opened,
    peopled,
    stored_text,
)
from sfta_edge.accounts import passwords as module
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.passwords import Passwords
from sfta_edge.accounts.refusals import LockedOutError, TakenError, UnknownAccountError
from sfta_edge.caller import Caller
from sfta_edge.errors import ConfigError

DAY, YEAR = 24 * 3600.0, 365 * 24 * 3600.0


@pytest.fixture(name="clock")
def _clock():
    return TurnedClock()


@pytest.fixture(name="accounts")
def _accounts(tmp_path, clock):
    with peopled(tmp_path, clock=clock) as accounts:
        yield accounts


@pytest.fixture(name="made")
def _made(accounts):
    return accounts.add_token(CONSOLE, "line 7", "editor", ["service"], 30)


@pytest.fixture(name="computed")
def _computed(monkeypatch):
    """Counts the computations of scrypt."""
    calls, real = [], module.hashlib.scrypt

    def counted(*arguments, **facts):
        calls.append(1)
        return real(*arguments, **facts)

    monkeypatch.setattr(module.hashlib, "scrypt", counted)
    return calls


def test_a_token_is_a_caller_that_no_person_can_be(accounts, made):
    token, text = made
    caller = accounts.caller_of_token(text, HERE)
    assert caller == Caller("token:line 7", "editor", frozenset({"service"}), token.id)
    with pytest.raises(ConfigError):
        accounts.add_user(CONSOLE, caller.name, PASSWORD, "reader")


def test_a_token_is_listed_without_its_secret(accounts, made, tmp_path):
    token, text = made
    (listed,) = (each.to_json() for each in accounts.tokens.all())
    assert listed == {
        "id": token.id, "name": "line 7", "role": "editor", "groups": ["service"],
        "created": TODAY, "last_used": None, "expires": TODAY + 30 * DAY,
    }  # fmt: skip
    assert text.startswith(f"sfta_{token.id}_")
    assert text.split("_", 2)[2].encode() not in stored_text(tmp_path)


def test_the_use_of_a_token_is_noted(accounts, made, clock):
    for passed, noted in ((5, 5), (30, 5), (31, 66)):
        clock.pass_(passed)
        assert accounts.caller_of_token(made[1], HERE)
        assert accounts.tokens.all()[0].last_used == TODAY + noted


@pytest.mark.parametrize(
    "tamper",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.swapcase(),
        lambda text: text[:-2] + ("AA" if text[-2:] != "AA" else "BB"),
        lambda text: text.replace("sfta_", "sfta-"),
        lambda text: f" {text}",
        lambda text: f"{text}\n",
        lambda text: f"sfta_{'0' * 16}_" + text[-43:],
        lambda text: text.split("_", 2)[2],
        lambda text: "sfta_' OR 1=1 --_" + "A" * 43,
        lambda text: "x" * 1_000_000,
        lambda text: "\ud800",
    ],
)
def test_a_token_that_was_changed_lets_nobody_in(accounts, made, tamper):
    assert accounts.caller_of_token(tamper(made[1]), HERE) is None
    assert accounts.caller_of_token(made[1], HERE) is not None
    assert accounts.caller_of_token(tamper(made[1]), HERE) is None


def test_a_verified_token_costs_no_scrypt_for_some_minutes(accounts, made, clock, computed):
    for _ in range(20):
        assert accounts.caller_of_token(made[1], HERE)
        clock.pass_(10)
    assert len(computed) == 1
    clock.pass_(300)
    assert accounts.caller_of_token(made[1], HERE)
    assert len(computed) == 2


def test_what_is_no_token_costs_no_scrypt(accounts, made, computed):
    for text in ("", "x", f"sfta_{'0' * 16}_{'A' * 43}", made[1][:-1]):
        assert accounts.caller_of_token(text, HERE) is None
    assert computed == []


def test_a_removed_token_is_refused_at_once_though_it_was_verified_just_now(accounts, made):
    token, text = made
    assert accounts.caller_of_token(text, HERE)
    accounts.remove_token(CONSOLE, token.id)
    assert accounts.caller_of_token(text, HERE) is None
    with pytest.raises(UnknownAccountError):
        accounts.remove_token(CONSOLE, token.id)


def test_a_token_that_another_process_removed_is_refused_at_once(accounts, made, tmp_path):
    token, text = made
    assert accounts.caller_of_token(text, HERE)
    with opened(tmp_path) as other:
        other.remove_token(CONSOLE, token.id)
    assert accounts.caller_of_token(text, HERE) is None


def test_a_token_of_the_same_name_does_not_bring_the_old_one_back(accounts, made):
    accounts.remove_token(CONSOLE, made[0].id)
    _, again = accounts.add_token(CONSOLE, "line 7", "editor", [])
    assert accounts.caller_of_token(made[1], HERE) is None
    assert accounts.caller_of_token(again, HERE)


def test_an_expired_token_is_refused_though_it_was_verified_just_now(accounts, made, clock):
    clock.pass_(30 * DAY - 1)
    assert accounts.caller_of_token(made[1], HERE)
    clock.pass_(2)
    assert accounts.caller_of_token(made[1], HERE) is None
    assert accounts.tokens.all()[0].expired


def test_a_token_without_days_does_not_expire(accounts, clock):
    token, text = accounts.add_token(CONSOLE, "for ever", "reader", [])
    clock.pass_(50 * YEAR)
    assert token.expires is None
    assert accounts.caller_of_token(text, HERE)


@pytest.mark.parametrize("wall", [0.0, TODAY - 20 * YEAR, TODAY + 20 * YEAR])
def test_a_calendar_that_jumps_neither_ends_a_token_nor_makes_it_last(
    accounts, made, clock, wall
):
    clock.wall = wall
    assert accounts.caller_of_token(made[1], HERE)
    assert accounts.tokens.all()[0].expires == pytest.approx(wall + 30 * DAY)
    clock.uptime += 31 * DAY
    assert accounts.caller_of_token(made[1], HERE) is None


def test_a_calendar_that_was_ahead_for_a_boot_does_not_use_a_token_up(accounts, made, clock):
    clock.reboot(wall=TODAY + 20 * YEAR)
    assert accounts.caller_of_token(made[1], HERE) is None
    clock.wall = TODAY + DAY
    assert accounts.caller_of_token(made[1], HERE)


def test_a_token_in_use_ages_over_many_boots_in_1970(accounts, made, clock):
    days = 0
    while accounts.caller_of_token(made[1], HERE):
        clock.pass_(DAY)
        accounts.caller_of_token(made[1], HERE)
        clock.reboot(wall=10.0)
        days += 1
        assert days < 40
    assert days == 30


@pytest.mark.parametrize("days", [0, -1, 3651, 1.5, "30", True, [30]])
def test_days_are_a_whole_number_within_reason(accounts, days):
    with pytest.raises(ConfigError, match="whole days"):
        accounts.add_token(CONSOLE, "x", "reader", [], days)


def test_two_tokens_do_not_share_a_name(accounts, made):
    with pytest.raises(TakenError):
        accounts.add_token(CONSOLE, " LINE  7", "reader", [])


@pytest.mark.parametrize(("name", "role"), [("", "reader"), ("a/b", "reader"), ("x", "root")])
def test_a_token_that_cannot_be_is_not_made(accounts, name, role):
    with pytest.raises(ConfigError):
        accounts.add_token(CONSOLE, name, role, [])
    assert accounts.tokens.all() == []


def test_guessing_the_secret_of_a_known_token_is_locked_out_and_the_owner_is_not(
    accounts, made, computed
):
    token, text = made
    accounts.caller_of_token(text, HERE)
    wrong = f"sfta_{token.id}_{'A' * 43}"
    for _ in range(5):
        assert accounts.caller_of_token(wrong, THERE) is None
    with pytest.raises(LockedOutError):
        accounts.caller_of_token(wrong, THERE)
    assert accounts.caller_of_token(text, THERE)  # remembered: it proves itself without a guess
    assert accounts.caller_of_token(text, HERE)
    assert accounts.login("rita", PASSWORD, THERE)  # a program keeps nobody from the login
    assert len(computed) == 7


def test_what_is_remembered_is_bounded(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("sfta_edge.accounts.tokens._MEMORY_PLACES", 3)
    with opened(tmp_path, clock=clock, passwords=Passwords(CHEAP)) as accounts:
        texts = [accounts.add_token(CONSOLE, f"t{i}", "reader", [])[1] for i in range(5)]
        for text in texts:
            assert accounts.caller_of_token(text, HERE)
        assert len(accounts.tokens._memory) == 3
        assert not any(text.encode() in accounts.tokens._memory for text in texts)
        assert all(accounts.caller_of_token(text, HERE) for text in texts)
