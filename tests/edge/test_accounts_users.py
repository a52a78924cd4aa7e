"""People are added, changed and removed, and an admin is always left."""

import threading

import pytest

from account_world import OTHER_PASSWORD, PASSWORD, TODAY, opened, peopled, stored_text
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.refusals import LastAdminError, TakenError, UnknownAccountError
from sfta_edge.accounts.users import UserChange
from sfta_edge.caller import Caller
from sfta_edge.errors import ConfigError, IntegrityError

ATTACKS = [
    "x'; DROP TABLE users; --",
    "' OR '1'='1",
    "ada' --",
    "ada'); DELETE FROM sessions; --",
    "%",
    "_da",
    "ada\x00",
]


@pytest.fixture(name="accounts")
def _accounts(tmp_path):
    with peopled(tmp_path) as accounts:
        yield accounts


def names(accounts):
    return [user.name for user in accounts.users.all()]


def test_everybody_is_listed_by_name_with_what_an_admin_may_know(accounts):
    assert [user.to_json() for user in accounts.users.all()] == [
        {"name": name, "role": role, "groups": groups, "created": TODAY, "last_seen": None,
         "disabled": False}
        for name, role, groups in (
            ("ada", "admin", []), ("ed", "editor", ["service"]), ("rita", "reader", ["service"]),
        )
    ]  # fmt: skip


def test_a_user_is_a_caller_of_that_role_and_those_groups(accounts):
    assert accounts.users.find("ED").caller() == Caller("ed", "editor", frozenset({"service"}))


def test_neither_password_nor_its_plain_digest_is_in_the_file(accounts, tmp_path):
    accounts.login("ada", PASSWORD, "here")
    assert PASSWORD.encode() not in stored_text(tmp_path)


@pytest.mark.parametrize("name", ["ADA", " ada ", "ａｄａ", "a\u200bda"])
def test_a_name_that_looks_like_anothers_is_taken_or_no_name(accounts, name):
    with pytest.raises((TakenError, ConfigError)):
        accounts.add_user(CONSOLE, name, PASSWORD, "admin")
    assert names(accounts) == ["ada", "ed", "rita"]


def test_the_first_user_is_an_admin(tmp_path):
    with opened(tmp_path) as accounts:
        assert accounts.users.none_yet
        with pytest.raises(ConfigError, match="first user is an admin"):
            accounts.add_user(CONSOLE, "rita", PASSWORD, "reader")
        assert accounts.users.none_yet
        accounts.add_user(CONSOLE, "ada", PASSWORD, "admin")
        assert not accounts.users.none_yet


@pytest.mark.parametrize(
    "parts",
    [
        ("x/y", PASSWORD, "reader", []),
        ("eve", "short", "reader", []),
        ("eve", PASSWORD, "root", []),
        ("eve", PASSWORD, "reader", "service"),
    ],
)
def test_a_user_who_cannot_be_is_not_added(accounts, parts):
    with pytest.raises(ConfigError):
        accounts.add_user(CONSOLE, *parts)
    assert names(accounts) == ["ada", "ed", "rita"]


@pytest.mark.parametrize("name", ATTACKS)
def test_sql_in_a_name_is_a_name_or_none(accounts, name):
    with pytest.raises(UnknownAccountError):
        accounts.users.find(name.replace("ada\x00", "ada\x00x"))
    try:
        accounts.add_user(CONSOLE, name, PASSWORD, "reader", ["'; DROP TABLE users"])
    except (ConfigError, TakenError):
        assert len(names(accounts)) == 3
    else:
        assert name in names(accounts)
        accounts.remove_user(CONSOLE, name)
    assert names(accounts) == ["ada", "ed", "rita"]


def test_a_change_leaves_the_rest_as_it_is(accounts):
    accounts.change_user(CONSOLE, "ed", UserChange(role="reader"))
    ed = accounts.users.find("ed")
    assert (ed.role, ed.groups, ed.disabled) == ("reader", {"service"}, False)
    accounts.change_user(CONSOLE, "ed", UserChange(groups=[]))
    accounts.change_user(CONSOLE, "ed", UserChange(disabled=True))
    ed = accounts.users.find("ed")
    assert (ed.role, ed.groups, ed.disabled) == ("reader", frozenset(), True)
    assert accounts.change_user(CONSOLE, "ed", UserChange()) == ed


@pytest.mark.parametrize(
    "change",
    [
        UserChange(role="root"),
        UserChange(groups="service"),
        UserChange(password="short"),
        UserChange(role="admin", password="short"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(accounts, change):
    before = accounts.users.find("ed")
    with pytest.raises(ConfigError):
        accounts.change_user(CONSOLE, "ed", change)
    assert accounts.users.find("ed") == before


def test_the_name_itself_is_no_password_for_a_user_of_that_name(accounts):
    accounts.add_user(CONSOLE, "ada lovelace", PASSWORD, "reader")
    with pytest.raises(ConfigError, match="anybody would try"):
        accounts.change_user(CONSOLE, "ada lovelace", UserChange(password="Ada Lovelace"))


@pytest.mark.parametrize(
    "act",
    [
        lambda accounts: accounts.remove_user(CONSOLE, "ada"),
        lambda accounts: accounts.change_user(CONSOLE, "ada", UserChange(disabled=True)),
        lambda accounts: accounts.change_user(CONSOLE, "ada", UserChange(role="editor")),
        lambda accounts: accounts.change_user(
            CONSOLE, "ada", UserChange(role="reader", password=OTHER_PASSWORD)
        ),
    ],
)
def test_the_last_admin_stays_admin_and_keeps_everything(accounts, act):
    cookie = accounts.login("ada", PASSWORD, "here").cookie
    with pytest.raises(LastAdminError):
        act(accounts)
    assert accounts.users.find("ada").role == "admin"
    assert accounts.caller_of_cookie(cookie) == Caller("ada", "admin")
    assert accounts.login("ada", PASSWORD, "here")


def test_a_disabled_admin_is_none(accounts):
    accounts.change_user(CONSOLE, "ed", UserChange(role="admin", disabled=True))
    with pytest.raises(LastAdminError):
        accounts.remove_user(CONSOLE, "ada")


def test_an_admin_may_go_when_another_stays(accounts):
    accounts.change_user(CONSOLE, "ed", UserChange(role="admin"))
    accounts.remove_user(CONSOLE, "ada")
    assert names(accounts) == ["ed", "rita"]


def test_of_two_admins_who_remove_each_other_at_once_one_stays(accounts):
    for _ in range(10):
        accounts.change_user(CONSOLE, "ed", UserChange(role="admin"))
        start, refused = threading.Barrier(2), []

        def demote(name, start=start, refused=refused):
            start.wait()
            try:
                accounts.change_user(CONSOLE, name, UserChange(role="reader"))
            except LastAdminError:
                refused.append(name)

        threads = [threading.Thread(target=demote, args=(name,)) for name in ("ada", "ed")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        accounts.change_user(CONSOLE, refused[0], UserChange(role="admin"))
        accounts.change_user(CONSOLE, "ada", UserChange(role="admin"))


@pytest.mark.parametrize("act", ["change_user", "remove_user"])
def test_who_is_not_there_cannot_be_changed(accounts, act):
    more = [UserChange(role="admin")] if act == "change_user" else []
    with pytest.raises(UnknownAccountError, match="no such user"):
        getattr(accounts, act)(CONSOLE, "eve", *more)


def test_a_damaged_hash_lets_nobody_in_and_is_named(accounts):
    accounts._store.rows("UPDATE users SET hash = 'scrypt$n=16,r=1,p=1$$' WHERE key = 'ada'")
    with pytest.raises(IntegrityError, match="stored password"):
        accounts.login("ada", "", "here")
    assert accounts.login("ed", PASSWORD, "here")
