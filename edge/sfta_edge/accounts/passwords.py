"""Passwords: which are good enough, and how they are kept and compared.

Kept as scrypt hashes, each with its own salt and cost, so that the cost can be raised later. The
cost is one of those that OWASP calls equal (Password Storage Cheat Sheet): 32 MiB for a fraction
of a second, which a small device has; more of them at once would be a way to bring it down.
"""

import base64
import binascii
import hashlib
import hmac
import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from sfta_edge.accounts.names import key_of
from sfta_edge.accounts.refusals import CrowdedError
from sfta_edge.errors import ConfigError, IntegrityError

SHORTEST = 12
"""Characters of a password, at least."""
MAX_BYTES = 1024
"""Of a password in UTF-8: more adds no safety, only work."""
_SALT_BYTES = 16
_HASH_BYTES = 32
_MOST_MEMORY = 256 << 20  # a hash from a damaged file must not take the device down


@dataclass(frozen=True, slots=True)
class Cost:
    """The parameters of scrypt (RFC 7914)."""

    n: int = 1 << 15
    r: int = 8
    p: int = 3

    @property
    def memory(self) -> int:
        """Bytes that one computation takes."""
        return 128 * self.r * (self.n + self.p + 2)


@dataclass(frozen=True, slots=True)
class Hash:
    """A password as it is kept. ``Hash.parse(str(hash)) == hash``."""

    cost: Cost
    salt: bytes
    digest: bytes

    def __str__(self) -> str:
        numbers = f"n={self.cost.n},r={self.cost.r},p={self.cost.p}"
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt${numbers}${salt}${digest}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a hash.

        Raises:
            IntegrityError: it is none, or would take more memory than any password may.
        """
        try:
            kind, numbers, salt, digest = text.split("$")
            cost = Cost(**{key: int(value) for key, value in _pairs(numbers)})
            parsed = cls(
                cost, *(base64.b64decode(part, validate=True) for part in (salt, digest))
            )
        except (ValueError, TypeError, binascii.Error) as error:
            raise IntegrityError("a stored password is damaged") from error
        sound = len(parsed.digest) == _HASH_BYTES and len(parsed.salt) == _SALT_BYTES
        if kind != "scrypt" or not sound or min(cost.n, cost.r, cost.p) < 1:
            raise IntegrityError("a stored password is damaged")
        if cost.memory * cost.p > _MOST_MEMORY:
            raise IntegrityError("a stored password costs more than this device can spend")
        return parsed


class Passwords:
    """Hashes and compares passwords, a few at a time. Safe for threads."""

    def __init__(self, cost: Cost | None = None, *, at_once: int = 2, waiting: int = 1) -> None:
        """`at_once`: computations that run together; `waiting`: how many more may wait for one.

        Whoever waits occupies a thread of the server, so few may.
        """
        self.cost = cost or Cost()
        self._running = threading.BoundedSemaphore(at_once)
        self._admitted = threading.BoundedSemaphore(at_once + waiting)
        self._dummy = Hash(self.cost, os.urandom(_SALT_BYTES), os.urandom(_HASH_BYTES))

    def hash(self, password: str) -> str:
        """The form in which a password is kept.

        Raises:
            CrowdedError: too many are being computed.
        """
        made = Hash(self.cost, os.urandom(_SALT_BYTES), b"")
        return str(replace(made, digest=self._compute(password, made)))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that was hashed.

        Args:
            password: of any length; one that is too long is wrong without any work.
            kept: a hash, or None for a user who does not exist: takes as long, and is False.

        Raises:
            CrowdedError: too many are being computed.
            IntegrityError: the hash is damaged.
        """
        if len(_bytes(password, MAX_BYTES + 1)) > MAX_BYTES:
            return False
        expected = self._dummy if kept is None else Hash.parse(kept)
        same = hmac.compare_digest(self._compute(password, expected), expected.digest)
        return same and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash has another cost than new ones get."""
        return Hash.parse(kept).cost != self.cost

    def _compute(self, password: str, form: Hash) -> bytes:
        cost = form.cost
        normal = unicodedata.normalize("NFKC", password)
        with self._place():
            return hashlib.scrypt(
                normal.encode("utf-8", "surrogatepass"),
                salt=form.salt,
                n=cost.n,
                r=cost.r,
                p=cost.p,
                maxmem=cost.memory * 2,
                dklen=_HASH_BYTES,
            )

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._admitted.acquire(blocking=False):
            raise CrowdedError("too many people are logging in", 2)
        try:
            with self._running:
                yield
        finally:
            self._admitted.release()


def checked_password(password: object, name: str) -> str:
    """A password that may be chosen for a user.

    Raises:
        ConfigError: it is too short, too long, no text, or the name itself.
    """
    if not isinstance(password, str) or len(unicodedata.normalize("NFKC", password)) < SHORTEST:
        raise ConfigError(
            f"a password has at least {SHORTEST} characters", hint="Take four words, say."
        )
    if len(_bytes(password, MAX_BYTES + 1)) > MAX_BYTES:
        raise ConfigError(f"a password has at most {MAX_BYTES} bytes")
    if any("\ud800" <= char <= "\udfff" for char in password):
        raise ConfigError("the password is no text")
    if key_of(password) == key_of(name) or len(set(password)) == 1:
        raise ConfigError("this password is the first that anybody would try")
    return password


def _bytes(password: str, most: int) -> bytes:
    return password[:most].encode("utf-8", "surrogatepass")


def _pairs(numbers: str) -> Iterator[tuple[str, str]]:
    for part in numbers.split(","):
        key, _, value = part.partition("=")
        yield key, value
