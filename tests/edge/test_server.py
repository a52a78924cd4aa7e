"""The server: where it listens, how it refuses, how it ends."""

import http.client
import os
import signal
import socket
import threading

import pytest
from flask import Flask

from sfta_edge import server as servers
from sfta_edge.app import ServeLimits
from sfta_edge.errors import ConfigError
from sfta_edge.server import (
    Address,
    create_server,
    listening,
    responds,
    run,
    serve,
    stop,
)

LIMITS = ServeLimits(places=2, body_bytes=1000)


@pytest.fixture(name="app")
def _app():
    app = Flask("small", static_folder=None)
    app.add_url_rule("/", view_func=lambda: "here", methods=["GET", "POST"])
    return app


def get(host, port, size=0):
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request("POST" if size else "GET", "/", b"x" * size)
        with connection.getresponse() as response:
            return response.status
    finally:
        connection.close()


def test_a_server_serves_until_it_is_stopped(app):
    server = create_server(app, Address(port=0), LIMITS)
    ((host, port),) = listening(server)
    assert host == "127.0.0.1"
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    assert get(host, port) == 200
    assert get(host, port, size=2000) == 413
    stop(server)
    thread.join(20)
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        get(host, port)


def test_a_name_can_stand_for_several_addresses(app):
    server = create_server(app, Address("localhost", 0), LIMITS)
    places = listening(server)
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    assert all(get(host, port) == 200 for host, port in places)
    stop(server)
    thread.join(20)
    assert not thread.is_alive()


def test_a_port_in_use_is_an_error_with_an_action(app):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            create_server(app, Address(port=port), LIMITS)
    assert "--port" in caught.value.hint


def test_a_host_that_is_none_is_an_error(app):
    with pytest.raises(ConfigError, match="cannot listen"):
        create_server(app, Address("256.1.1.1", 0), LIMITS)


def test_a_request_to_end_ends_the_server(app, monkeypatch):
    """As a service manager does it: by a signal, in the middle of waiting for requests."""
    server = create_server(app, Address(port=0), LIMITS)
    before = signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        run(server)
    finally:
        timer.join()
        signal.signal(signal.SIGTERM, before)
    assert not servers._sockets(server)


def test_a_loop_that_does_not_turn_does_not_respond():
    server = create_server(Flask("stuck"), Address(port=0), LIMITS)
    assert not responds(server, 0.2)
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    assert responds(server)
    stop(server)
    thread.join(10)
    assert not responds(server, 0.2)
