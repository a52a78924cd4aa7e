"""People: names, roles, groups and passwords. An enabled admin is always left."""

import json
from dataclasses import dataclass
from typing import Any

from sfta_edge.accounts.names import checked_groups, checked_name, checked_role, key_of
from sfta_edge.accounts.passwords import Passwords, checked_password
from sfta_edge.accounts.refusals import LastAdminError, TakenError, UnknownAccountError
from sfta_edge.accounts.store import Store
from sfta_edge.caller import Caller, Role
from sfta_edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class User:
    """One person."""

    id: int
    name: str
    role: Role
    groups: frozenset[str]
    created: float
    last_seen: float | None
    disabled: bool

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "User":
        """Read a whole row of the table."""
        identity, _key, name, role, groups, _hash, created, last_seen, disabled, *_later = row
        names = frozenset(json.loads(groups))
        return cls(identity, name, role, names, created, last_seen, bool(disabled))

    def caller(self) -> Caller:
        """The person as a caller."""
        return Caller(self.name, self.role, self.groups)

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API."""
        return {
            "name": self.name,
            "role": self.role,
            "groups": sorted(self.groups),
            "created": self.created,
            "last_seen": self.last_seen,
            "disabled": self.disabled,
        }


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change of a user; None: nothing."""

    role: object = None
    groups: object = None
    password: object = None
    disabled: bool | None = None


class Users:
    """Everybody who may log in."""

    def __init__(self, store: Store, passwords: Passwords) -> None:
        self._store, self._passwords = store, passwords

    def all(self) -> list[User]:
        """Everybody, by name."""
        return [User.of(row) for row in self._store.rows("SELECT * FROM users ORDER BY key")]

    @property
    def none_yet(self) -> bool:
        """Whether nobody was ever added."""
        return not self._store.rows("SELECT 1 FROM users LIMIT 1")

    def find(self, name: str) -> User:
        """A user, by any spelling of the name.

        Raises:
            UnknownAccountError: there is none.
        """
        found = self.look_up(name)
        if found is None:
            raise UnknownAccountError("there is no such user")
        return found[0]

    def look_up(self, name: str) -> tuple[User, str] | None:
        """A user and the hash of the password."""
        sql = "SELECT hash, * FROM users WHERE key = ?"
        for kept, *row in self._store.rows(sql, key_of(name)):
            return User.of(tuple(row)), kept
        return None

    def add(self, name: object, password: object, role: object, groups: object) -> User:
        """A new user.

        Raises:
            ConfigError: a name, password, role or group that cannot be.
            TakenError: the name is another user's.
            CrowdedError: too many passwords are being computed.
        """
        shown = checked_name(name, "user")
        kept = self.hashed(password, shown)
        return self.insert(shown, kept, checked_role(role), checked_groups(groups))

    def hashed(self, password: object, name: str) -> str:
        """The hash of a password that is good enough for a user of that name.

        Raises:
            ConfigError: it is not.
            CrowdedError: too many passwords are being computed.
        """
        return self._passwords.hash(checked_password(password, name))

    def insert(self, name: str, kept: str, role: Role, groups: frozenset[str]) -> User:
        """Write a user whose parts were checked.

        Raises:
            ConfigError: the first user is no admin.
            TakenError: the name is another user's.
        """
        if role != "admin" and self.none_yet:
            raise ConfigError("the first user is an admin", hint="Give the role admin.")
        made = self._store.rows(
            "INSERT INTO users (key, name, role, groups, hash, created) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING *",
            key_of(name),
            name,
            role,
            json.dumps(sorted(groups)),
            kept,
            self._store.now().wall,
        )
        if not made:
            raise TakenError("there is a user of this name already")
        return User.of(made[0])

    def change(self, name: str, change: UserChange) -> User:
        """Change a user; the sessions end when the password changes or the user is disabled.

        Raises:
            ConfigError: a value that cannot be.
            UnknownAccountError: no such user.
            LastAdminError: it would leave no enabled admin.
            CrowdedError: too many passwords are being computed.
        """
        user = self.find(name)
        role = None if change.role is None else checked_role(change.role)
        groups = None if change.groups is None else checked_groups(change.groups)
        kept = None if change.password is None else self.hashed(change.password, user.name)
        with self._store.transaction():
            self._store.rows(
                "UPDATE users SET role = ifnull(?, role), groups = ifnull(?, groups), "
                "hash = ifnull(?, hash), disabled = ifnull(?, disabled) WHERE id = ?",
                role,
                None if groups is None else json.dumps(sorted(groups)),
                kept,
                change.disabled,
                user.id,
            )
            if change.disabled or change.password is not None:
                self._store.rows("DELETE FROM sessions WHERE user = ?", user.id)
            self._require_admin()
            return self.find(name)

    def remove(self, name: str) -> User:
        """Remove a user, with all sessions.

        Raises:
            UnknownAccountError: no such user.
            LastAdminError: it would leave no enabled admin.
        """
        with self._store.transaction():
            user = self.find(name)
            self._store.rows("DELETE FROM users WHERE id = ?", user.id)
            self._require_admin()
            return user

    def _require_admin(self) -> None:
        sql = "SELECT 1 FROM users WHERE role = 'admin' AND NOT disabled LIMIT 1"
        if not self._store.rows(sql):
            raise LastAdminError(
                "this is the last admin", hint="Make somebody else an admin first."
            )
