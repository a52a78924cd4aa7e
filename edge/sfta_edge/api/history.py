"""One's own questions over HTTP."""

from collections.abc import Callable

from flask import Flask, Response, jsonify
from werkzeug.exceptions import NotFound

from sfta_edge.api.calls import current_caller
from sfta_edge.api.paging import NUMBERED, page_of
from sfta_edge.caller import Caller
from sfta_edge.history import History

MayRead = Callable[[Caller, str], bool]
"""Whether a caller may read the document with this id."""


def add_history(app: Flask, history: History, may_read: MayRead) -> None:
    """Add the routes below ``/v1/history``."""
    service = _Service(history, may_read)
    app.add_url_rule("/v1/history", "history", service.entries)
    app.add_url_rule("/v1/history", "history_delete", service.delete_all, methods=["DELETE"])
    one = f"/v1/history/{NUMBERED}"
    app.add_url_rule(one, "history_delete_one", service.delete, methods=["DELETE"])


class _Service:
    """The endpoints; one for each application."""

    def __init__(self, history: History, may_read: MayRead) -> None:
        self._history, self._may_read = history, may_read

    def entries(self) -> Response:
        caller = current_caller()
        known: dict[str, bool] = {}

        def visible(document: str) -> bool:
            if document not in known:
                known[document] = self._may_read(caller, document)
            return known[document]

        entries = self._history.entries(caller, *page_of(), visible=visible)
        return jsonify({"entries": entries})

    def delete_all(self) -> tuple[str, int]:
        self._history.delete(current_caller())
        return "", 204

    def delete(self, identity: int) -> tuple[str, int]:
        if not self._history.delete(current_caller(), identity):
            raise NotFound(f"there is no entry {identity}")
        return "", 204
