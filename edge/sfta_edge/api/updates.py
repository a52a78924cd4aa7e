"""Updates by the web page: upload, install, go back, restart. All of it for admins alone.

The body of an upload is a slice of a file, not the file: see `updates.receiving`.
"""

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Conflict, UnsupportedMediaType

from sfta_edge.api.calls import require
from sfta_edge.caller import Caller
from sfta_edge.guard import json_body
from sfta_edge.updates.receiving import Slice
from sfta_edge.updates.updates import Updates

PATH = "/v1/bundle/updates"
_MOST_DIGITS = 15
_LONGEST_REASON = 500


def add_updates(app: Flask, updates: Updates | None) -> None:
    """Add ``/v1/bundle/updates``.

    Args:
        app: other routes keep their own limit on bodies.
        updates: of the installation; None: the device runs from a folder of its own.
    """
    made = _Endpoints(updates)
    for method, rule, view in (
        ("GET", PATH, made.status),
        ("POST", PATH, made.upload),
        ("DELETE", PATH, made.cancel),
        ("POST", f"{PATH}/install", made.install),
        ("POST", f"{PATH}/restart", made.restart),
        ("POST", f"{PATH}/rollback", made.rollback),
    ):
        app.add_url_rule(rule, f"updates {method} {rule}", view, methods=[method])


class _Endpoints:
    """The endpoints; one for each application."""

    def __init__(self, updates: Updates | None) -> None:
        self._updates = updates

    def status(self) -> Response:
        require("admin")
        if self._updates is None:
            return jsonify({"possible": False})
        return jsonify(self._updates.status())

    def upload(self) -> Response:
        caller, updates = self._asked()
        request.max_content_length = updates.slice_bytes
        if request.mimetype == "multipart/form-data" or request.headers.get("Content-Encoding"):
            raise UnsupportedMediaType(
                "send the bytes of the file as the body, not packed in another"
            )
        length = request.content_length or 0
        sent = Slice(request.args.get("name", ""), _whole("size"), _whole("offset"), length)
        updates.receive(sent, request.stream, caller.name)
        return jsonify(updates.status())

    def install(self) -> ResponseReturnValue:
        caller, updates = self._asked()
        updates.install(caller.name)
        return jsonify(updates.status()), HTTPStatus.ACCEPTED

    def cancel(self) -> ResponseReturnValue:
        caller, updates = self._asked()
        updates.cancel(caller.name)
        return "", HTTPStatus.NO_CONTENT

    def restart(self) -> ResponseReturnValue:
        caller, updates = self._asked()
        updates.restart(caller.name)
        return "", HTTPStatus.NO_CONTENT

    def rollback(self) -> ResponseReturnValue:
        caller, updates = self._asked()
        reason: Any = json_body().get("reason", "") if request.content_length else ""
        if not isinstance(reason, str) or len(reason) > _LONGEST_REASON:
            raise BadRequest(f"the reason is a text of at most {_LONGEST_REASON} characters")
        updates.go_back(caller.name, reason)
        return jsonify(updates.status()), HTTPStatus.ACCEPTED

    def _asked(self) -> tuple[Caller, Updates]:
        caller = require("admin")
        if self._updates is None:
            raise Conflict("this device runs from a folder and not from an installation")
        return caller, self._updates


def _whole(name: str) -> int:
    text = request.args.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise BadRequest(f"{name} is a number of bytes")
    return int(text)
