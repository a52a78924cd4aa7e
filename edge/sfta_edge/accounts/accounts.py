"""The door: who is let in with a password, a cookie or a token, and who changes the accounts.

Rules this module upholds:

- An unknown name, a wrong password and a disabled account are refused with the same words, after
  the same work.
- Whoever is removed, disabled or loses a token is out with the next request.
- Every decision is told to `on_event`, without passwords and tokens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sfta_edge.accounts.clock import Clock, DeviceClock
from sfta_edge.accounts.lockout import Lockout
from sfta_edge.accounts.names import checked_name, key_of
from sfta_edge.accounts.passwords import Passwords
from sfta_edge.accounts.refusals import (
    SetupOverError,
    WrongPasswordError,
)
from sfta_edge.accounts.sessions import SessionLimits, Sessions
from sfta_edge.accounts.setup import Setup
from sfta_edge.accounts.store import Store
from sfta_edge.accounts.tokens import Token, Tokens
from sfta_edge.accounts.users import User, UserChange, Users
from sfta_edge.caller import Caller

OnEvent = Callable[[str, Caller | None, Mapping[str, Any]], None]
"""Hears the kind of what happened, who did it (None: nobody who was let in), and the facts.

Kinds: ``login``, ``login_failed``, ``logout``, ``setup``, ``setup_failed``, ``password_changed``,
``user_added``, ``user_changed``, ``user_removed``, ``token_added``, ``token_removed``,
``token_failed``. An attempt that the lock-out refuses is not told: whoever is locked out could fill
the log.
"""
CONSOLE = Caller("console", "admin")
"""Whoever can read and write the files of the device."""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who was just let in."""

    user: User
    cookie: str
    """The value of the session's cookie."""


def _nobody_listens(_kind: str, _caller: Caller | None, _facts: Mapping[str, Any]) -> None:
    """Without a listener nothing is kept of what happened."""


class Accounts:
    """Users, tokens and sessions of one data folder. Safe for threads; `close` it."""

    def __init__(
        self,
        data: Path,
        *,
        clock: Clock | None = None,
        passwords: Passwords | None = None,
        limits: SessionLimits | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        """Open ``accounts.sqlite`` in a data folder, or make it.

        Raises:
            IntegrityError: it is damaged, or of a newer version.
            SftaError: it cannot be opened.
        """
        self.clock = clock or DeviceClock()
        self.on_event = on_event or _nobody_listens
        self._passwords = passwords or Passwords()
        self._store = Store(data, self.clock)
        self.users = Users(self._store, self._passwords)
        self.tokens = Tokens(self._store, self._passwords)
        self.sessions = Sessions(self._store, limits or SessionLimits())
        self.setup = Setup(self._store, self.users)
        self._lockout = Lockout(self._store, "password")
        self._token_lockout = Lockout(self._store, "token")
        self._setup_lockout = Lockout(self._store, "setup")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def set_up(self, token: str, name: object, password: object, address: str) -> Login:
        """Make the first admin, with the token from the console.

        Raises:
            SetupOverError: somebody exists already.
            WrongPasswordError: this is not the token.
            ConfigError: a name or password that cannot be; the token stays valid.
            LockedOutError: too many wrong tokens.
            CrowdedError: too many passwords are being computed.
        """
        self._setup_lockout.check("", address)
        matched = self.setup.matches(token)
        # Asked last: whoever comes second with the token has made no mistake.
        if not self.setup.is_open:
            raise SetupOverError("this device is set up already", hint="Log in.")
        if not matched:
            self._setup_lockout.failed("", address)
            self.on_event("setup_failed", None, {"address": address})
            raise WrongPasswordError("this is not the token on the console")
        shown = checked_name(name, "user")
        kept = self.users.hashed(password, shown)
        with self._store.transaction():
            if not self.setup.matches(token):
                raise SetupOverError("this device was set up just now", hint="Log in.")
            user = self.users.insert(shown, kept, "admin", frozenset())
            self.setup.end()
            cookie = self.sessions.begin(user, kept)
        self.on_event("setup", user.caller(), {"address": address})
        return Login(user, cookie)

    def login(self, name: str, password: str, address: str) -> Login:
        """Let a person in.

        Args:
            name: in any spelling.
            password: of any length.
            address: where the person is, for the lock-out.

        Raises:
            WrongPasswordError: name and password do not belong together, or it is disabled.
            LockedOutError: too many wrong attempts.
            CrowdedError: too many passwords are being computed.
        """
        user, kept = self._proven(name, password, address)
        if self._passwords.is_outdated(kept):
            kept = self._renewed(user, password, kept)
        cookie = self.sessions.begin(user, kept)
        self.on_event("login", user.caller(), {"address": address})
        return Login(user, cookie)

    def logout(self, cookie: str) -> None:
        """End a session."""
        user = self.sessions.user_of(cookie)
        self.sessions.end(cookie)
        if user is not None:
            self.on_event("logout", user.caller(), {})

    def change_password(self, cookie: str, old: str, new: object, address: str) -> None:
        """Change the password of whoever is logged in; that person's other sessions end.

        Raises:
            WrongPasswordError: the old password is wrong, or nobody is logged in.
            ConfigError: the new one is not good enough.
            LockedOutError: too many wrong attempts.
            CrowdedError: too many passwords are being computed.
        """
        user = self.sessions.user_of(cookie)
        if user is None:
            raise WrongPasswordError("nobody is logged in")
        _, known = self._proven(user.name, old, address)
        kept = self.users.hashed(new, user.name)
        sql = "UPDATE users SET hash = ? WHERE id = ? AND hash = ? RETURNING 1"
        with self._store.transaction():
            if not self._store.rows(sql, kept, user.id, known):
                raise WrongPasswordError("the password was changed just now")
            self.sessions.end_others(user, cookie)
        self.on_event("password_changed", user.caller(), {"address": address})

    def caller_of_cookie(self, cookie: str) -> Caller | None:
        """Whose session this is; None: nobody's, or it has ended."""
        user = self.sessions.user_of(cookie)
        return None if user is None else user.caller()

    def caller_of_token(self, text: str, address: str) -> Caller | None:
        """Whose token this is; None: nobody's.

        Raises:
            LockedOutError: too many wrong secrets for a token; those just verified still work.
            CrowdedError: too many secrets are being computed.
        """
        token = self.tokens.remembered(text)
        if token is None and (identity := self.tokens.id_of(text)):
            self._token_lockout.check(identity, address)
            token = self.tokens.verified(text)
            if token is None:
                self._token_lockout.failed(identity, address)
                self.on_event("token_failed", None, {"address": address, "id": identity})
        return None if token is None else token.caller()

    def add_user(
        self, by: Caller, name: object, password: object, role: object, groups: object = ()
    ) -> User:
        """A new user; see `Users.add`."""
        user = self.users.add(name, password, role, groups)
        self.setup.end()
        self.on_event("user_added", by, {"name": user.name, "role": user.role})
        return user

    def change_user(self, by: Caller, name: str, change: UserChange) -> User:
        """Change a user; see `Users.change`. A new password also forgives wrong attempts."""
        user = self.users.change(name, change)
        if change.password is not None:
            self._lockout.forgive(key_of(name))
        facts = {"name": user.name, "role": user.role, "disabled": user.disabled}
        facts |= {"groups": sorted(user.groups), "password": change.password is not None}
        self.on_event("user_changed", by, facts)
        return user

    def remove_user(self, by: Caller, name: str) -> None:
        """Remove a user; see `Users.remove`."""
        self.on_event("user_removed", by, {"name": self.users.remove(name).name})

    def add_token(
        self, by: Caller, name: object, role: object, groups: object, days: object = None
    ) -> tuple[Token, str]:
        """A new token and its text; see `Tokens.add`."""
        token, text = self.tokens.add(name, role, groups, days)
        self.on_event(
            "token_added", by, {"id": token.id, "name": token.name, "role": token.role}
        )
        return token, text

    def remove_token(self, by: Caller, identity: str) -> None:
        """Remove a token; see `Tokens.remove`."""
        token = self.tokens.remove(identity)
        self.on_event("token_removed", by, {"id": token.id, "name": token.name})

    def _proven(self, name: str, password: str, address: str) -> tuple[User, str]:
        key = key_of(name)
        found = self.users.look_up(name)
        user, kept = found or (None, None)
        self._lockout.check(key, address)
        right = self._passwords.matches(password, kept)
        if user is None or kept is None or user.disabled or not right:
            self._lockout.failed(key, address)
            # Only a name that exists: people type passwords into the field of the name.
            facts = {"address": address, "name": user.name if user else None}
            self.on_event("login_failed", None, facts)
            raise WrongPasswordError("name or password is wrong")
        self._lockout.succeeded(key, address)
        return user, kept

    def _renewed(self, user: User, password: str, kept: str) -> str:
        """Keep a password with the cost of today."""
        new = self._passwords.hash(password)
        sql = "UPDATE users SET hash = ? WHERE id = ? AND hash = ? RETURNING 1"
        return new if self._store.rows(sql, new, user.id, kept) else kept
