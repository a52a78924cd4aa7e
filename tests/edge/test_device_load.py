"""A whole device under a storm of clients that ask, hang up, stall and send too much."""

import contextlib
import json
import random
import socket
import threading
import time
from pathlib import Path

import apsw
import pytest

from served_app import answered, serving
from sfta_edge.api.asking import ServeLimits
from sfta_edge.caller import NOBODY
from sfta_edge.device_app import device_app
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.server import Address, create_server
from sfta_edge.slow_clients import Patience
from whole_device import OIL, UNHURRIED, opened_device

pytestmark = pytest.mark.slow
CLIENTS, CALLERS, ROUNDS = 64, 8, 2
LIMITS = ServeLimits(places=8, at_once=4, per_caller=4)
QUESTIONS = (OIL, "Where is the emergency stop?", "Which oil does the gearbox need?")
TEN_GIGABYTES = 10 << 30


class Served:
    """The device behind its server, with callers of each role."""

    def __init__(self, device, address):
        self.device, self.address = device, address
        self.tokens = {
            name: device.accounts.add_token(NOBODY, name, role, ())[1]
            for name, role in [("editor", "editor")]
            + [(f"reader {number}", "reader") for number in range(CALLERS)]
        }

    def head(self, who, method, path, **fields):
        host = f"{self.address[0]}:{self.address[1]}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        if who:
            lines.append(f"Authorization: Bearer {self.tokens[who]}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def question(self, who, text, *, stream=False):
        body = json.dumps({"question": text, "stream": stream}).encode()
        fields = {"Content_Type": "application/json", "Content_Length": len(body)}
        return self.head(who, "POST", "/v1/ask", Connection="close", **fields) + body

    @contextlib.contextmanager
    def connected(self, sent):
        with socket.create_connection(self.address, timeout=60) as connection:
            connection.sendall(sent)
            yield connection

    def call(self, sent):
        with self.connected(sent) as connection:
            return answered(connection)


@pytest.fixture(name="served", scope="module")
def _served(small_bundle, tmp_path_factory):
    data = tmp_path_factory.mktemp("load") / "data"
    with opened_device(small_bundle, data) as device:
        app = device_app(device, LIMITS, UNHURRIED)
        server = create_server(app, Address(port=0), LIMITS, Patience(seconds=1.0))
        with serving(server) as address:
            yield Served(device, address)
    for name in ("history", "accounts", "jobs"):
        with contextlib.closing(apsw.Connection(str(data / f"{name}.sqlite"))) as file:
            assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)], name
    with contextlib.closing(KnowledgeWriter.open(data / "knowledge.sqlite")) as writer:
        writer.verify()


def counts(device):
    """Threads and open files of the device, and open files of the model's process.

    That one starts threads as they are needed, up to a fixed number, and keeps them.
    """
    worker = device.supervisor.state.pid
    places = ("self/task", "self/fd", f"{worker}/fd")
    return {place: len(list(Path("/proc", place).iterdir())) for place in places}


def settled(device, before):
    """The counts when nothing is left of a storm, or after a while."""
    end = time.monotonic() + 30
    while (now := counts(device)) != before and time.monotonic() < end:
        if all(now[key] <= before[key] for key in before):
            break
        time.sleep(0.1)
    return {key: (before[key], now[key]) for key in before if now[key] > before[key]}


def client(served, seed, told):
    """Ask, and read the answer, or a part of it, or nothing, as chance has it."""
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        who = f"reader {chance.randrange(CALLERS)}"
        stream = chance.random() < 0.5
        sent = served.question(who, chance.choice(QUESTIONS), stream=stream)
        with served.connected(sent) as connection:
            what = chance.choice(["read", "leave", "leave", "look"])
            if what == "leave":
                time.sleep(chance.uniform(0, 0.4))
                told.append("left")
                continue
            if what == "look":
                connection.recv(chance.randrange(1, 400))
                told.append("left")
                continue
            told.append(answered(connection))


def storm(served):
    """What became of every request of 64 clients."""
    told = []
    threads = [
        threading.Thread(target=client, args=(served, seed, told)) for seed in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert len(told) == CLIENTS * ROUNDS
    return told


def is_sound(answer):
    if answer == "left":
        return True
    if answer is None:
        return False
    status, headers, body = answer
    if status == 429:
        return int(headers["Retry-After"]) > 0 and json.loads(body)["status"] == 429
    if headers["Content-Type"].startswith("text/event-stream"):
        return status == 200 and b"event: answer" in body
    return status == 200 and bool(json.loads(body)["answer"])


def test_a_storm_of_clients_that_ask_and_leave_takes_nothing_with_it(served):
    assert served.call(served.question("reader 0", OIL))[0] == 200
    before = counts(served.device)
    told = storm(served)
    assert [answer for answer in told if not is_sound(answer)] == []
    statuses = {answer[0] for answer in told if answer != "left"}
    assert statuses == {200, 429}
    # As many at once as there are turns: each place and each sequence is free again.
    end = time.monotonic() + 60
    while json.loads(served.call(served.head("", "GET", "/readyz"))[2])["waiting"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    after = []
    askers = [
        threading.Thread(
            target=lambda who=f"reader {n}": after.append(
                served.call(served.question(who, OIL))
            )
        )
        for n in range(LIMITS.at_once)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert [answer[0] for answer in after] == [200] * LIMITS.at_once
    assert settled(served.device, before) == {}


def test_clients_that_stall_hold_up_nobody(served):
    before = counts(served.device)
    with contextlib.ExitStack() as stack:
        held = [
            stack.enter_context(served.connected(sent))
            for sent in [
                b"POST /v1/ask HTTP/1.1\r\nX: ",
                served.head("reader 1", "POST", "/v1/ask", Content_Length=2000) + b"{",
                served.head("editor", "POST", "/v1/documents?name=a", Content_Length=10**6),
                served.question("reader 2", OIL, stream=True),
            ]
            * 6
        ]
        assert served.call(served.question("reader 0", OIL))[0] == 200
        assert served.call(served.head("reader 0", "GET", "/v1/documents"))[0] == 200
        assert len(held) == 24
    assert settled(served.device, before) == {}


@pytest.mark.parametrize(
    ("who", "length", "status"),
    [
        ("", {"Content_Length": TEN_GIGABYTES}, 413),
        ("", {"Transfer_Encoding": "chunked"}, 401),
        ("reader 0", {"Transfer_Encoding": "chunked"}, 403),
        ("editor", {"Content_Length": TEN_GIGABYTES}, 413),
    ],
)
def test_ten_gigabytes_are_not_taken_in(served, who, length, status):
    block = b"\0" * (1 << 20)
    piece = b"%x\r\n%s\r\n" % (len(block), block) if "Transfer_Encoding" in length else block
    head = served.head(who, "POST", "/v1/documents?name=a.txt", **length)
    sent = 0
    with served.connected(head) as connection:
        with contextlib.suppress(ConnectionError):
            while sent < TEN_GIGABYTES:
                connection.sendall(piece)
                sent += len(piece)
        answer = answered(connection)
    assert sent < 32 << 20
    assert answer is None or answer[0] == status
    assert served.device.library.jobs() == []
    assert list((served.device.data / "files").iterdir()) == []
