"""Teachers over HTTP: retried, refused, cut, cached, and the key seen by nobody else."""

import json
import logging
import socket
from email.utils import formatdate

import pytest

from fakes import CompletionServer, Disconnect, FakeClock, completion, serving
from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_openai import Endpoint, EndpointTeacher, problems
from sfta.adapters.teacher_replies import ReplyFolder
from sfta_edge.errors import ConfigError, ToolError

KEY = "sk-very-secret-123"
PROMPT = [{"role": "user", "content": "Ask me something."}]
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


@pytest.fixture
def server():
    return CompletionServer()


@pytest.fixture
def url(server):
    with serving(server) as address:
        yield address


@pytest.fixture
def folder(tmp_path):
    return ReplyFolder(tmp_path / "replies")


@pytest.fixture
def clock():
    return FakeClock()


def ask(url, folder, clock, prompts=(PROMPT,), *, schema=None, **settings):
    endpoint = Endpoint(base_url=url, model="m", **{"concurrency": 1, **settings})
    replies = {}
    usage = ask_all(
        EndpointTeacher(endpoint, clock),
        [Request(prompt, schema) for prompt in prompts],
        folder,
        replies.__setitem__,
    )
    return [replies[place] for place in range(len(prompts))], usage


def prompts_of(*texts):
    return [[{"role": "user", "content": text}] for text in texts]


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
