"""What waitress refuses itself has the form of every other refusal."""

import json
import socket
import threading

import pytest
import waitress
from flask import Flask
from waitress.server import BaseWSGIServer

from sfta_edge.early_refusal import ProblemChannel, refuse_with_problems
from sfta_edge.guard import protect
from sfta_edge.server import serve, stop

BODY = 1000
LARGE = 20_000


@pytest.fixture(name="place", scope="module")
def _place():
    app = Flask("served")
    protect(app, frozenset({"localhost"}))
    app.add_url_rule("/", "page", lambda: "hello", methods=["GET", "POST"])
    app.add_url_rule("/v1/documents", "taken", lambda: "taken", methods=["PUT", "POST"])
    server = waitress.create_server(
        app,
        map={},
        host="127.0.0.1",
        port=0,
        threads=1,
        max_request_body_size=LARGE,
        max_request_header_size=2000,
        ident=None,
    )
    refuse_with_problems(server, BODY)
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    yield server.effective_host, server.effective_port
    stop(server)
    thread.join(10)
    assert not thread.is_alive()


def answer(place, sent):
    with socket.create_connection(place, timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while block := connection.recv(65536):
            received += block
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = dict(field.split(": ", 1) for field in fields)
    return int(line.split()[1]), headers, body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 431),
        (b"<script>alert(1)</script>\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: <b>\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n<script>\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_an_early_refusal_is_a_problem_document_and_repeats_nothing(place, sent, status):
    found, headers, body = answer(place, sent)
    document = json.loads(body)
    assert (found, document["status"]) == (status, status)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert document["detail"]
    assert b"<" not in body


@pytest.mark.parametrize(
    ("line", "length", "status"),
    [
        (b"POST /v1/documents?name=x", BODY + 1, 200),
        (b"POST /v1/documents", LARGE + 1, 413),
        (b"PUT /v1/documents", BODY + 1, 413),
        (b"POST /v1/documents/", BODY + 1, 413),
        (b"POST /v1/ask", BODY + 1, 413),
        (b"POST /?/v1/documents", BODY + 1, 413),
    ],
)
def test_only_where_files_are_taken_in_a_body_may_be_large(place, line, length, status):
    head = line + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    sent = head + b"Content-Length: %d\r\n\r\n" % length
    assert answer(place, sent + (b"x" * length if status == 200 else b""))[0] == status


def test_what_is_no_refusal_is_answered_as_before(place):
    status, _, body = answer(
        place, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert (status, body) == (200, b"hello")


def test_a_server_of_several_addresses_refuses_alike_on_each():
    opened = {}
    server = waitress.create_server(
        lambda *_: [], map=opened, listen="127.0.0.1:0 [::1]:0", threads=1
    )
    try:
        refuse_with_problems(server, BODY)
        listening = [each for each in opened.values() if isinstance(each, BaseWSGIServer)]
        assert len(listening) == 2
        assert {each.channel_class for each in listening} == {ProblemChannel}
    finally:
        server.task_dispatcher.shutdown()
        waitress.wasyncore.close_all(opened)
