"""Whoever has the files of the device lists, adds and resets accounts at its console."""

import json

import pytest
from click.testing import CliRunner

from account_world import HERE, OTHER_PASSWORD, PASSWORD, opened
from sfta_edge.accounts.accounts import CONSOLE, Accounts
from sfta_edge.accounts.refusals import (
    LockedOutError,
    TakenError,
    UnknownAccountError,
    WrongPasswordError,
)
from sfta_edge.accounts.users import UserChange
from sfta_edge.cli import accounts as module
from sfta_edge.errors import ConfigError


@pytest.fixture(name="root", autouse=True)
def _root(tmp_path, monkeypatch):
    """Commands on accounts with cheap hashes."""
    monkeypatch.setattr(module, "Accounts", lambda data: opened(data.parent))
    return tmp_path


def run(root, *arguments, text=None):
    result = CliRunner().invoke(module.command, [*arguments, "--root", str(root)], input=text)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_first_who_is_added_is_an_admin(root):
    assert run(root, "add", "Ada", text=f"{PASSWORD}\n").stdout.split("\t")[:2] == [
        "Ada",
        "admin",
    ]
    run(root, "add", "rita", "--group", "service", "--group", "sales", text=PASSWORD)
    listed = json.loads(run(root, "list", "--json").stdout)["users"]
    assert [(user["name"], user["role"], user["groups"]) for user in listed] == [
        ("Ada", "admin", []),
        ("rita", "reader", ["sales", "service"]),
    ]
    with opened(root) as accounts:
        assert accounts.login("ada", PASSWORD, HERE)
        assert accounts.login("rita", PASSWORD, HERE)


def test_an_empty_list_says_what_to_do(root):
    result = run(root, "list")
    assert result.stdout == ""
    assert "nobody yet" in result.stderr
    assert "next: sfta-edge accounts add NAME" in result.stderr


def test_a_list_for_people_has_a_line_for_each(root):
    run(root, "add", "ada", text=PASSWORD)
    with opened(root) as accounts:
        accounts.login("ada", PASSWORD, HERE)
    assert run(root, "list").stdout == "ada\tadmin\t-\tenabled\tlast seen 2027-01-15\n"


def test_who_forgot_the_password_gets_in_again(root):
    run(root, "add", "ada", text=PASSWORD)
    with opened(root) as running:
        cookie = running.login("ada", PASSWORD, HERE).cookie
        for _ in range(5):
            with pytest.raises(WrongPasswordError):
                running.login("ada", "wrong password", HERE)
        with pytest.raises(LockedOutError):
            running.login("ada", OTHER_PASSWORD, HERE)
        result = run(root, "reset-password", "ADA", "--json", text=OTHER_PASSWORD)
        assert json.loads(result.stdout)["name"] == "ada"
        assert running.caller_of_cookie(cookie) is None
        assert running.login("ada", OTHER_PASSWORD, HERE)


def test_a_disabled_user_stays_out_unless_it_is_said(root):
    run(root, "add", "ada", text=PASSWORD)
    run(root, "add", "ed", text=PASSWORD)
    with opened(root) as accounts:
        accounts.change_user(CONSOLE, "ed", UserChange(disabled=True))
        result = run(root, "reset-password", "ed", text=OTHER_PASSWORD)
        assert "still disabled" in result.stderr
        with pytest.raises(WrongPasswordError):
            accounts.login("ed", OTHER_PASSWORD, HERE)
        run(root, "reset-password", "ed", "--enable", text=OTHER_PASSWORD)
        assert accounts.login("ed", OTHER_PASSWORD, HERE)


@pytest.mark.parametrize(
    ("arguments", "text", "error"),
    [
        (["add", "ada"], PASSWORD, TakenError),
        (["add", "eve"], "short", ConfigError),
        (["add", "eve"], "", ConfigError),
        (["add", "eve"], "\n", ConfigError),
        (["add", "a/b"], PASSWORD, ConfigError),
        (["add", "eve", "--group", "a,b"], PASSWORD, ConfigError),
        (["reset-password", "eve"], PASSWORD, UnknownAccountError),
        (["reset-password", "ada"], "short", ConfigError),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(root, arguments, text, error):
    run(root, "add", "ada", text=PASSWORD)
    with pytest.raises(error):
        run(root, *arguments, text=text)
    with opened(root) as accounts:
        assert [user.name for user in accounts.users.all()] == ["ada"]
        assert accounts.login("ada", PASSWORD, HERE)


def test_no_option_takes_a_password(root):
    for command in module.command.commands.values():
        names = {name for parameter in command.params for name in parameter.opts}
        assert names <= {"name", "--role", "--group", "--enable", "--root", "--json"}
    assert run(root, "add", "ada", PASSWORD, text=PASSWORD).exit_code == 2


def test_at_a_keyboard_the_password_is_asked_for_twice_and_not_shown(root, monkeypatch):
    asked = []

    def prompt(text, **facts):
        asked.append((text, facts["hide_input"], facts["confirmation_prompt"]))
        return PASSWORD

    monkeypatch.setattr(module.click, "prompt", prompt)
    monkeypatch.setattr(
        module.sys, "stdin", type("Keyboard", (), {"isatty": lambda self: True})()
    )
    assert module._read_password() == PASSWORD
    assert asked == [("Password", True, True)]


def test_the_accounts_lie_in_the_data_folder(root, monkeypatch):
    monkeypatch.setattr(module, "Accounts", Accounts)
    with module._accounts(root):
        assert (root / "data" / "accounts.sqlite").is_file()
