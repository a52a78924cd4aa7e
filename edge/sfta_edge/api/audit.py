"""The audit log over HTTP, for admins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Response, jsonify
from werkzeug.exceptions import BadRequest, NotFound, ServiceUnavailable

from sfta_edge.api.calls import require
from sfta_edge.api.paging import NUMBERED, page_of
from sfta_edge.audit.log import Audit, UnknownRecordError
from sfta_edge.audit.replay import Replayer
from sfta_edge.guard import json_body


def add_audit(app: Flask, audit: Audit, replayer: Callable[[], Replayer | None]) -> None:
    """Add the routes below ``/v1/audit``.

    Args:
        app: the application.
        audit: the log.
        replayer: gives what answers recorded questions again; None while no engine answers.
    """
    service = _Service(audit, replayer)
    app.add_url_rule("/v1/audit", "audit", service.records)
    app.add_url_rule("/v1/audit/verify", "audit_verify", service.verify, methods=["POST"])
    app.add_url_rule("/v1/audit/export", "audit_export", service.export)
    one = f"/v1/audit/{NUMBERED}"
    app.add_url_rule(f"{one}/redact", "audit_redact", service.redact, methods=["POST"])
    app.add_url_rule(f"{one}/replay", "audit_replay", service.replay, methods=["POST"])


class _Service:
    """The endpoints; one for each application."""

    def __init__(self, audit: Audit, replayer: Callable[[], Replayer | None]) -> None:
        self._audit, self._replayer = audit, replayer

    def records(self) -> Response:
        require("admin")
        records = self._audit.records(*page_of())
        return jsonify({"records": records, "intact": self._audit.intact})

    def verify(self) -> Response:
        require("admin")
        return jsonify(self._audit.verify().to_json())

    def export(self) -> Response:
        caller = require("admin")
        self._audit.append("export", {"user": caller.name})
        response = Response(self._lines(), mimetype="application/x-ndjson")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response

    def redact(self, identity: int) -> tuple[str, int]:
        caller = require("admin")
        reason = json_body().get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise BadRequest("a redaction needs a reason")
        with _found():
            self._audit.redact(identity, reason, caller.name)
        return "", 204

    def replay(self, identity: int) -> Response:
        require("admin")
        replayer = self._replayer()
        if replayer is None:
            raise ServiceUnavailable("no engine answers now", retry_after=10)
        with _found():
            return jsonify(self._audit.replay(identity, replayer).to_json())

    def _lines(self) -> Iterator[bytes]:
        yield from self._audit.export_lines()


@contextmanager
def _found() -> Iterator[None]:
    """Turn an unknown record into 404."""
    try:
        yield
    except UnknownRecordError as error:
        raise NotFound(str(error)) from error
