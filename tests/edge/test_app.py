"""The Edge API over real HTTP, and the attacks a browser or a client can try."""

import http.client
import json
import re
import threading
from importlib.resources import files

import pytest

from sfta_edge.app import ServeLimits, create_app
from sfta_edge.appliance import BundleInfo
from sfta_edge.errors import IntegrityError
from sfta_edge.generation import ContextOverflowError
from sfta_edge.guard import is_own_host
from sfta_edge.reply import Answer, Citation
from sfta_edge.retriever import Box
from sfta_edge.server import Address, create_server, listening, serve, stop
from sfta_edge.settings import AnswerSettings

INFO = BundleInfo("manuals", 3, "ab" * 32)
PIECES = ['[1] "every 2000', ' hours"\n', "Answer: every", " 2000 hours"]
CITATION = Citation(
    number=1,
    quote="every 2000 hours",
    verified=True,
    chunk_id="oil",
    document="manual.pdf",
    title="<b>Operator</b> manual",
    page=4,
    boxes=(Box(4, 1, 2, 3, 4, 595, 842),),
)


class ScriptedAnswerer:
    """Answers all questions alike; some words in a question make it behave otherwise."""

    settings = AnswerSettings(deadline_seconds=7)

    def __init__(self, contract):
        self.contract, self.hold = contract, threading.Event()
        self.reset()

    def reset(self):
        self.hold.clear()
        self.started, self.ended = threading.Semaphore(0), threading.Semaphore(0)
        self.cancelled = []

    def stream(self, question, *, cancel=None):
        if "overflow" in question:
            raise ContextOverflowError("a prompt of 9 tokens does not fit", hint="Be brief.")
        if "damaged" in question:
            raise IntegrityError("the model is damaged")
        self.started.release()
        try:
            yield PIECES[0]
            if "wait" in question:
                self.hold.wait(20)
            for _ in range(2000 if "endless" in question else 0):
                if cancel.wait(0.01):
                    break
                yield "more "
            yield from PIECES[1:]
        finally:
            self.cancelled.append(cancel.is_set())
            self.ended.release()
        late = "late" in question
        return Answer(
            question=question,
            answer="" if late else "every 2000 hours",
            refused=False,
            well_formed=True,
            citations=() if late else (CITATION,),
            completion="" if late else "".join(PIECES),
            finish_reason="deadline" if late else "stop",
            usage={"prompt_tokens": 9, "completion_tokens": 4, "reused_tokens": 0},
            timings_ms={"total": 12.0},
        )


@pytest.fixture(name="answerer", scope="module")
def _answerer(contract):
    return ScriptedAnswerer(contract)


@pytest.fixture(name="server", scope="module")
def _server(answerer):
    """Host and port of a real server with two places."""
    limits = ServeLimits(places=2, body_bytes=4096, question_characters=200)
    server = create_server(create_app(answerer, INFO, limits), Address(port=0), limits)
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    yield listening(server)[0]
    stop(server)
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(name="served")
def _served(server, answerer):
    """The server, with an answerer as new."""
    answerer.reset()
    yield server
    answerer.hold.set()


def call(served, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(*served, timeout=20)
    try:
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def ask(served, question="When is the oil due?", **more):
    response, raw = call(served, "POST", "/v1/ask", {"question": question, **more})
    return response, json.loads(raw)


def events(raw):
    """Name and data of each server-sent event."""
    found = []
    for block in raw.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"]))
    return found


def test_a_question_is_answered_in_the_promised_form(served):
    response, answer = ask(served)
    assert response.status == 200
    assert answer["answer"] == "every 2000 hours"
    assert answer["refused"] is False
    assert answer["supported"] is True
    assert answer["bundle"] == {"name": "manuals", "counter": 3, "digest": "ab" * 32}
    (citation,) = answer["citations"]
    assert citation["document"] == "manual.pdf"
    assert (citation["page"], citation["chunk_id"]) == (4, "oil")
    assert (citation["quote"], citation["verified"]) == ("every 2000 hours", True)
    assert citation["boxes"][0]["x1"] == 3
    assert {"usage", "timings_ms"} <= set(answer)


def test_an_answer_can_be_streamed(served):
    response, raw = call(served, "POST", "/v1/ask", {"question": "When?", "stream": True})
    assert response.headers["Content-Type"].startswith("text/event-stream")
    found = events(raw)
    assert [name for name, _ in found] == ["text"] * 4 + ["answer"]
    assert "".join(json.loads(data)["text"] for _, data in found[:-1]) == "".join(PIECES)
    assert json.loads(found[-1][1]) == ask(served, "When?")[1]


def test_an_error_after_the_headers_is_an_event(served):
    body = {"question": "overflow", "stream": True}
    response, raw = call(served, "POST", "/v1/ask", body)
    assert response.status == 200
    ((name, data),) = events(raw)
    assert name == "error"
    assert json.loads(data)["status"] == 422
    assert json.loads(data)["hint"] == "Be brief."


def test_the_openai_form_is_answered(served):
    body = {
        "model": "anything",
        "temperature": 1.5,
        "messages": [{"role": "user", "content": "When?"}],
    }
    response, raw = call(served, "POST", "/v1/chat/completions", body)
    made = json.loads(raw)
    assert response.status == 200
    assert made["object"] == "chat.completion"
    assert made["choices"][0]["message"]["content"] == "every 2000 hours"
    assert made["usage"]["total_tokens"] == 13
    assert made["citations"][0]["page"] == 4


def test_the_openai_form_can_be_streamed(served):
    body = {"stream": True, "messages": [{"role": "user", "content": "When?"}]}
    _, raw = call(served, "POST", "/v1/chat/completions", body)
    found = events(raw)
    assert found[-1] == (None, "[DONE]")
    parts = [json.loads(data) for _, data in found[:-1]]
    deltas = [part["choices"][0]["delta"] for part in parts]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "every 2000 hours"
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"
    assert parts[-1]["citations"][0]["chunk_id"] == "oil"
    assert len({part["id"] for part in parts}) == 1


def test_models_and_health_are_told(served):
    _, raw = call(served, "GET", "/v1/models")
    assert json.loads(raw)["data"][0]["id"] == "manuals"
    assert json.loads(call(served, "GET", "/healthz")[1]) == {"status": "ok"}
    response, raw = call(served, "GET", "/readyz")
    assert response.status == 200
    assert json.loads(raw)["places"] == 2


def test_a_hanging_engine_is_not_ready(contract):
    app = create_app(ScriptedAnswerer(contract), INFO)
    gate = app.view_functions["ready"].__self__._gate
    gate.enter().since -= 1000
    response = app.test_client().get("/readyz", base_url="http://127.0.0.1")
    assert response.status_code == 503
    assert app.test_client().get("/healthz", base_url="http://127.0.0.1").status_code == 200


def in_background(target, *arguments):
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    return thread


def test_a_full_queue_says_when_to_come_back(served, answerer):
    waiting = [in_background(ask, served, "wait") for _ in range(2)]
    for _ in waiting:
        assert answerer.started.acquire(timeout=20)
    response, problem = ask(served)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) >= 1
    assert "waiting" in problem["detail"]
    # The rest of the device answers while all places are taken.
    assert call(served, "GET", "/healthz")[0].status == 200
    answerer.hold.set()
    for thread in waiting:
        thread.join()
    assert ask(served)[0].status == 200


def test_a_client_that_hangs_up_cancels_and_frees_its_place(served, answerer):
    for _ in range(3):
        connection = http.client.HTTPConnection(*served, timeout=20)
        body = json.dumps({"question": "endless", "stream": True})
        connection.request("POST", "/v1/ask", body, {"Content-Type": "application/json"})
        assert answerer.started.acquire(timeout=20)
        connection.getresponse().close()
        connection.close()
        assert answerer.ended.acquire(timeout=20)
    assert ask(served)[0].status == 200


def test_a_client_that_waits_for_the_whole_answer_and_leaves_cancels_it(served, answerer):
    connection = http.client.HTTPConnection(*served, timeout=20)
    body = json.dumps({"question": "endless"})
    connection.request("POST", "/v1/ask", body, {"Content-Type": "application/json"})
    assert answerer.started.acquire(timeout=20)
    connection.close()
    assert answerer.ended.acquire(timeout=20)
    assert answerer.cancelled == [True]


def test_a_stream_that_never_starts_gives_its_place_back(contract):
    app = create_app(ScriptedAnswerer(contract), INFO, ServeLimits(places=1))
    for _ in range(3):
        response = app.test_client().post(
            "/v1/ask",
            json={"question": "x", "stream": True},
            base_url="http://127.0.0.1",
            buffered=False,
        )
        assert response.status_code == 200
        response.close()


def test_no_answer_in_time_is_an_error(served):
    response, problem = ask(served, "late")
    assert response.status == 503
    assert response.headers["Retry-After"] == "7"
    assert "7 seconds" in problem["detail"]


@pytest.mark.parametrize(
    ("question", "status"), [("overflow", 422), ("damaged", 500), ("", 400), ("x" * 201, 400)]
)
def test_errors_are_problem_documents(served, question, status):
    response, problem = ask(served, question)
    assert response.status == problem["status"] == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["title"]
    assert problem["error"]["message"] == problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"question": null}',
        b'{"question": ["x"]}',
        b'{"question": 5}',
        b'{"question": "  "}',
        b'{"text": "When?"}',
        b'{"a":' * 600 + b"1" + b"}" * 600,
    ],
)
def test_a_bad_body_is_400_and_not_500(served, body):
    response, raw = call(served, "POST", "/v1/ask", body, Content_Type="application/json")
    assert response.status == 400
    assert json.loads(raw)["status"] == 400


@pytest.mark.parametrize("question", ["\ud800", "a\x00b", "'; DROP TABLE chunks; --", "🙂"])
def test_odd_characters_are_a_question(served, question):
    assert ask(served, question)[0].status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_form_of_another_site_cannot_ask(served, kind):
    response, _ = call(served, "POST", "/v1/ask", b'{"question": "x"}', Content_Type=kind)
    assert response.status == 415


def test_a_page_of_another_site_cannot_ask(served):
    body = {"question": "When?"}
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"):
        response, _ = call(served, "POST", "/v1/ask", body, Origin=origin)
        assert response.status == 403, origin
        assert "Access-Control-Allow-Origin" not in response.headers
    host, port = served
    own = call(served, "POST", "/v1/ask", body, Origin=f"http://{host}:{port}")[0]
    assert own.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"]
)
def test_a_name_that_was_rebound_to_this_address_is_refused(served, host):
    for path in ("/", "/v1/models", "/healthz"):
        response, _ = call(served, "GET", path, Host=host)
        assert response.status == 421


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("192.168.1.7:80", True),
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("localhost.", True),
        ("", False),
        (":8080", False),
        ("localhost.evil.example", False),
        ("[evil]", False),
        ("127.0.0.1@evil.example", False),
    ],
)
def test_addresses_and_known_names_are_own(host, own):
    assert is_own_host(host, frozenset({"localhost"})) is own


def test_a_body_that_is_too_large_is_413(served):
    response, _ = call(served, "POST", "/v1/ask", {"question": "x" * 5000})
    assert response.status == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/ask", 405),
        ("POST", "/", 405),
        ("GET", "/nothing", 404),
        ("GET", "/app.js/../app.py", 404),
        ("GET", "/static/app.js", 404),
        ("GET", "/%2e%2e/app.py", 404),
        ("DELETE", "/v1/models", 405),
    ],
)
def test_what_is_not_there_is_a_problem_document(served, method, path, status):
    response, raw = call(served, method, path)
    assert response.status == status
    assert json.loads(raw)["status"] == status


@pytest.mark.parametrize("path", ["/", "/v1/models", "/nothing", "/app.js"])
def test_every_response_forbids_what_is_not_from_here(served, path):
    headers = call(served, "GET", path)[0].headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers or "waitress" not in headers["Server"].lower()


def test_the_page_and_its_parts_are_served(served):
    for path, kind in {
        "/": "text/html",
        "/app.css": "text/css",
        "/app.js": "text/javascript",
        "/icon.svg": "image/svg+xml",
    }.items():
        response, raw = call(served, "GET", path)
        assert response.status == 200
        assert response.headers["Content-Type"].startswith(kind)
        assert raw


def test_the_page_is_not_sent_twice(served):
    tag = call(served, "GET", "/app.js")[0].headers["ETag"]
    response, raw = call(served, "GET", "/app.js", If_None_Match=tag)
    assert (response.status, raw) == (304, b"")


def page(name):
    return (files("sfta_edge") / "web" / name).read_text("utf-8")


def test_the_page_asks_nothing_of_the_outside():
    text = page("index.html") + page("app.css") + page("app.js")
    outside = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)
    assert set(outside) <= {"http://www.w3.org"}  # the name of SVG, which nothing fetches


def test_the_page_has_no_inline_code_that_its_policy_would_block():
    html = page("index.html")
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert "<style" not in html
    assert not re.search(r"\son\w+=|\sstyle=", html)


def test_text_of_models_and_documents_never_becomes_markup():
    script = page("app.js")
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in script


def test_the_page_names_its_fields_for_a_screen_reader():
    html = page("index.html")
    fields = set(re.findall(r'<(?:input|textarea|select)[^>]*\bid="(\w+)"', html))
    assert fields
    assert fields <= set(re.findall(r'<label for="(\w+)"', html))
    assert 'lang="en"' in html
    assert 'role="status"' in html
    assert "width=device-width" in html


def test_every_element_the_script_looks_for_is_on_the_page():
    html = page("index.html")
    for kind, name in set(re.findall(r'find\("([#.])([\w-]+)"', page("app.js"))):
        attribute = "id" if kind == "#" else "class"
        assert re.search(rf'{attribute}="[^"]*\b{name}\b', html), name
