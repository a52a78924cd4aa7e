"""Refusals before a request reaches the application: in the same form, with the same headers.

waitress itself answers what is too large or is no HTTP, as plain text. Its text may also repeat
what the client sent, which ours does not.
"""

import json
from copy import copy
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask

from sfta_edge.guard import problem

UPLOAD_PATH = "/v1/documents"
_SAID = {
    400: "this is no request that a browser or a program sends",
    413: "the body is larger than this device accepts",
    431: "the headers are larger than this device accepts",
    501: "this way of sending a body is not supported",
}
_HEADERS = [
    ("Content-Type", "application/problem+json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
]


class _ProblemTask(ErrorTask):  # type: ignore[misc] # waitress has no types
    def execute(self) -> None:
        error = self.request.error
        document = problem(error.code, _SAID.get(error.code, error.reason.lower()))
        body = json.dumps(document).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(_HEADERS)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _SizedParser(HTTPRequestParser):  # type: ignore[misc] # same
    """Allows a large body where a file is taken in, and a small one everywhere else.

    waitress keeps a body before the application sees the request; its limit has to hold there.
    """

    adj: Any

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if (self.command, self.path) != ("POST", UPLOAD_PATH):
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = self.adj.small_body_bytes


class ProblemChannel(HTTPChannel):  # type: ignore[misc] # same
    """A connection on which waitress's own refusals are problem documents."""

    error_task_class = _ProblemTask
    parser_class = _SizedParser


def refuse_with_problems(server: Any, small_body_bytes: int) -> None:
    """Give the connections of a waitress server, or of all its addresses, that form.

    Args:
        server: made with the longest body of an upload as its limit.
        small_body_bytes: longest body of every other request.
    """
    opened = server.map if hasattr(server, "map") else {0: server}
    for each in opened.values():
        if hasattr(each, "channel_class"):
            each.channel_class = ProblemChannel
            each.adj.small_body_bytes = small_body_bytes
