"""Teachers over HTTP: asked once, retried, and paused as they wish."""

import socket
from email.utils import formatdate

import pytest

from asked_endpoint import SCHEMA, ask
from fakes import completion
from sfta_edge.errors import ToolError


def test_a_reply_comes_back_with_its_tokens(url, server, folder, clock):
    (reply,), usage = ask(url, folder, clock, max_output_tokens=55, temperature=0.2)
    assert (reply.status, reply.text, reply.cached) == ("ok", "reply 1", False)
    assert (reply.prompt_tokens, reply.completion_tokens) == (7, 3)
    assert (usage.requests, usage.tokens.total, usage.from_disk) == (1, 10, 0)
    assert server.seen[0]["max_tokens"] == 55
    assert server.seen[0]["temperature"] == 0.2
    assert "response_format" not in server.seen[0]


def test_replies_keep_the_order_of_the_prompts(url, server, folder, clock):
    server.answers = [(200, completion(f"r{n}"), {}) for n in range(6)]
    prompts = [[{"role": "user", "content": f"p{n}"}] for n in range(6)]
    replies, _ = ask(url, folder, clock, prompts, concurrency=3)
    by_prompt = {b["messages"][0]["content"]: n for n, b in enumerate(server.seen)}
    assert len(replies) == len(by_prompt) == 6
    assert {r.text for r in replies} == {f"r{n}" for n in range(6)}


def test_what_was_answered_once_is_not_paid_for_again(url, server, folder, clock):
    first, _ = ask(url, folder, clock)
    (again,), usage = ask(url, folder, clock)
    assert len(server.seen) == 1
    assert again.text == first[0].text
    assert again.cached
    assert (usage.from_disk, usage.requests) == (1, 1)


@pytest.mark.parametrize(
    "change", [{"temperature": 0.9}, {"max_output_tokens": 9}, {"schema": SCHEMA}]
)
def test_another_request_is_another_reply(url, server, folder, clock, change):
    ask(url, folder, clock)
    ask(url, folder, clock, **change)
    assert len(server.seen) == 2


def test_an_interrupted_run_keeps_what_had_come_in(url, server, folder, clock):
    server.answers = [(200, completion("one"), {}), (400, {"error": "bad model"}, {})]
    prompts = [[{"role": "user", "content": p}] for p in ("a", "b")]
    with pytest.raises(ToolError):
        ask(url, folder, clock, prompts)
    server.answers = []
    replies, usage = ask(url, folder, clock, prompts)
    assert [r.text for r in replies] == ["one", "reply 3"]
    assert usage.from_disk == 1


def test_a_damaged_reply_is_asked_for_again(url, server, folder, clock, tmp_path):
    ask(url, folder, clock)
    (file,) = (tmp_path / "replies").glob("*.json")
    file.write_text("{broken")
    (reply,), _ = ask(url, folder, clock)
    assert len(server.seen) == 2
    assert not reply.cached


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_retried(url, server, folder, clock, status):
    server.answers = [(status, {"error": "busy"}, {})] * 2
    (reply,), usage = ask(url, folder, clock)
    assert reply.status == "ok"
    assert len(server.seen) == 3
    assert usage.retries == 2
    assert 0 < clock.naps[0] <= 1.0
    assert 1.0 <= clock.naps[1] <= 2.0


def test_the_endpoints_own_pause_is_kept_to(url, server, folder, clock):
    server.answers = [(429, {}, {"Retry-After": "17"})]
    ask(url, folder, clock)
    assert clock.naps == [17.0]


def test_no_pause_is_longer_than_a_minute(url, server, folder, clock):
    server.answers = [(503, {}, {"Retry-After": "86400"})]
    ask(url, folder, clock)
    assert clock.naps == [60.0]


def test_a_pause_may_be_asked_for_as_a_date_by_the_endpoints_clock(url, server, folder, clock):
    dates = {"Date": formatdate(5000, usegmt=True),
             "Retry-After": formatdate(5030, usegmt=True)}  # fmt: skip
    server.answers = [(429, {}, dates)]
    ask(url, folder, clock)
    # The server's own Date header comes first; its clock is that of this machine.
    assert 0 < clock.naps[0] <= 60.0


def test_failing_too_often_ends_with_what_to_do(url, server, folder, clock):
    server.answers = [(500, {}, {})] * 9
    with pytest.raises(ToolError, match=r"failed 3 times.*HTTP 500") as caught:
        ask(url, folder, clock, attempts=3)
    assert "kept" in caught.value.hint
    assert len(server.seen) == 3
    assert len(clock.naps) == 2


@pytest.mark.parametrize(
    "payload", [b"<html>", b"", b"[]", {"choices": []}, {"choices": [{"message": None}]}]
)
def test_a_body_that_is_no_completion_is_retried(url, server, folder, clock, payload):
    server.answers = [(200, payload, {})]
    (reply,), _ = ask(url, folder, clock)
    assert reply.text == "reply 2"


def test_an_endpoint_that_is_not_there_is_retried_and_named(folder, clock):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ToolError, match="ConnectError"):
        ask(f"http://127.0.0.1:{port}/v1", folder, clock, attempts=2)
