"""Replies of an endpoint that are none, or not whole, and the key that nobody else sees."""

import json
import logging
import socket

import pytest

from asked_endpoint import KEY, PROMPT, SCHEMA, ask
from fakes import Disconnect, completion
from sfta.adapters.teacher_openai import Endpoint, problems
from sfta_edge.errors import ConfigError, ToolError


@pytest.mark.parametrize(
    "answer",
    [
        (200, completion("", "content_filter"), {}),
        (400, {"error": {"code": "content_filter", "message": "blocked"}}, {}),
        (400, {"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}}, {}),
    ],
)
def test_what_a_content_filter_blocks_is_counted_kept_and_not_repeated(
    url, server, folder, clock, answer
):
    server.answers = [answer]
    (reply,), usage = ask(url, folder, clock)
    assert (reply.status, reply.text) == ("filtered", "")
    assert (usage.filtered, usage.refused, usage.retries) == (1, 0, 0)
    ask(url, folder, clock)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded", "message": "too many tokens"},
        {"message": "This model's maximum context length is 4096 tokens"},
        {"type": "exceed_context_size_error", "message": "request exceeds it"},
    ],
)
def test_what_does_not_fit_into_the_context_is_counted_kept_and_ends_nothing(
    url, server, folder, clock, error
):
    server.answers = [(400, {"error": error}, {})]
    (reply,), usage = ask(url, folder, clock)
    assert (reply.status, reply.text, usage.too_long) == ("too_long", "", 1)
    ask(url, folder, clock)
    assert len(server.seen) == 1


def test_what_the_model_itself_declines_is_another_reason(url, server, folder, clock):
    server.answers = [(200, completion(None, refusal="No."), {})]
    (reply,), usage = ask(url, folder, clock)
    assert (reply.status, usage.filtered, usage.refused) == ("refused", 0, 1)
    ask(url, folder, clock)
    assert len(server.seen) == 1


def test_a_reply_that_was_too_long_is_counted_as_cut(url, server, folder, clock):
    server.answers = [(200, completion('{"q": "half', "length"), {})]
    (reply,), usage = ask(url, folder, clock)
    assert (reply.status, usage.cut) == ("cut", 1)


def test_a_schema_is_sent_in_the_openai_form(url, server, folder, clock):
    ask(url, folder, clock, schema=SCHEMA)
    sent = server.seen[0]["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize("status", [400, 422, 500])
def test_an_endpoint_that_takes_schemas_the_older_way_is_asked_that_way(
    url, server, folder, clock, status
):
    server.answers = [(status, {"error": "response_format: expected 'json_object'"}, {})]
    prompts = [[{"role": "user", "content": p}] for p in ("a", "b")]
    replies, _ = ask(url, folder, clock, prompts, schema=SCHEMA)
    kinds = [body["response_format"]["type"] for body in server.seen]
    assert kinds == ["json_schema", "json_object", "json_object"]
    assert server.seen[1]["response_format"]["schema"] == SCHEMA
    assert [r.status for r in replies] == ["ok", "ok"]
    assert clock.naps == []


def test_an_endpoint_without_schemas_is_asked_without_one_from_then_on(
    url, server, folder, clock
):
    server.answers = [(400, {"error": "unknown field response_format"}, {})] * 3
    prompts = [[{"role": "user", "content": p}] for p in ("a", "b")]
    replies, usage = ask(url, folder, clock, prompts, schema=SCHEMA)
    assert [r.status for r in replies] == ["ok", "ok"]
    assert ["response_format" in body for body in server.seen] == [True] * 3 + [False] * 2
    assert (clock.naps, usage.retries) == ([], 0)
    again, usage = ask(url, folder, clock, prompts, schema=SCHEMA)
    assert usage.from_disk == 2
    assert [r.text for r in again] == [r.text for r in replies]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_lasting_failure_is_not_retried(url, server, folder, clock, status):
    server.answers = [(status, {"error": "no such model"}, {})]
    with pytest.raises(ToolError, match=f"HTTP {status}.*no such model"):
        ask(url, folder, clock)
    assert len(server.seen) == 1


def test_the_key_goes_into_the_header_and_nowhere_else(
    url, server, folder, clock, monkeypatch, tmp_path, caplog
):
    monkeypatch.setenv("TEACHER_KEY", KEY)
    server.answers = [(200, completion("fine"), {}),
                      (401, {"error": f"Incorrect API key provided: {KEY}"}, {})]  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        ask(url, folder, clock, api_key_env="TEACHER_KEY")
        with pytest.raises(ToolError) as caught:
            ask(url, folder, clock, [[{"role": "user", "content": "b"}]],
                api_key_env="TEACHER_KEY")  # fmt: skip
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(caught.value)
    assert "[key]" in str(caught.value)
    assert KEY not in caplog.text
    assert KEY not in json.dumps(server.seen)
    for file in (tmp_path / "replies").iterdir():
        assert KEY not in file.read_text()


def test_a_key_that_is_not_set_is_named_before_anything_is_asked(url, server, folder, clock,
                                                                 monkeypatch):  # fmt: skip
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    with pytest.raises(ConfigError, match="TEACHER_KEY is not set"):
        ask(url, folder, clock, api_key_env="TEACHER_KEY")
    assert problems(Endpoint(url, "m", api_key_env="TEACHER_KEY")) == [
        "teacher: the environment variable TEACHER_KEY is not set"
    ]
    assert server.seen == []


def test_the_cheap_check_names_an_endpoint_that_does_not_answer(url):
    assert problems(Endpoint(url, "m")) == []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (problem,) = problems(Endpoint(f"http://127.0.0.1:{port}/v1", "m"))
    assert "does not answer" in problem


def test_the_cheap_check_names_a_key_that_is_not_accepted(url, server, monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", KEY)
    server.refuses_keys = True
    (problem,) = problems(Endpoint(url, "m", api_key_env="TEACHER_KEY"))
    assert "does not accept the key" in problem


def test_a_reply_that_ends_before_its_length_is_asked_for_again(url, server, folder, clock):
    server.answers = [(200, Disconnect(b'{"choices": ['), {})]
    (reply,), usage = ask(url, folder, clock)
    assert (reply.text, usage.retries) == ("reply 2", 1)


def test_a_reply_that_does_not_come_in_time_is_asked_for_again(url, server, folder, clock):
    server.latency = 5.0
    with pytest.raises(ToolError, match=r"failed 2 times.*no reply in 0.2 s"):
        ask(url, folder, clock, attempts=2, timeout_seconds=0.2)
    assert len(server.seen) == 2


def test_a_reply_without_end_is_not_read_to_its_end(url, server, folder, clock, monkeypatch):
    monkeypatch.setattr("sfta.adapters.teacher_openai._MOST_BYTES", 1000)
    server.answers = [(200, completion("x" * 2000), {})]
    with pytest.raises(ToolError, match="ReadError"):
        ask(url, folder, clock, attempts=1)


def test_a_quota_that_is_used_up_is_not_waited_for(url, server, folder, clock):
    server.answers = [(429, {"error": {"code": "insufficient_quota"}}, {})]
    with pytest.raises(ToolError, match=r"HTTP 429.*insufficient_quota"):
        ask(url, folder, clock)
    assert (len(server.seen), clock.naps) == (1, [])


def test_an_address_elsewhere_is_not_followed(url, server, folder, clock):
    server.answers = [(307, {}, {"Location": url.replace("/v1", "/v2/chat/completions")})]
    with pytest.raises(ToolError, match="HTTP 307"):
        ask(url, folder, clock)
    assert len(server.seen) == 1


def test_tokens_that_an_endpoint_does_not_count_are_counted_by_bytes(
    url, server, folder, clock
):
    bare = completion("four")
    del bare["usage"]
    server.answers = [(200, bare, {})]
    (reply,), usage = ask(url, folder, clock)
    assert reply.prompt_tokens > len(PROMPT[0]["content"])
    assert reply.completion_tokens == 4
    assert usage.tokens.total == reply.prompt_tokens + 4
