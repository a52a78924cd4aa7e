"""Which requests are answered over HTTP, and how a refusal looks.

Rules this module upholds:

- The Host is an address or a known name. A page of another site cannot make a browser send
  an address it does not own (DNS rebinding), so addresses are safe.
- A request that changes or costs something comes from this origin or from no browser page. What a
  browser says about itself (``Sec-Fetch-Site``) also keeps other sites from loading anything; they
  may only lead somebody here by a link.
- Every error is ``application/problem+json`` (RFC 9457), also one that is a defect of this program:
  the log has its number and its traceback, the client the number alone.

Who calls is another matter, see `api.admission`.
"""

import errno
import ipaddress
import json
import logging
import secrets
from collections.abc import Mapping
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

import apsw
from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, MisdirectedRequest

from sfta_edge.errors import SftaError

log = logging.getLogger("sfta_edge")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_STATUS = {
    "AuditError": 503,
    "BadNameError": 422,
    "BusyError": 429,
    "ConfigError": 422,
    "CrowdedError": 429,
    "DiskLowError": 507,
    "EngineDownError": 503,
    "LastAdminError": 409,
    "LockedOutError": 429,
    "NotFoundError": 404,
    "QueueFullError": 429,
    "RateError": 429,
    "SettledError": 409,
    "SetupOverError": 409,
    "TakenError": 409,
    "TooLargeError": 413,
    "UnknownAccountError": 404,
    "UnknownRecordError": 404,
    "UnreadKindError": 415,
    "WorkerDownError": 503,
    "WorkerLostError": 503,
    "WrongPasswordError": 401,
}
"""HTTP status by the name of an error's class, so that errors know nothing of HTTP and this module
imports none of the parts they come from. The nearest class counts; a test holds the names true."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def protect(app: Flask, names: frozenset[str]) -> None:
    """Check every request, give every response its headers and every error its form."""

    def check() -> None:
        if not is_own_host(request.host, names):
            raise MisdirectedRequest(
                f"this device is not called {request.host!r}. Use its address, or start it "
                "with --name."
            )
        origin = request.headers.get("Origin")
        if origin and request.method not in SAFE and urlsplit(origin).netloc != request.host:
            raise Forbidden("pages of other sites may not use this device")
        if not is_own_page(request.headers, request.method):
            raise Forbidden("pages of other sites may not use this device")

    def finish(response: Response) -> Response:
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(check)
    app.after_request(finish)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(SftaError, _sfta_problem)
    app.register_error_handler(Exception, _defect)


def is_own_host(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an IP address or one of the names; the port does not count."""
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0]
    bare = (bare or host).rstrip(".").lower()
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return bare in names
    return True


def is_own_page(headers: Headers, method: str) -> bool:
    """Whether a browser says that no page of another site, or of another port, asks.

    A link from there may be followed: that loads a document of its own, and changes nothing. What
    says nothing is no browser, or an old one; then `protect` still compares the origin.
    """
    if headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}:
        return True
    follows = headers.get("Sec-Fetch-Mode") == "navigate"
    return follows and method in SAFE and headers.get("Sec-Fetch-Dest") == "document"


def json_body() -> Mapping[str, Any]:
    """The request's body.

    Raises:
        HTTPException: 400 no JSON object, 413 too large, 415 not declared as JSON.
    """
    try:
        body = request.get_json()
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def checked_question(question: object, longest: int) -> str:
    """A question that may be asked.

    Raises:
        BadRequest: no text, no visible character, or too many characters.
    """
    if not isinstance(question, str) or not question.strip():
        raise BadRequest("the question is missing or empty")
    if len(question) > longest:
        raise BadRequest(f"the question has {len(question)} characters; at most {longest} fit")
    return question


def problem(status: int, detail: str, hint: str = "", **more: Any) -> dict[str, Any]:
    """A problem document; ``error`` repeats it for clients of the OpenAI form."""
    title = responses.get(status, "Error").capitalize()
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    document["detail"] = detail
    if hint:
        document["hint"] = hint
    kind = "invalid_request_error" if status < 500 else "server_error"
    document["error"] = {"message": detail, "type": kind, "code": status}
    return document | more


def problem_of(error: SftaError) -> dict[str, Any]:
    """The problem document of an error; with the place in the queue, if the error has one."""
    position = getattr(error, "position", None)
    more = {} if position is None else {"position": position}
    return problem(status_of(error), str(error), error.hint, **more)


def status_of(error: SftaError) -> int:
    """The HTTP status of an error of this program."""
    known = (_STATUS[form.__name__] for form in type(error).__mro__ if form.__name__ in _STATUS)
    return next(known, 500)


def _http_problem(error: HTTPException) -> Response:
    if error.response is not None and isinstance(error.response, Response):
        return error.response
    response = _respond(problem(error.code or 500, error.description or error.name))
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name not in response.headers
    )
    return response


def _sfta_problem(error: SftaError) -> Response:
    if status_of(error) >= 500:
        log.error("%s. %s", error, error.hint)
    response = _respond(problem_of(error))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _defect(error: Exception) -> Response:
    """An error that nobody expected; or a full disk, which is nobody's defect."""
    full = isinstance(error, apsw.FullError)
    if full or (isinstance(error, OSError) and error.errno in _FULL):
        log.error("the disk is full: %s", error)
        return _respond(problem(507, "the disk is full", "Remove documents, or old backups."))
    number = secrets.token_hex(4)
    log.error("defect %s in %s %r", number, request.method, request.path, exc_info=error)
    return _respond(
        problem(
            500, "this device made a mistake", f"Its log has more under the number {number}."
        )
    )


def _respond(document: Mapping[str, Any]) -> Response:
    return Response(
        json.dumps(document), status=document["status"], mimetype="application/problem+json"
    )
