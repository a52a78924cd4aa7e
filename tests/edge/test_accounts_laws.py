"""Whatever happens in whatever order: nobody without a valid credential is let in, an admin stays.

A model that knows nothing of hashes, files and clocks says who may be let in; the accounts must say
the same.
"""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from account_world import HERE, TurnedClock, opened
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.refusals import (
    LastAdminError,
    LockedOutError,
    TakenError,
    UnknownAccountError,
    WrongPasswordError,
)
from sfta_edge.accounts.users import UserChange
from sfta_edge.caller import ROLES
from sfta_edge.errors import ConfigError

NAMES = st.sampled_from(["ada", "ed", "rita"])
SPELLINGS = st.sampled_from([str.lower, str.upper, lambda name: f" {name}\t"])
PASSWORDS = st.sampled_from(["correct horse battery", "staple correct horse", "twelve chars"])
GROUPS = st.frozensets(st.sampled_from(["service", "sales"]))
IDLE, LONGEST, DAY = 12 * 3600, 7 * 24 * 3600, 24 * 3600


class AccountsMachine(RuleBasedStateMachine):
    cookies, texts = Bundle("cookies"), Bundle("texts")

    def __init__(self):
        super().__init__()
        self.folder, self.clock = tempfile.TemporaryDirectory(), TurnedClock()
        self.accounts = self.opened()
        self.users, self.sessions, self.tokens, self.time = {}, {}, {}, 0.0

    def opened(self):
        return opened(Path(self.folder.name), clock=self.clock)

    def teardown(self):
        self.accounts.close()
        self.folder.cleanup()

    def drop_sessions(self, name):
        self.sessions = {c: s for c, s in self.sessions.items() if s["name"] != name}

    def admins(self, users):
        return [u for u in users.values() if u["role"] == "admin" and not u["disabled"]]

    @rule(name=NAMES, password=PASSWORDS, role=st.sampled_from(ROLES), groups=GROUPS)
    def add_user(self, name, password, role, groups):
        wanted = name not in self.users and (self.users or role == "admin")
        try:
            self.accounts.add_user(CONSOLE, name, password, role, groups)
        except (TakenError, ConfigError):
            assert not wanted
            return
        assert wanted
        self.users[name] = {
            "password": password, "role": role, "groups": groups, "disabled": False,
        }  # fmt: skip

    @rule(
        name=NAMES,
        role=st.none() | st.sampled_from(ROLES),
        groups=st.none() | GROUPS,
        password=st.none() | PASSWORDS,
        disabled=st.none() | st.booleans(),
    )
    def change_user(self, name, **change):
        after = {key: dict(user) for key, user in self.users.items()}
        if name in after:
            after[name].update(
                {key: value for key, value in change.items() if value is not None}
            )
        try:
            self.accounts.change_user(CONSOLE, name, UserChange(**change))
        except UnknownAccountError:
            assert name not in self.users
        except LastAdminError:
            assert not self.admins(after)
        else:
            assert self.admins(after)
            self.users = after
            if change["disabled"] or change["password"]:
                self.drop_sessions(name)

    @rule(name=NAMES)
    def remove_user(self, name):
        after = {key: user for key, user in self.users.items() if key != name}
        with suppress(UnknownAccountError, LastAdminError):
            self.accounts.remove_user(CONSOLE, name)
            assert self.admins(after)
            self.users = after
            self.drop_sessions(name)

    @rule(target=cookies, name=NAMES, spell=SPELLINGS, password=PASSWORDS)
    def log_in(self, name, spell, password):
        user = self.users.get(name)
        right = user and user["password"] == password and not user["disabled"]
        try:
            login = self.accounts.login(spell(name), password, HERE)
        except WrongPasswordError:
            assert not right
            return multiple()
        except LockedOutError as error:
            self.pass_(error.retry_after)
            return multiple()
        assert right
        self.sessions[login.cookie] = {"name": name, "began": self.time, "used": self.time}
        return login.cookie

    @rule(cookie=cookies)
    def log_out(self, cookie):
        self.accounts.logout(cookie)
        self.sessions.pop(cookie, None)

    @rule(cookie=cookies)
    def use_cookie(self, cookie):
        session = self.sessions.get(cookie)
        if session and (
            self.time - session["used"] > IDLE or self.time - session["began"] > LONGEST
        ):
            session = None
        caller = self.accounts.caller_of_cookie(cookie)
        if session is None:
            assert caller is None
            self.sessions.pop(cookie, None)
            return
        user = self.users[session["name"]]
        assert (caller.name, caller.role, caller.groups) == (
            session["name"], user["role"], user["groups"],
        )  # fmt: skip
        session["used"] = self.time

    @rule(
        target=texts,
        name=NAMES,
        role=st.sampled_from(ROLES),
        days=st.none() | st.integers(1, 3),
    )
    def add_token(self, name, role, days):
        try:
            token, text = self.accounts.add_token(CONSOLE, name, role, [], days)
        except TakenError:
            return multiple()
        ends = None if days is None else self.time + days * DAY
        self.tokens[text] = {"id": token.id, "role": role, "ends": ends}
        return text

    @rule(text=texts)
    def remove_token(self, text):
        known = self.tokens.pop(text, None)
        if known:
            self.accounts.remove_token(CONSOLE, known["id"])

    @rule(text=texts)
    def use_token(self, text):
        known = self.tokens.get(text)
        valid = known and (known["ends"] is None or self.time < known["ends"])
        caller = self.accounts.caller_of_token(text, HERE)
        assert (caller is not None) == bool(valid)
        if caller:
            assert (caller.role, caller.token) == (known["role"], known["id"])

    @rule(seconds=st.sampled_from([1, 61, 3600, IDLE - 100, IDLE + 1, 2 * DAY]))
    def pass_(self, seconds):
        self.clock.pass_(seconds)
        self.time += seconds

    @rule(wall=st.sampled_from([0.0, 3e9]))
    def the_calendar_jumps_and_is_put_right(self, wall):
        """Within one boot, which is the one that all sessions were used in."""
        self.use_all()
        right, self.clock.wall = self.clock.wall, wall
        self.use_all()
        self.clock.wall = right

    def use_all(self):
        for cookie in list(self.sessions):
            self.use_cookie(cookie)

    @rule()
    def restart(self):
        self.accounts.close()
        self.accounts = self.opened()

    @rule()
    def boot(self):
        self.restart()
        self.clock.reboot(off=30.0)
        self.time += 40.0

    @rule(junk=st.text(max_size=60))
    def show_junk(self, junk):
        assert self.accounts.caller_of_cookie(junk) is None
        assert self.accounts.caller_of_token(junk, HERE) is None

    @invariant()
    def an_enabled_admin_remains(self):
        users = self.accounts.users.all()
        assert {user.name for user in users} == set(self.users)
        assert not users or any(u.role == "admin" and not u.disabled for u in users)


AccountsMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None
)
TestAccounts = AccountsMachine.TestCase
