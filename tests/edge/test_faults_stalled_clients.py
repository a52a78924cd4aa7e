"""Five hundred clients that stall at once: who sends a whole request is answered all the same."""

import http.client
import resource
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from served_app import serving
from sfta_edge.app import ServeLimits
from sfta_edge.server import Address, create_server

STALLED = 500
STALLS = {
    "without a word": b"",
    "in the head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    "in the body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nx",
}


@pytest.fixture(name="place")
def _place():
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 < soft < 2 * STALLED + 100:
        pytest.skip(f"{soft} handles are too few for {STALLED} connections with both ends here")
    app = Flask("small", static_folder=None)
    app.add_url_rule("/", view_func=lambda: "here", methods=["GET", "POST"])
    server = create_server(app, Address(port=0), ServeLimits(places=2))
    with serving(server) as address:
        yield address


def answered(place):
    connection = http.client.HTTPConnection(*place, timeout=20)
    try:
        connection.request("GET", "/")
        with connection.getresponse() as response:
            return response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("where", STALLS)
def test_who_sends_a_whole_request_is_answered_and_nothing_grows_with_the_others(place, where):
    running = threading.active_count()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with ExitStack() as stack:
        for number in range(STALLED):
            client = stack.enter_context(socket.create_connection(place, timeout=20))
            client.sendall(STALLS[where])
            if number % 100 == 0:
                assert answered(place) == b"here"
        assert answered(place) == b"here"
        taken = len(list(Path("/proc/self/fd").iterdir())) - before
        assert taken < 2 * STALLED, "the device keeps a connection for each of them"
        assert threading.active_count() == running
    assert answered(place) == b"here"
