"""Clients that send or read a byte now and then, or nothing: they end, and hold up nobody."""

import http.client
import json
import resource
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask, Response, request

from documents_device import BUNDLED
from scripted_answerer import INFO, ScriptedAnswerer
from served_app import serving
from sfta_edge.app import ServeLimits, create_app
from sfta_edge.guard import protect
from sfta_edge.server import Address, create_server
from sfta_edge.slow_clients import Patience, _Headway

MOST = 4
LIMITS = ServeLimits(places=1, body_bytes=4096)
HURRIED = Patience(seconds=0.3, bytes_a_second=200, connections=MOST)
LARGE = 24 << 20  # more than waitress and both kernels keep
HELLO = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def app():
    made = Flask("slow", static_folder=None)
    protect(made, frozenset({"localhost"}))
    made.add_url_rule("/", "here", lambda: "here", methods=["GET", "POST"])

    def large():
        return Response(b"x" * (1 << 16) for _ in range(LARGE >> 16))

    def count():
        return str(len(request.get_data()))

    made.add_url_rule("/large", "large", large)
    made.add_url_rule("/count", "count", count, methods=["POST"])
    return made


def served(application, patience, limits=LIMITS):
    return serving(create_server(application, Address(port=0), limits, patience))


@pytest.fixture(name="place", scope="module")
def _place():
    with served(app(), HURRIED) as place:
        yield place


@pytest.fixture(name="clients")
def _clients():
    with ExitStack() as stack:

        def connect(place, sent=b""):
            client = stack.enter_context(socket.create_connection(place, timeout=20))
            client.sendall(sent)
            return client

        yield connect


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def here(place):
    connection = http.client.HTTPConnection(*place, timeout=20)
    try:
        connection.request("GET", "/")
        with connection.getresponse() as response:
            return response.read() == b"here"
    finally:
        connection.close()


def told(client):
    """Status and document of the answer; None if the connection ended without."""
    received = b""
    try:
        while block := client.recv(65536):
            received += block
    except ConnectionError:
        return None
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def drip(client, piece, every=0.05, longest=10.0):
    """Send a piece now and then until the other side has had enough."""
    end = time.monotonic() + longest
    client.settimeout(every)
    while time.monotonic() < end:
        try:
            client.sendall(piece)
            if client.recv(1, socket.MSG_PEEK) is not None:
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    else:
        pytest.fail("the device waits for ever")
    client.settimeout(20)


def test_a_head_that_comes_byte_by_byte_is_408(place, clients):
    client = clients(place, b"GET / HTTP/1.1\r\nX: ")
    drip(client, b"x")
    status, document = told(client)
    assert (status, document["status"]) == (408, 408)
    assert "in time" in document["detail"]


@pytest.mark.parametrize("length", [b"Content-Length: 3000", b"Transfer-Encoding: chunked"])
def test_a_body_that_comes_byte_by_byte_is_408(place, clients, length):
    head = b"POST /count HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n\r\n"
    client = clients(place, head)
    drip(client, b"1\r\nx\r\n" if b"chunked" in length else b"x")
    answer = told(client)
    assert answer is None or answer[0] == 408


def test_a_body_that_comes_slowly_and_steadily_is_taken(place, clients):
    head = b"POST /count HTTP/1.0\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n"
    client = clients(place, head)
    for _ in range(9):
        client.sendall(b"x" * 100)
        time.sleep(0.1)
    assert told(client) == (200, 900)


def test_a_client_that_never_reads_gives_its_thread_back(clients):
    patient = Patience(seconds=0.5, bytes_a_second=200)
    with served(app(), patient) as place:
        threads = LIMITS.places + 4
        for _ in range(threads + 1):
            clients(place, b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert here(place)


RANGED = b"GET /v1/documents/bundled/file HTTP/1.1\r\nHost: localhost\r\nWho: admin\r\n"


def test_parts_of_files_that_nobody_reads_hold_no_thread(documents_device, clients):
    originals = documents_device.folder / "documents"
    originals.mkdir()
    with (originals / f"{BUNDLED['sha256']}.pdf").open("wb") as file:
        file.write(b"0123456789")
        file.truncate(LARGE)
    with served(documents_device.app, Patience(seconds=600)) as place:
        part = RANGED + b"Connection: close\r\nRange: bytes=3-6\r\n\r\n"
        with http.client.HTTPResponse(clients(place, part)) as answer:
            answer.begin()
            assert (answer.status, answer.read()) == (206, b"3456")
        for _ in range(LIMITS.places + 5):
            clients(place, RANGED + b"Range: bytes=1-\r\n\r\n")
        assert clients(place, RANGED.replace(b"/file", b"") + b"\r\n").recv(12)


def test_a_client_that_reads_steadily_gets_everything(place, clients):
    client = clients(place, b"GET /large HTTP/1.0\r\nHost: localhost\r\n\r\n")
    seen = 0
    while block := client.recv(1 << 20):
        seen += len(block)
    assert seen > LARGE


def test_when_all_connections_are_taken_the_one_that_rests_longest_goes(place, clients):
    idle = [clients(place) for _ in range(3 * MOST)]
    for client in idle:
        assert here(place), client
    assert idle[0].recv(1) == b""
    idle[-1].sendall(HELLO)
    assert idle[-1].recv(12) == b"HTTP/1.1 200"


def test_whoever_waits_for_an_answer_is_not_sent_away(clients):
    begun, go = threading.Semaphore(0), threading.Event()
    slow = app()

    def held():
        begun.release()
        go.wait(20)
        return "late"

    slow.add_url_rule("/held", "held", held)
    with served(slow, HURRIED) as place:
        waiting = clients(place, b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.acquire(timeout=20)
        for _ in range(2 * MOST):
            clients(place)
        assert here(place)
        go.set()
        assert waiting.recv(12) == b"HTTP/1.1 200"


def test_a_question_whose_client_left_before_its_turn_is_cancelled_from_the_start(contract):
    begun = []

    class Asked(ScriptedAnswerer):
        def stream(self, question, *, cancel=None, **more):
            begun.append(cancel.is_set())
            return super().stream(question, cancel=cancel, **more)

    client = create_app(Asked(contract), INFO).test_client()
    for gone in (False, True):
        here = {"waitress.client_disconnected": lambda gone=gone: gone}
        client.post("/v1/ask", json={"question": "oil?"}, environ_overrides=here)
    assert begun == [False, True]


def test_a_handle_above_1023_is_served_like_any_other(place):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 < soft < 1200:
        pytest.skip(f"this process may have {soft} handles only")
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(Path("/dev/null").open("rb"))
        assert here(place)
    assert here(place)


def test_no_connection_is_left_behind(clients):
    with served(app(), HURRIED) as place:
        assert here(place)
        before = descriptors()
        for _ in range(20):
            clients(place, b"GET / HT").close()
        end = time.monotonic() + 20
        while descriptors() > before and time.monotonic() < end:
            time.sleep(0.05)
        assert descriptors() <= before


def test_headway_is_judged_by_what_passed_since_the_look_before(monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 20.0, 20.0, 30.0])
    monkeypatch.setattr("sfta_edge.slow_clients.time.monotonic", lambda: next(clock))
    headway = _Headway()
    assert not headway.is_slow(0, 10, 100)
    assert not headway.is_slow(0, 10, 100)  # it is early yet
    assert not headway.is_slow(100, 10, 100)
    assert headway.is_slow(199, 10, 100)
    headway.rest()
    assert not headway.is_slow(0, 10, 100)
    assert headway.is_slow(0, 10, 100)
