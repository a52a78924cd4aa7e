"""Addresses of things elsewhere, and the secrets that people write into them.

A recipe is hashed, shown and kept in artifacts, so its addresses must hold no secret:
credentials come from the environment.
"""

import re
from urllib.parse import unquote

_CONTAINERS = frozenset({"az", "abfs", "abfss"})
_SECRET = re.compile(
    r"token|key|secret|pass(?:word|wd|phrase)?$|pwd$|credential|signature|^sig$|^sas$|^auth$"
    r"|authorization|^code$|^jwt$"
)
_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s\"']*)@")
_PAIR = re.compile(r"([\w%.~-]+)=([^&;#\s\"'<>]*)")


def is_url(text: str) -> bool:
    """Whether the text names something by a scheme rather than by a local path."""
    return "://" in text


def secret_in(url: str) -> str:
    """What in the URL is a secret, in words that do not repeat it; empty if nothing is.

    A name or password before the host is one, and so is a query such as a SAS token or a key.
    `abfs://container@account.dfs.core.windows.net` names a container before its host: none.
    """
    for scheme, before in _AUTHORITY.findall(url):
        if scheme.lower() not in _CONTAINERS or ":" in unquote(before):
            return "a user name or password"
    query = re.split(r"[?#]", url, maxsplit=1)[1:]
    for name, _ in _PAIR.findall(query[0] if query else ""):
        if _is_secret(name):
            return f"a secret in its query ({name})"
    return ""


def without_secrets(text: str) -> str:
    """The text with the secrets of URLs and connection strings replaced by `[hidden]`."""
    text = _AUTHORITY.sub(r"\1://[hidden]@", text)
    return _PAIR.sub(
        lambda pair: f"{pair[1]}=[hidden]" if _is_secret(pair[1]) and pair[2] else pair[0], text
    )


def _is_secret(name: str) -> bool:
    bare = re.sub(r"[^a-z]", "", unquote(name).lower())
    return _SECRET.search(bare) is not None
