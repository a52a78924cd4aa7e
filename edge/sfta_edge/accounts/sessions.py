"""Sessions of people at the web page.

The cookie's value is random; the file knows its SHA-256 only, so that whoever reads the file is not
logged in. The token against forged requests is derived from the value, so it is not kept at all.

A session ends when it was not used for a while, and in any case after some days. How long that is
does not hang on the calendar, see `clock`: the age is kept as of the last use, and grows from there
by the time that the device runs or, after a boot, by the calendar if that says more.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sfta_edge.accounts.clock import Moment
from sfta_edge.accounts.refusals import WrongPasswordError
from sfta_edge.accounts.store import Store
from sfta_edge.accounts.users import User

_COOKIE_BYTES = 32
_LONGEST_COOKIE = 128
_NOTE_SECONDS = 60.0  # the use of a session is written this often: flash wears out


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts."""

    idle_seconds: float = 12 * 3600.0
    """Without any use."""
    longest_seconds: float = 7 * 24 * 3600.0
    """In any case."""
    per_user: int = 20
    """Sessions of one person; the oldest end first."""


def csrf_of(cookie: str) -> str:
    """What a page of this device knows and one of another site cannot: the token of a session."""
    return hmac.digest(cookie.encode(), b"sfta csrf", "sha256").hex()


class Sessions:
    """Who is logged in."""

    def __init__(self, store: Store, limits: SessionLimits) -> None:
        self._store, self._limits = store, limits

    def begin(self, user: User, kept: str) -> str:
        """A new session: the value of its cookie.

        Args:
            user: whose.
            kept: the hash that the password was compared with; it must still hold.

        Raises:
            WrongPasswordError: since then the user was removed, disabled or got another password.
        """
        cookie, now = secrets.token_urlsafe(_COOKIE_BYTES), self._store.now()
        still = "SELECT 1 FROM users WHERE id = ? AND hash = ? AND NOT disabled"
        with self._store.transaction():
            if not self._store.rows(still, user.id, kept):
                raise WrongPasswordError("name or password is wrong")
            self._store.rows("UPDATE users SET last_seen = ? WHERE id = ?", now.wall, user.id)
            self._store.rows(
                "INSERT INTO sessions VALUES (?, ?, ?, 0, ?, ?, ?)",
                *(_digest(cookie), user.id, now.wall, now.boot, now.running, now.wall),
            )
            self._store.rows(
                "DELETE FROM sessions WHERE user = ?1 AND rowid NOT IN "
                "(SELECT rowid FROM sessions WHERE user = ?1 ORDER BY rowid DESC LIMIT ?2)",
                *(user.id, self._limits.per_user),
            )
        return cookie

    def user_of(self, cookie: str) -> User | None:
        """Who is logged in with a cookie; None: nobody, or no longer."""
        if not 0 < len(cookie) <= _LONGEST_COOKIE:
            return None
        digest = _digest(cookie)
        found = self._store.rows(
            "SELECT age, boot, running, wall, users.* "
            "FROM sessions JOIN users ON users.id = sessions.user WHERE digest = ?",
            digest,
        )
        if not found:
            return None
        age, boot, running, wall, *row = found[0]
        user, now = User.of(tuple(row)), self._store.now()
        idle = now.since(Moment(boot, running, wall))
        limits = self._limits
        if user.disabled or idle > limits.idle_seconds or age + idle > limits.longest_seconds:
            return None
        if idle > _NOTE_SECONDS or boot != now.boot:
            self._note(digest, age + idle, user)
        return user

    def end(self, cookie: str) -> None:
        """End one session; a value that belongs to none does nothing."""
        self._store.rows("DELETE FROM sessions WHERE digest = ?", _digest(cookie))

    def end_others(self, user: User, cookie: str) -> None:
        """End all sessions of a user but one."""
        sql = "DELETE FROM sessions WHERE user = ? AND digest <> ?"
        self._store.rows(sql, user.id, _digest(cookie))

    def _note(self, digest: bytes, age: float, user: User) -> None:
        now = self._store.now()
        self._store.note(
            "UPDATE sessions SET age = ?, boot = ?, running = ?, wall = ? WHERE digest = ?",
            *(age, now.boot, now.running, now.wall, digest),
        )
        self._store.note("UPDATE users SET last_seen = ? WHERE id = ?", now.wall, user.id)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()
