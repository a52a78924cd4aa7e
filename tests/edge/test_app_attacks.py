"""What a browser of another site or a broken client can send is refused and named."""

import json

import pytest

from scripted_answerer import ask, call
from sfta_edge.guard import is_own_host


@pytest.mark.parametrize(
    ("question", "status"), [("overflow", 422), ("damaged", 500), ("", 400), ("x" * 201, 400)]
)
def test_errors_are_problem_documents(served_app, question, status):
    response, problem = ask(served_app, question)
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
def test_a_bad_body_is_400_and_not_500(served_app, body):
    response, raw = call(served_app, "POST", "/v1/ask", body, Content_Type="application/json")
    assert response.status == 400
    assert json.loads(raw)["status"] == 400


@pytest.mark.parametrize("question", ["\ud800", "a\x00b", "'; DROP TABLE chunks; --", "🙂"])
def test_odd_characters_are_a_question(served_app, question):
    assert ask(served_app, question)[0].status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_form_of_another_site_cannot_ask(served_app, kind):
    response, _ = call(served_app, "POST", "/v1/ask", b'{"question": "x"}', Content_Type=kind)
    assert response.status == 415


def test_a_page_of_another_site_cannot_ask(served_app):
    body = {"question": "When?"}
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"):
        response, _ = call(served_app, "POST", "/v1/ask", body, Origin=origin)
        assert response.status == 403, origin
        assert "Access-Control-Allow-Origin" not in response.headers
    host, port = served_app
    own = call(served_app, "POST", "/v1/ask", body, Origin=f"http://{host}:{port}")[0]
    assert own.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"]
)
def test_a_name_that_was_rebound_to_this_address_is_refused(served_app, host):
    for path in ("/", "/v1/models", "/healthz"):
        response, _ = call(served_app, "GET", path, Host=host)
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


def test_a_body_that_is_too_large_is_413(served_app):
    response, _ = call(served_app, "POST", "/v1/ask", {"question": "x" * 5000})
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
def test_what_is_not_there_is_a_problem_document(served_app, method, path, status):
    response, raw = call(served_app, method, path)
    assert response.status == status
    assert json.loads(raw)["status"] == status
