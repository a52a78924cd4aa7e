"""The caller's side of a connection, against workers that do as they like."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sfta_edge.errors import IntegrityError
from sfta_edge.worker.connection import Connection
from sfta_edge.worker.failures import FrameError, WorkerLostError
from sfta_edge.worker.frames import MAX_HEADER_BYTES, Frame, read_frame
from watched_workers import ScriptedWorker, eventually, pong


class Opened:
    """A connection to a scripted worker, both closed at the end."""

    def __init__(self, answer):
        self.worker = ScriptedWorker(answer)

    def __enter__(self):
        read_frame(self.worker.link)
        self.connection = Connection(self.worker.link)
        return self.connection

    def __exit__(self, *_):
        self.connection.close("the test is over")
        self.worker.end()


def done(request, **facts):
    return {"id": request["id"], "done": facts}


def test_parts_and_the_result_come_in_order():
    def answer(request):
        return [
            {"id": request["id"], "text": "a"},
            {"id": request["id"], "text": "b"},
            done(request, sum=3),
        ]

    with Opened(answer) as connection:
        replies = [frame.header for frame in connection.begin("stream").replies()]
    assert [reply.get("text") for reply in replies] == ["a", "b", None]
    assert replies[-1]["done"] == {"sum": 3}


def test_results_reach_the_call_they_belong_to_in_any_order():
    held = []

    def answer(request):
        held.append(request)
        return [done(r, name=r["name"]) for r in reversed(held)] if len(held) == 3 else []

    with Opened(answer) as connection:
        calls = [connection.begin("x", {"name": name}) for name in "abc"]
        assert [call.result().header["done"]["name"] for call in calls] == ["a", "b", "c"]


def test_the_error_of_the_worker_is_raised_where_the_call_was_made():
    def answer(request):
        return [
            {"id": request["id"], "failed": {"kind": "IntegrityError", "what": "no numbers"}}
        ]

    with Opened(answer) as connection:
        with pytest.raises(IntegrityError, match="no numbers"):
            connection.begin("embed").result()
        with pytest.raises(IntegrityError, match="no numbers"):
            list(connection.begin("stream").replies())
        assert not connection.ended.is_set()


@pytest.mark.parametrize(
    "said",
    [
        b"\xff" * 8,
        b"\x05\x00\x00\x00\x00\x00\x00\x00hello",
        (MAX_HEADER_BYTES + 1).to_bytes(4, "little") + bytes(4),
        {"id": 99, "done": {}},
        {"id": -1, "done": {}},
        {"id": "1", "done": {}},
        {"done": {}},
        {"id": 1},
        {"id": 1, "done": {}, "failed": {}},
        {"id": 1, "text": "a", "done": {}},
    ],
)
def test_a_worker_that_says_what_it_was_not_asked_is_left(said):
    with Opened(lambda _: [said]) as connection:
        with pytest.raises(WorkerLostError) as caught:
            connection.begin("stream").result()
        assert caught.value.hint
        assert connection.ended.is_set()
        with pytest.raises(WorkerLostError):
            connection.begin("stream")


def test_every_call_in_flight_ends_when_the_worker_does():
    worker = ScriptedWorker()
    read_frame(worker.link)
    connection = Connection(worker.link)
    calls = [connection.begin("stream") for _ in range(5)]
    lost = []

    def wait(call):
        with pytest.raises(WorkerLostError):
            list(call.replies())
        lost.append(call)

    threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    worker.kill()
    for thread in threads:
        thread.join()
    assert len(lost) == 5
    connection.close("")


def test_closing_a_call_tells_the_worker():
    def answer(request):
        return [{"id": request["id"], "text": "a"}] if request["do"] == "stream" else []

    opened = Opened(answer)
    with opened as connection:
        replies = connection.begin("stream").replies()
        next(replies)
        replies.close()
        eventually(lambda: len(opened.worker.seen) == 2)
        stream, cancel = opened.worker.seen
        assert cancel == {"do": "cancel", "id": stream["id"]}


def test_a_call_that_came_to_its_end_is_not_cancelled():
    opened = Opened(lambda request: [done(request)])
    with opened as connection:
        list(connection.begin("stream").replies())
        connection.begin("stream").result()
        connection.begin("last").result()
    assert [request["do"] for request in opened.worker.seen] == ["stream", "stream", "last"]


def test_parts_for_a_caller_who_went_away_are_ignored():
    def answer(request):
        if request["do"] == "cancel":
            return [{"id": request["id"], "text": "late"}, done(request)]
        return [done(request)] if request["do"] == "again" else []

    with Opened(answer) as connection:
        call = connection.begin("stream")
        with pytest.raises(TimeoutError):
            call.result(0.01)
        assert connection.begin("again").result().header["done"] == {}


def test_a_cancel_event_is_seen_while_waiting_and_the_result_still_comes():
    def answer(request):
        return [done(request, reason="cancelled")] if request["do"] == "cancel" else []

    with Opened(answer) as connection:
        cancel = threading.Event()
        threading.Timer(0.05, cancel.set).start()
        (last,) = connection.begin("stream").replies(cancel)
        assert last.header["done"] == {"reason": "cancelled"}


def test_a_payload_comes_with_its_result():
    def answer(request):
        return [Frame(done(request), b"\x00\x01")]

    with Opened(answer) as connection:
        assert connection.begin("embed").result().payload == b"\x00\x01"


def test_what_runs_longer_than_it_may_is_known():
    with Opened(lambda _: []) as connection:
        connection.begin("stream")
        assert connection.overdue() == 0
        call = connection.begin("stream", due=time.monotonic() - 5)
        assert connection.overdue() >= 5
        connection.forget(call, cancel=False)
        assert connection.overdue() == 0


def test_a_request_too_long_to_send_ends_no_other_call():
    with Opened(lambda request: [done(request)]) as connection:
        with pytest.raises(FrameError, match="longer"):
            connection.begin("tokenize", {"texts": ["x" * MAX_HEADER_BYTES]})
        assert connection.begin("tokenize").result().header["done"] == {}


def test_closing_twice_is_closing_once():
    with Opened(pong) as connection:
        connection.close("first")
        connection.close("second")
        assert connection.reason == "first"


def test_places_come_before_the_text_and_are_parts():
    def answer(request):
        number = request["id"]
        return [{"id": number, "place": 1}, {"id": number, "text": "a"}, done(request)]

    with Opened(answer) as connection:
        kinds = [
            next(iter({"place", "text", "done"} & set(frame.header)))
            for frame in connection.begin("stream").replies()
        ]
    assert kinds == ["place", "text", "done"]


def test_many_threads_share_a_connection_without_mixing():
    with Opened(lambda request: [done(request, echo=request["word"])]) as connection:

        def ask(word):
            return connection.begin("echo", {"word": word}).result().header["done"]["echo"]

        with ThreadPoolExecutor(16) as pool:
            words = [f"word {number}" for number in range(400)]
            assert list(pool.map(ask, words)) == words
