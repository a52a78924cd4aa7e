"""A real server takes a slice that is longer than other bodies, and ends to be started again."""

import http.client
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
from flask import Flask

from called_api import called_app
from sfta_edge.api.asking import ServeLimits
from sfta_edge.api.updates import PATH, add_updates
from sfta_edge.cli import serve as command
from sfta_edge.guard import protect
from sfta_edge.server import Address, create_server, listening, serve, stop
from sfta_edge.slots import active_slot, read_state
from sfta_edge.updates.receiving import UpdateLimits
from uploaded_updates import opened, outcome, receive

TOLD = {"host": "127.0.0.1", "port": 0, "names": (), "places": 1, "upload_mib": 1,
        "behind_proxy": False}  # fmt: skip


@pytest.fixture(name="served")
def _served(device_root):
    """The updates of a device behind its real server, and where that listens."""
    servers = []
    limits = UpdateLimits(reserve_bytes=0)
    updates = opened(device_root, limits=limits, restart=lambda: stop(servers[0]))
    app = called_app(lambda app: add_updates(app, updates)).application
    servers.append(create_server(app, Address(port=0), ServeLimits(places=1)))
    thread = threading.Thread(target=serve, args=(servers[0],), daemon=True)
    thread.start()
    yield updates, listening(servers[0])[0], thread
    if thread.is_alive():
        stop(servers[0])
        thread.join(20)


def post(place, path, body=b"", *, announced=None, **headers):
    """The status; with `announced` only the head is sent, as the body would be refused."""
    length = len(body) if announced is None else announced
    with closing(http.client.HTTPConnection(*place, timeout=30)) as connection:
        connection.putrequest("POST", path)
        for name, value in {"Content-Length": str(length), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status


def test_a_slice_may_be_long_and_only_for_an_admin(served):
    updates, place, _ = served
    long = 1 << 20
    query = f"{PATH}?name=m.tar&offset=0&size={2 << 20}"
    assert post(place, query, announced=long, As="editor") == 403
    assert post(place, query, bytes(long)) == 200
    assert updates.status()["files"][0]["received"] == long
    assert post(place, f"{PATH}/install", announced=long) == 413


def test_the_restart_is_answered_before_the_server_ends(served, second_bundle):
    updates, place, thread = served
    receive(updates, second_bundle)
    assert outcome(updates)["state"] == "done"
    assert post(place, f"{PATH}/restart") == 204
    thread.join(20)
    assert not thread.is_alive()


def run_command(root, monkeypatch, supervised):
    """`sfta-edge serve` around an application that takes nothing but updates."""
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-listens-here" if supervised else "")
    given = []

    def application(_device, _limits, _admission, updates):
        given.append(updates)
        app = Flask("device")
        protect(app, frozenset({"localhost"}))
        add_updates(app, updates)
        return app

    monkeypatch.setattr("sfta_edge.device_app.device_app", application)
    monkeypatch.setattr(command, "_greet", lambda _device: None)
    audit = SimpleNamespace(append=lambda _kind, _facts: None)
    device = SimpleNamespace(info=SimpleNamespace(name="m"), audit=audit, failing="")
    monkeypatch.setattr("sfta_edge.server.run", lambda server: ended(server, given[0], root))
    command._serve(device, root, TOLD, slot=active_slot(root), as_json=False)
    return given[0]


def ended(server, updates, root):
    """Serve until the device is asked to restart, or just once."""
    if not updates.status()["supervised"]:
        server.close()
        server.task_dispatcher.shutdown()
        return
    state = read_state(root)
    updates._running = "the slot before"
    assert updates._waits_for_restart(state)
    updates.restart("ada")
    serve(server)


def test_the_command_ends_with_a_code_that_asks_for_another_start(device_root, monkeypatch):
    with pytest.raises(SystemExit) as end:
        run_command(device_root, monkeypatch, supervised=True)
    assert end.value.code == 75


def test_without_a_supervisor_it_offers_no_restart(device_root, monkeypatch):
    updates = run_command(device_root, monkeypatch, supervised=False)
    assert updates.status()["supervised"] is False
    assert updates.slice_bytes == 1 << 20
