"""Who may call the device over HTTP, and how a refusal looks.

Rules this module upholds:

- The Host is an address or a known name. A page of another site cannot make a browser send
  an address it does not own (DNS rebinding), so addresses are safe.
- A request that changes or costs something comes from this origin or from no browser page.
- Every error is ``application/problem+json`` (RFC 9457).
"""

import ipaddress
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, MisdirectedRequest

from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.gate import BusyError
from sfta_edge.generation import ContextOverflowError

log = logging.getLogger("sfta_edge")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def protect(app: Flask, names: frozenset[str]) -> None:
    """Check every request, give every response its headers and every error its form."""

    def check() -> None:
        if not is_own_host(request.host, names):
            raise MisdirectedRequest(
                f"this device is not called {request.host!r}. Use its address, or start it "
                "with --name."
            )
        origin = request.headers.get("Origin")
        if origin and request.method not in _SAFE and urlsplit(origin).netloc != request.host:
            raise Forbidden("pages of other sites may not use this device")

    def finish(response: Response) -> Response:
        response.headers.extend(_HEADERS)
        return response

    app.before_request(check)
    app.after_request(finish)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(SftaError, _sfta_problem)


def is_own_host(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an IP address or one of the names; the port does not count."""
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0]
    bare = (bare or host).rstrip(".").lower()
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return bare in names
    return True


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


def problem(status: int, detail: str, hint: str = "") -> dict[str, Any]:
    """A problem document; ``error`` repeats it for clients of the OpenAI form."""
    title = Response(status=status).status.partition(" ")[2].capitalize()
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    document["detail"] = detail
    if hint:
        document["hint"] = hint
    kind = "invalid_request_error" if status < 500 else "server_error"
    document["error"] = {"message": detail, "type": kind, "code": status}
    return document


def problem_of(error: SftaError) -> dict[str, Any]:
    """The problem document of an error of this program."""
    return problem(status_of(error), str(error), error.hint)


def status_of(error: SftaError) -> int:
    """The HTTP status of an error of this program."""
    if isinstance(error, BusyError):
        return 429
    return 422 if isinstance(error, ContextOverflowError | ConfigError) else 500


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
    if isinstance(error, BusyError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _respond(document: Mapping[str, Any]) -> Response:
    return Response(
        json.dumps(document), status=document["status"], mimetype="application/problem+json"
    )
