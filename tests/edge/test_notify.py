"""systemd hears that the server answers, and hears nothing from one that hangs."""

import socket
import threading

import pytest

from sfta_edge.notify import Heartbeat, tell


@pytest.fixture(name="listener", params=["file", "abstract"])
def _listener(request, tmp_path, monkeypatch):
    """What systemd listens with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        if request.param == "file":
            address = str(tmp_path / "notify")
            opened.bind(address)
        else:
            address = f"@sfta-test-{tmp_path.name}"
            opened.bind("\0" + address[1:])
        opened.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield opened


def test_a_state_reaches_systemd(listener):
    assert tell("READY=1")
    assert listener.recv(100) == b"READY=1"


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not tell("READY=1")


def test_a_listener_that_has_gone_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not tell("READY=1")


def test_a_server_that_is_well_keeps_telling(listener, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "60000")
    beat = Heartbeat(lambda: True)
    assert [listener.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    beat.close()


def test_a_server_that_is_not_well_tells_nothing(listener, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    asked = threading.Event()

    def ill():
        asked.set()
        return False

    beat = Heartbeat(ill)
    assert asked.wait(10)
    beat.close()
    assert listener.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("microseconds", ["", "0", "soon"])
def test_without_a_watchdog_there_is_no_heart(monkeypatch, microseconds):
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    beat = Heartbeat(lambda: True)
    assert beat.interval == 0
    beat.close()
