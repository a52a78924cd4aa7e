"""The first admin comes with the token from the console; there is no password that all know."""

import logging
import re
import threading

import pytest

from account_world import HERE, OTHER_PASSWORD, PASSWORD, THERE, opened, stored_text
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.refusals import LockedOutError, SetupOverError, WrongPasswordError
from sfta_edge.caller import Caller
from sfta_edge.errors import ConfigError


@pytest.fixture(name="accounts")
def _accounts(tmp_path):
    with opened(tmp_path) as accounts:
        yield accounts


def test_whoever_reads_the_console_becomes_the_admin_and_is_logged_in(accounts):
    token = accounts.setup.begin()
    login = accounts.set_up(token, "Ada", PASSWORD, HERE)
    assert accounts.caller_of_cookie(login.cookie) == Caller("Ada", "admin")
    assert accounts.login("ada", PASSWORD, THERE)
    assert not accounts.setup.is_open


def test_the_token_can_be_typed_and_not_guessed(accounts):
    token = accounts.setup.begin()
    assert re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", token)
    assert accounts.set_up(f" {token.lower().replace('-', ' ')}\t", "ada", PASSWORD, HERE)


def test_the_token_is_nowhere_but_on_the_console(accounts, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        token = accounts.setup.begin()
        accounts.set_up(token, "ada", PASSWORD, HERE)
    plain = token.replace("-", "")
    assert plain.encode() not in stored_text(tmp_path)
    assert token not in caplog.text
    assert all(part not in repr(accounts.on_event.heard) for part in (token, plain, PASSWORD))


def test_a_restart_makes_a_new_token_and_the_old_one_worthless(accounts, tmp_path):
    old = accounts.setup.begin()
    accounts.close()
    with opened(tmp_path) as again:
        new = again.setup.begin()
        assert new != old
        with pytest.raises(WrongPasswordError, match="not the token"):
            again.set_up(old, "eve", PASSWORD, HERE)
        assert again.set_up(new, "ada", PASSWORD, HERE)


def test_without_a_token_on_the_console_nothing_matches(accounts):
    for token in ("", "AAAA", "-"):
        with pytest.raises(WrongPasswordError):
            accounts.set_up(token, "eve", PASSWORD, HERE)
    assert accounts.users.none_yet


def test_the_token_works_once(accounts):
    token = accounts.setup.begin()
    accounts.set_up(token, "ada", PASSWORD, HERE)
    with pytest.raises(SetupOverError):
        accounts.set_up(token, "eve", PASSWORD, HERE)
    assert accounts.setup.begin() is None
    assert [user.name for user in accounts.users.all()] == ["ada"]


def test_of_two_with_the_token_one_becomes_the_admin(accounts):
    token, start, outcomes = accounts.setup.begin(), threading.Barrier(2), []

    def enter(name):
        start.wait()
        try:
            outcomes.append(accounts.set_up(token, name, PASSWORD, HERE).user.name)
        except SetupOverError:
            outcomes.append(None)

    threads = [threading.Thread(target=enter, args=(name,)) for name in ("ada", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(None) == 1
    assert [user.name for user in accounts.users.all()] == [name for name in outcomes if name]


def test_a_mistake_in_name_or_password_does_not_use_the_token_up(accounts):
    token = accounts.setup.begin()
    for name, password in (("ada", "short"), ("", PASSWORD), (None, PASSWORD), ("ada", None)):
        with pytest.raises(ConfigError):
            accounts.set_up(token, name, password, HERE)
    assert accounts.set_up(token, "ada", PASSWORD, HERE)


def test_guessing_the_token_is_locked_out_and_the_console_is_not(accounts):
    token = accounts.setup.begin()
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            accounts.set_up("A" * 24, "eve", PASSWORD, THERE)
    with pytest.raises(LockedOutError):
        accounts.set_up(token, "eve", PASSWORD, THERE)
    assert accounts.set_up(token, "ada", PASSWORD, HERE)


def test_an_admin_from_the_command_line_ends_the_setup(accounts):
    token = accounts.setup.begin()
    accounts.add_user(CONSOLE, "ada", PASSWORD, "admin")
    with pytest.raises(SetupOverError):
        accounts.set_up(token, "eve", OTHER_PASSWORD, HERE)
    assert not accounts.setup.matches(token)


@pytest.mark.parametrize("token", ["\x00", "\ud800", "x" * 100_000, "é" * 50])
def test_odd_tokens_are_wrong_tokens(accounts, token):
    accounts.setup.begin()
    with pytest.raises(WrongPasswordError):
        accounts.set_up(token, "eve", PASSWORD, HERE)
