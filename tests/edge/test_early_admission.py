"""A large body is read from those only who may send one; 10 GB are never taken in."""

import json
import resource
import socket
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask, request

from served_app import answered, serving
from sfta_edge import early_admission
from sfta_edge.api.admission import ADMITTED
from sfta_edge.api.calls import set_caller
from sfta_edge.app import ServeLimits
from sfta_edge.caller import Caller
from sfta_edge.early_admission import UPLOADERS, admission_of
from sfta_edge.guard import protect
from sfta_edge.server import Address, create_server

SMALL, MOST = 4096, 4 << 20
TEN_GIGABYTES = 10 << 30
PATH = "/v1/documents"
CALLERS = {
    "ada": Caller("ada", "editor"),
    "root": Caller("root", "admin"),
    "rita": Caller("rita"),
}


class Place:
    """An application that counts what it is asked, behind a real server."""

    def __init__(self):
        self.checked, self.taken, self.admitted = [], [], []
        self.broken = False
        self.app = Flask("admitted", static_folder=None)
        protect(self.app, frozenset({"localhost"}))
        self.app.before_request(self._check)
        for path in UPLOADERS:
            self.app.add_url_rule(path, path, self._take, methods=["POST"])

    def _check(self):
        self.checked.append(request.path)
        if self.broken:
            raise ZeroDivisionError
        set_caller(CALLERS.get(request.headers.get("Who", "")))

    def _take(self):
        self.admitted.append(request.environ[ADMITTED])
        self.taken.append(sum(map(len, iter(lambda: request.stream.read(1 << 16), b""))))
        return "taken"


@contextmanager
def served(app, most=MOST, admit=None):
    limits = ServeLimits(places=1, body_bytes=SMALL, file_bytes=most)
    server = create_server(app, Address(port=0), limits)
    server.admit = admit or server.admit
    with serving(server) as address:
        yield address


@pytest.fixture(name="place")
def _place():
    place = Place()
    with served(place.app) as place.address:
        yield place


@pytest.fixture(name="spools")
def _spools(monkeypatch):
    """Every file that a body was spooled to, with the most bytes it held."""
    made = []
    original = tempfile.TemporaryFile

    def counted(*arguments, **named):
        made.append(original(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", counted)
    return made


def head(who="ada", path=PATH, host="localhost", **fields):
    lines = [f"POST {path}?name=x.txt HTTP/1.1", f"Host: {host}", f"Who: {who}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def poured(address, begin, piece, total):
    """Send until the other side has had enough; gives how much went, and what it said."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(begin)
        sent = 0
        with suppress(ConnectionError):
            while sent < total:
                connection.sendall(piece)
                sent += len(piece)
        return sent, answered(connection)


BLOCK = b"\0" * (1 << 20)
CHUNK = b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK)


def test_ten_gigabytes_that_say_so_are_refused_before_they_are_read(place, spools):
    sent, answer = poured(
        place.address, head(Content_Length=TEN_GIGABYTES), BLOCK, TEN_GIGABYTES
    )
    assert sent < MOST + (16 << 20)  # what fits between the two sockets
    assert answer is None or answer[0] == 413
    assert (place.checked, spools) == ([], [])


def test_ten_gigabytes_without_a_length_are_cut_off_at_the_limit(place, spools):
    begin = head(Transfer_Encoding="chunked")
    sent, answer = poured(place.address, begin, CHUNK, TEN_GIGABYTES)
    assert sent < MOST + (16 << 20)
    assert answer is None or answer[0] == 413
    assert (place.checked, place.taken) == ([PATH], [])
    assert len(spools) == 1
    assert (
        spools[0].closed or Path(f"/proc/self/fd/{spools[0].fileno()}").stat().st_size <= MOST
    )


def resident():
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def test_memory_does_not_grow_with_what_is_sent():
    most, grown = 96 << 20, 0
    with served(Place().app, most) as address, socket.create_connection(address) as connection:
        connection.sendall(head(Transfer_Encoding="chunked"))
        before = resident()
        for _ in range((most >> 20) - 8):
            connection.sendall(CHUNK)
            grown = max(grown, resident() - before)
    assert grown < 32 << 20


REFUSED = {
    "nobody": ({"who": "nobody"}, 401),
    "a reader": ({"who": "rita"}, 403),
    "an editor who brings an update": ({"path": "/v1/bundle/updates"}, 403),
    "another host": ({"host": "evil.example"}, 421),
    "another site": ({"Origin": "http://evil.example"}, 403),
}


@pytest.mark.parametrize(
    "length", [{"Content_Length": MOST - 1}, {"Transfer_Encoding": "chunked"}]
)
@pytest.mark.parametrize(("how", "status"), REFUSED.values(), ids=REFUSED)
def test_who_may_not_send_a_file_is_told_before_it_is_read(place, spools, how, status, length):
    with socket.create_connection(place.address, timeout=20) as connection:
        connection.sendall(head(**how, **length) + b"%x\r\n" % (MOST - 1))
        found, headers, body = answered(connection)
    assert (found, json.loads(body)["status"]) == (status, status)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Connection"] == "close"
    assert ("WWW-Authenticate" in headers) is (status == 401)
    assert (place.taken, spools) == ([], [])


@pytest.mark.parametrize("who", ["ada", "root"])
def test_who_may_is_read_whole_and_asked_for_once_more_with_the_body(place, who):
    body = b"x" * (MOST - 1)
    with socket.create_connection(place.address, timeout=20) as connection:
        connection.sendall(head(who, Content_Length=len(body)) + body)
        assert answered(connection)[0] == 200
    assert (place.taken, place.admitted) == ([len(body)], [True])
    assert place.checked == [PATH, PATH]


def test_a_body_that_came_with_its_head_needs_no_second_look(place):
    with socket.create_connection(place.address, timeout=20) as connection:
        connection.sendall(head(Content_Length=4) + b"text")
        assert answered(connection)[0] == 200
    assert (place.checked, place.admitted) == ([PATH], [False])


def waits_for_the_word(address, begin):
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(begin)
        first = connection.recv(12)
        if first != b"HTTP/1.1 100":
            return first
        assert connection.recv(100).endswith(b"\r\n\r\n")
        connection.sendall(b"x" * 9000)
        return answered(connection)[0]


def test_a_client_that_asks_first_is_told_to_go_on_only_if_it_may(place):
    more = {"Content_Length": 9000, "Expect": "100-continue"}
    assert waits_for_the_word(place.address, head(**more)) == 200
    assert waits_for_the_word(place.address, head("rita", **more)) == b"HTTP/1.1 403"
    more["Content_Length"] = TEN_GIGABYTES
    assert waits_for_the_word(place.address, head(**more)) == b"HTTP/1.1 413"
    assert place.taken == [9000]


def test_what_follows_a_refused_head_is_no_request_of_its_own(place):
    hidden = head(Content_Length=4) + b"text"
    with socket.create_connection(place.address, timeout=20) as connection:
        connection.sendall(head("rita", Content_Length=MOST - 1) + b"\r\n" + hidden)
        assert answered(connection)[0] == 403
        with suppress(ConnectionError):
            assert connection.recv(1) == b""
    assert place.taken == []


def test_a_line_between_chunks_has_an_end(place):
    begin = head(Transfer_Encoding="chunked") + b"1;" + b"x" * 2000
    sent, answer = poured(place.address, begin, b"x" * (1 << 16), MOST)
    assert sent < MOST
    assert answer is None or answer[0] == 400
    assert place.taken == []


def test_so_many_files_at_once_and_no_more(place, monkeypatch):
    monkeypatch.setattr(early_admission, "UPLOADS", 1)
    begin = head(Content_Length=MOST - 1)
    with socket.create_connection(place.address, timeout=20) as first:
        first.sendall(begin)
        end = time.monotonic() + 20
        while not place.checked and time.monotonic() < end:
            time.sleep(0.01)
        first.sendall(b"x" * 100_000)
        with socket.create_connection(place.address, timeout=20) as second:
            second.sendall(begin)
            status, headers, _ = answered(second)
        assert (status, int(headers["Retry-After"]) > 0) == (429, True)
        first.sendall(b"x" * (MOST - 1 - 100_000))
        assert answered(first)[0] == 200


def test_an_application_without_such_a_path_refuses_it_early():
    app = Flask("bare", static_folder=None)
    protect(app, frozenset({"localhost"}))
    with served(app) as address, socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head(Content_Length=MOST - 1))
        assert answered(connection)[0] == 404


def test_a_check_that_fails_lets_nothing_in(place, caplog):
    place.broken = True
    with socket.create_connection(place.address, timeout=20) as connection:
        connection.sendall(head(Content_Length=MOST - 1))
        assert answered(connection)[0] == 500
    assert "defect" in caplog.text


def test_a_question_that_cannot_be_put_lets_nothing_in(caplog):
    place = Place()
    with (
        served(place.app, admit=lambda _environ: 1 / 0) as address,
        socket.create_connection(address, timeout=20) as connection,
    ):
        connection.sendall(head(Content_Length=MOST - 1))
        assert answered(connection)[0] == 500
    assert "cannot be found out" in caplog.text
    assert place.checked == []


def test_the_applications_own_checks_decide():
    place = Place()
    admit = admission_of(place.app)
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": PATH, "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
    }  # fmt: skip
    assert admit({**environ, "HTTP_WHO": "ada"}) is None
    refusal = admit({**environ, "HTTP_WHO": "rita"})
    assert (refusal.code, refusal.reason) == (403, "Forbidden")
    assert admit({**environ, "PATH_INFO": "/v1/other", "HTTP_WHO": "ada"}).code == 404
