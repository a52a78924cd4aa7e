"""The first boot: nobody exists yet, and there is no password that everybody knows.

A one-time token stands on the console, for whoever stands before the device. The file keeps its
hash; each start makes a new one, and it is gone as soon as the first admin is there.
"""

import base64
import hashlib
import hmac
import os

from sfta_edge.accounts.store import Store
from sfta_edge.accounts.users import Users

_FACT = "setup"
_TOKEN_BYTES = 15
_GROUP = 4


class Setup:
    """The one-time token."""

    def __init__(self, store: Store, users: Users) -> None:
        self._store, self._users = store, users

    @property
    def is_open(self) -> bool:
        """Whether the first admin is still to come."""
        return self._users.none_yet

    def begin(self) -> str | None:
        """A new token, which makes the one before worthless; None: somebody exists already.

        It is for the console. Never write it to a log.
        """
        with self._store.transaction():
            if not self.is_open:
                self.end()
                return None
            token = base64.b32encode(os.urandom(_TOKEN_BYTES)).decode()
            self._store.set_fact(_FACT, _digest(token))
        return "-".join(token[i : i + _GROUP] for i in range(0, len(token), _GROUP))

    def matches(self, token: str) -> bool:
        """Whether this is the token; case, spaces and dashes do not count."""
        kept = self._store.fact(_FACT)
        return kept is not None and hmac.compare_digest(kept, _digest(token)) and self.is_open

    def end(self) -> None:
        """Forget the token."""
        self._store.set_fact(_FACT, None)


def _digest(token: str) -> bytes:
    plain = "".join(char for char in token[:256].upper() if char not in "- \t")
    # 120 random bits need no slow hash.
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
