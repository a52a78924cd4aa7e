"""Refusals before a request reaches the application: in the same form, with the same headers.

waitress itself answers what is too large or is no HTTP, as plain text. Its text may also repeat
what the client sent, which ours does not.
"""

import json
from copy import copy
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import BadRequest

from sfta_edge.early_admission import UPLOADERS, Admit, AdmittedChannel, Refusal
from sfta_edge.guard import problem
from sfta_edge.slow_clients import Patience

UPLOAD_PATHS = frozenset(UPLOADERS)
_LONGEST_LINE = 4096  # between two chunks of a body, or behind them all
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
        if isinstance(error, Refusal):
            document, headers = error.document, [*(error.headers or _HEADERS)]
        else:
            document = problem(error.code, _SAID.get(error.code, error.reason.lower()))
            headers = _HEADERS
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _SizedParser(HTTPRequestParser):  # type: ignore[misc] # same
    """Allows a large body where a file is taken in, and a small one everywhere else.

    waitress keeps a body before the application sees the request; its limit has to hold there.
    """

    adj: Any
    error: Any
    expect_continue: bool
    path = ""
    is_large = asked = admitted = wants_word = False

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.command == "POST" and self.path in UPLOAD_PATHS:
            self.is_large = self.body_rcv is not None
            # The word to go on is given when the caller is known, see `early_admission`.
            self.wants_word, self.expect_continue = self.expect_continue, False
        else:
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = self.adj.small_body_bytes

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if self.chunked and not self.error:
            lines = self.body_rcv.control_line, self.body_rcv.trailer
            if max(map(len, lines)) > _LONGEST_LINE:
                # waitress copies such a line with every piece of it that comes.
                self.error, self.completed = BadRequest("a line between chunks"), True
        if self.error:
            # waitress would ask for the body of what it has refused already.
            self.expect_continue = False
        return taken


class ProblemChannel(AdmittedChannel):
    """A connection on which waitress's own refusals are problem documents."""

    error_task_class = _ProblemTask
    parser_class = _SizedParser


def refuse_with_problems(
    server: Any,
    small_body_bytes: int,
    admit: Admit = lambda _environ: None,
    patience: Patience | None = None,
) -> None:
    """Give the connections of a waitress server, or of all its addresses, that form.

    Args:
        server: made with the longest body of an upload as its limit.
        small_body_bytes: longest body of every other request.
        admit: asked before the body of an upload is read.
        patience: how slow a client may be, and how many there are at once.
    """
    opened = server.map if hasattr(server, "map") else {0: server}
    for each in opened.values():
        if hasattr(each, "channel_class"):
            each.channel_class = ProblemChannel
            each.adj.small_body_bytes = small_body_bytes
            each.admit = admit
            each.patience = patience or Patience()
