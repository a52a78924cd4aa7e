"""Wrong passwords make the next attempt wait, longer each time.

Three counts, each with some attempts that are free and a delay that doubles from there:

- of a name from an address: the usual guesser, up to 15 minutes;
- of an address, whatever the names: one guesser, many names, up to 5 minutes;
- of a name, whatever the addresses: many guessers, up to 1 minute. It spares an address that has
  hardly tried this name: however many others guess, the person whose name it is gets in from a
  place of their own.

An attempt while one has to wait is refused unseen and counts nothing, so nobody waits for ever. A
right password forgives the name at that address and nothing else, or a guesser with an account of
their own could wipe the slate clean between two guesses. Several attempts that run at the same time
are all let through: there are as many as `passwords` computes at once.

The counts are kept in the file, so that a restart forgives nothing, as hashes with the device's own
salt: people type passwords into the field of the name. There is room for a fixed number; the lowest
counts give way, which a guesser could only make use of with thousands of addresses.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass

from sfta_edge.accounts.clock import Moment
from sfta_edge.accounts.refusals import LockedOutError
from sfta_edge.accounts.store import Store

_FORGOTTEN_SECONDS = 24 * 3600.0
_PLACES = 4096
_SPARED = 3  # attempts at a name from an address of which other addresses take nothing
_LONGEST_DOUBLING = 30  # 2**30 seconds is longer than any limit


@dataclass(frozen=True, slots=True)
class _Rule:
    free: int
    longest: float
    """Seconds."""

    def delay(self, count: int) -> float:
        if count < self.free:
            return 0.0
        return min(self.longest, 2.0 ** min(count - self.free, _LONGEST_DOUBLING))


_PAIR = _Rule(free=5, longest=900.0)
_ADDRESS = _Rule(free=20, longest=300.0)
_NAME = _Rule(free=50, longest=60.0)


@dataclass(frozen=True, slots=True)
class _Keys:
    pair: bytes
    address: bytes
    name: bytes


class Lockout:
    """The counts of wrong attempts. `name`s are keys: see `names.key_of`."""

    def __init__(self, store: Store, kind: str) -> None:
        """`kind`: of attempts; a wrong token keeps nobody from the login."""
        self._store, self._kind = store, kind
        self._salt = store.fact("salt") or b""

    def check(self, name: str, address: str) -> None:
        """Let an attempt through.

        Raises:
            LockedOutError: it has to wait.
        """
        keys = self._keys(name, address)
        pair, waits = self._count(keys.pair)[0], [self._wait(keys.pair, _PAIR)]
        waits.append(self._wait(keys.address, _ADDRESS))
        if pair >= _SPARED:
            waits.append(self._wait(keys.name, _NAME))
        if (longest := max(waits)) > 0:
            raise LockedOutError("too many wrong attempts", math.ceil(longest))

    def failed(self, name: str, address: str) -> None:
        """Count a wrong attempt."""
        keys, now = self._keys(name, address), self._store.now()
        with self._store.transaction():
            for key in (keys.pair, keys.address, keys.name):
                count, passed = self._count(key)
                count = 1 if passed > _FORGOTTEN_SECONDS else count + 1
                of = b"" if key == keys.address else keys.name
                self._store.rows(
                    "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                    *(key, of, count, now.boot, now.running, now.wall),
                )
            self._store.rows(
                "DELETE FROM failures WHERE key IN (SELECT key FROM failures "
                "ORDER BY count, rowid LIMIT max(0, (SELECT count(*) FROM failures) - ?))",
                _PLACES,
            )

    def succeeded(self, name: str, address: str) -> None:
        """Forgive a name at the address where the right password was given."""
        key = self._keys(name, address).pair
        self._store.note("DELETE FROM failures WHERE key = ?", key)

    def forgive(self, name: str) -> None:
        """Forgive a name everywhere: somebody else has seen to it."""
        self._store.rows("DELETE FROM failures WHERE name = ?", self._keys(name, "").name)

    def _wait(self, key: bytes, rule: _Rule) -> float:
        count, passed = self._count(key)
        return 0.0 if passed > _FORGOTTEN_SECONDS else rule.delay(count) - passed

    def _count(self, key: bytes) -> tuple[int, float]:
        """How many, and how many seconds ago the last one was."""
        sql = "SELECT count, boot, running, wall FROM failures WHERE key = ?"
        for count, *moment in self._store.rows(sql, key):
            return count, self._store.now().since(Moment(*moment))
        return 0, math.inf

    def _keys(self, name: str, address: str) -> _Keys:
        place = network_of(address)
        return _Keys(
            self._hash("pair", name, place),
            self._hash("address", place),
            self._hash("name", name),
        )

    def _hash(self, *parts: str) -> bytes:
        text = "\0".join(part.replace("\0", "") for part in (self._kind, *parts))
        encoded = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(encoded, key=self._salt, digest_size=16).digest()


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the network, in which a guesser can pick any number."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
