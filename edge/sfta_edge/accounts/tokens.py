"""Tokens of programs: ``sfta_<id>_<secret>``, kept as a hash and shown once.

A token that was verified is remembered for some minutes, so that a request costs no scrypt; what is
remembered is that a text fits a hash, and the row is read each time. So a token that was removed or
has expired is refused at once, whichever process removed it.

A token's age does not hang on the calendar, see `clock`.
"""

import hmac
import json
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.accounts.clock import Moment
from sfta_edge.accounts.names import checked_groups, checked_name, checked_role, key_of
from sfta_edge.accounts.passwords import Passwords
from sfta_edge.accounts.refusals import TakenError, UnknownAccountError
from sfta_edge.accounts.store import Store
from sfta_edge.caller import Caller, Role
from sfta_edge.errors import ConfigError

_FORM = re.compile(r"sfta_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_DAY = 24 * 3600.0
_MOST_DAYS = 3650
_MEMORY_SECONDS = 300.0
_MEMORY_PLACES = 1024
_NOTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not its secret."""

    id: str
    name: str
    role: Role
    groups: frozenset[str]
    created: float
    last_used: float | None
    expires: float | None
    """By the calendar of this moment; None: never."""
    expired: bool

    def caller(self) -> Caller:
        """The program as a caller. No person's name has a colon, so none has this name."""
        return Caller(f"token:{self.name}", self.role, self.groups, self.id)

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API."""
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "groups": sorted(self.groups),
            "created": self.created,
            "last_used": self.last_used,
            "expires": self.expires,
        }


@dataclass(frozen=True, slots=True)
class _Row:
    token: Token
    hash: str
    age: float
    unnoted: float
    """Seconds since the row was written."""


class Tokens:
    """All tokens. Safe for threads."""

    def __init__(self, store: Store, passwords: Passwords) -> None:
        self._store, self._passwords = store, passwords
        self._memory_key = os.urandom(32)
        self._memory: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def all(self) -> list[Token]:
        """All tokens, by name."""
        sql = "SELECT * FROM tokens ORDER BY key"
        return [self._read(row).token for row in self._store.rows(sql)]

    def add(
        self, name: object, role: object, groups: object, days: object = None
    ) -> tuple[Token, str]:
        """A new token and its text, which is known this once.

        Raises:
            ConfigError: a name, role, group or number of days that cannot be.
            TakenError: the name is another token's.
            CrowdedError: too many secrets are being computed.
        """
        shown, identity = checked_name(name, "token"), secrets.token_hex(8)
        values = checked_role(role), json.dumps(sorted(checked_groups(groups)))
        secret, lifetime = secrets.token_urlsafe(32), _lifetime(days)
        kept, now = self._passwords.hash(secret), self._store.now()
        made = self._store.rows(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, 0, ?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING *",
            *(identity, key_of(shown), shown, *values, kept, now.wall, lifetime),
            *(now.boot, now.running, now.wall),
        )
        if not made:
            raise TakenError("there is a token of this name already")
        return self._read(made[0]).token, f"sfta_{identity}_{secret}"

    def remove(self, identity: str) -> Token:
        """Remove a token; it is refused from now on.

        Raises:
            UnknownAccountError: there is none.
        """
        sql = "DELETE FROM tokens WHERE id = ? RETURNING *"
        for row in self._store.rows(sql, identity):
            return self._read(row).token
        raise UnknownAccountError("there is no such token")

    def remembered(self, text: str) -> Token | None:
        """The token of a text that was verified a short while ago; costs no scrypt."""
        place, row = self._place(text), self._row(text)
        with self._lock:
            kept, until = self._memory.get(place, ("", 0.0))
        forgotten = row is None or row.hash != kept or self._store.now().running > until
        return None if row is None or row.token.expired or forgotten else self._used(row)

    def id_of(self, text: str) -> str | None:
        """The id of the token that a text claims to be, if there is one that has not expired."""
        row = self._row(text)
        return None if row is None or row.token.expired else row.token.id

    def verified(self, text: str) -> Token | None:
        """The token of a text; costs one scrypt if there is such a token.

        That an id exists can be told from the time: it is random, and worth nothing alone. So a
        text that is no token costs nothing, and cannot be used to keep the device busy.

        Raises:
            CrowdedError: too many secrets are being computed.
        """
        row = self._row(text)
        if (
            row is None
            or row.token.expired
            or not self._passwords.matches(text.split("_", 2)[2], row.hash)
        ):
            return None
        with self._lock:
            until = self._store.now().running + _MEMORY_SECONDS
            self._memory[self._place(text)] = (row.hash, until)
            while len(self._memory) > _MEMORY_PLACES:
                self._memory.popitem(last=False)
        return self._used(row)

    def _used(self, row: _Row) -> Token:
        if row.token.last_used is None or row.unnoted > _NOTE_SECONDS:
            now = self._store.now()
            self._store.note(
                "UPDATE tokens SET last_used = ?, age = ?, boot = ?, running = ?, wall = ? "
                "WHERE id = ?",
                *(now.wall, row.age, now.boot, now.running, now.wall, row.token.id),
            )
        return row.token

    def _row(self, text: str) -> _Row | None:
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        found = self._store.rows("SELECT * FROM tokens WHERE id = ?", form[1])
        return self._read(found[0]) if found else None

    def _read(self, row: Sequence[Any]) -> _Row:
        identity, _key, name, role, groups, kept, created, last_used, lifetime, *row = row
        age, boot, running, wall, *_later = row
        now = self._store.now()
        unnoted = now.since(Moment(boot, running, wall))
        left = None if lifetime is None else lifetime - age - unnoted
        token = Token(
            identity,
            name,
            role,
            frozenset(json.loads(groups)),
            created,
            last_used,
            None if left is None else now.wall + left,
            left is not None and left <= 0,
        )
        return _Row(token, kept, age + unnoted, unnoted)

    def _place(self, text: str) -> bytes:
        return hmac.digest(self._memory_key, text.encode("utf-8", "surrogatepass"), "sha256")


def _lifetime(days: object) -> float | None:
    if days is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _MOST_DAYS:
        raise ConfigError(f"a token is valid for 1 to {_MOST_DAYS} whole days")
    return days * _DAY
