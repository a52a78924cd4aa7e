"""Who makes a request: a person with a cookie, a program with a token, or nobody.

Rules this module upholds:

- Every path needs a caller, except those that are named here.
- A request that shows a token is judged by the token alone, whatever cookie comes along.
- With a cookie, a request that changes something shows the session's own token against forged
  requests, too. The login and the setup do not: they show a password, and `guard` has seen to it
  that no other site sends them.
- One caller cannot take all the time of the device: questions and uploads have a rate.
"""

import hmac
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from flask import Flask, Response, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from sfta_edge.accounts.accounts import Accounts
from sfta_edge.accounts.rates import Buckets, Rate
from sfta_edge.accounts.sessions import csrf_of
from sfta_edge.api.calls import current_caller, set_caller
from sfta_edge.caller import Caller
from sfta_edge.guard import SAFE

_OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
_METRICS = "/metrics"
_ENTRY = frozenset({"/v1/session", "/v1/setup"})
_ASKED = frozenset({"/v1/ask", "/v1/chat/completions", "/v1/embeddings"})
_UPLOADED = frozenset({"/v1/documents"})
ADMITTED = "sfta.admitted"
"""In the environment of a request that passed before its body came, see `early_admission`."""
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """How requests reach the device, and how many one caller may make."""

    behind_proxy: bool = False
    """A proxy in front speaks TLS with the browsers."""
    open_paths: frozenset[str] = frozenset()
    """More paths that need no caller."""
    questions: Rate = field(default_factory=lambda: Rate(per_minute=30, burst=10))
    """Of one caller."""
    uploads: Rate = field(default_factory=lambda: Rate(per_minute=60, burst=60))
    """Of one caller."""


def admit_callers(app: Flask, accounts: Accounts, settings: AdmissionSettings) -> None:
    """Find out who makes each request, and refuse those that need somebody and have nobody."""
    free = _OPEN | settings.open_paths | frozenset(page_paths())
    questions = Buckets(settings.questions, accounts.clock)
    uploads = Buckets(settings.uploads, accounts.clock)

    def admit() -> None:
        set_caller(None)
        if request.path in free or (request.path == _METRICS and is_near()):
            return
        set_caller(_shown(accounts, secure=is_secure(settings)))
        if request.path in _ENTRY:
            return
        caller = current_caller()
        if request.method == "POST" and request.path in _ASKED:
            questions.take(caller.token or caller.name)
        # An upload that was admitted before its body came was counted then.
        counted = request.environ.get(ADMITTED, False)
        if request.method == "POST" and request.path in _UPLOADED and not counted:
            uploads.take(caller.token or caller.name)

    app.before_request(admit)


def page_paths() -> Iterator[str]:
    """The paths of the web page and its files."""
    yield "/"
    yield from _below(files("sfta_edge") / "web", "/")


def is_secure(settings: AdmissionSettings) -> bool:
    """Whether the browser's connection is encrypted, as far as it is known here."""
    return request.is_secure or settings.behind_proxy


def is_near() -> bool:
    """Whether a program on this machine asks, and not for somebody elsewhere."""
    try:
        near = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
    return near and not any(name in request.headers for name in _FORWARDED)


def address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


def session_cookie() -> str:
    """The cookie of the session in which this request is made; empty: there is none."""
    cookie: str = g.get("sfta_cookie", "")
    return cookie


def set_session(response: Response, cookie: str, *, secure: bool) -> None:
    """Hand out a session, or with an empty value take it back."""
    response.set_cookie(
        cookie_name(secure=secure),
        cookie,
        max_age=None if cookie else 0,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Strict",
    )


def cookie_name(*, secure: bool) -> str:
    """The browser itself keeps others from setting a cookie whose name begins with ``__Host-``."""
    return "__Host-sfta_session" if secure else "sfta_session"


def _shown(accounts: Accounts, *, secure: bool) -> Caller | None:
    """The caller whose token or cookie the request shows.

    Raises:
        Unauthorized: it shows a token that is not valid.
        Forbidden: it changes something and may be forged.
    """
    shown = request.headers.get("Authorization")
    if shown is not None:
        scheme, _, text = shown.partition(" ")
        token = text.strip() if scheme.lower() == "bearer" else ""
        caller = accounts.caller_of_token(token, address())
        if caller is None:
            bearer = WWWAuthenticate("bearer", {"error": "invalid_token"})
            raise Unauthorized("this token is not valid", www_authenticate=bearer)
        return caller
    cookie = request.cookies.get(cookie_name(secure=secure), "")
    caller = accounts.caller_of_cookie(cookie)
    if caller is not None:
        g.sfta_cookie = cookie
        _check_not_forged(cookie)
    return caller


def _check_not_forged(cookie: str) -> None:
    if request.method in SAFE or (request.method == "POST" and request.path in _ENTRY):
        return
    shown = request.headers.get("X-CSRF-Token", "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(shown, csrf_of(cookie).encode()):
        raise Forbidden("the header X-CSRF-Token is missing or belongs to another session")


def _below(folder: Traversable, path: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{path}{entry.name}/")
        else:
            yield f"{path}{entry.name}"
