"""The guard: whose requests are answered, and one form for every refusal."""

import re

import pytest
from flask import Flask, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, HTTPException

from sfta_edge.errors import (
    ToolError,
)
from sfta_edge.gate import BusyError
from sfta_edge.guard import (
    checked_question,
    is_own_host,
    json_body,
    protect,
)

ERRORS = {"busy": BusyError(7), "tool": ToolError("the engine stopped")}


@pytest.fixture(name="client", scope="module")
def _client():
    app = Flask("guarded")
    protect(app, frozenset({"localhost", "pump-7.local"}))

    @app.get("/")
    def _page():
        return "hello"

    @app.post("/echo")
    def _echo():
        return dict(json_body())

    @app.get("/image")
    def _image():
        headers = {"Cache-Control": "private, max-age=60", "X-Frame-Options": "ALLOWALL"}
        return Response(b"image", headers=headers)

    @app.get("/fail/<name>")
    def _fail(name):
        raise ERRORS[name]

    return app.test_client()


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_every_ipv4_address_is_own_with_and_without_a_port(address, port):
    assert is_own_host(str(address), frozenset())
    assert is_own_host(f"{address}:{port}", frozenset())


@given(st.ip_addresses(v=6), st.integers(1, 65535))
def test_every_ipv6_address_in_brackets_is_own(address, port):
    assert is_own_host(f"[{address}]", frozenset())
    assert is_own_host(f"[{address}]:{port}", frozenset())


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,8}){0,3}", fullmatch=True))
def test_a_name_is_own_only_if_it_was_given(name):
    assert not is_own_host(name, frozenset())
    assert not is_own_host(f"{name}:80", frozenset({"x" + name, name + ".x"}))
    assert is_own_host(f"{name.upper()}.:80", frozenset({name}))


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("pump-7.local:8080", 200), ("10.0.0.9", 200), ("bank.example", 421)],
)
def test_a_foreign_host_is_told_how_to_reach_the_device(client, host, status):
    response = client.get("/", headers={"Host": host})
    assert response.status_code == status
    if status == 421:
        assert "--name" in response.json["detail"]


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("POST", "http://localhost", 200),
        ("POST", "https://localhost", 200),
        ("POST", None, 200),
        ("POST", "http://localhost:9000", 403),
        ("POST", "http://evil.example", 403),
        ("POST", "null", 403),
        ("PUT", "http://evil.example", 403),
        ("DELETE", "http://evil.example", 403),
    ],
)
def test_only_pages_from_here_may_cost_something(client, method, origin, status):
    headers = {"Host": "localhost"} | ({"Origin": origin} if origin else {})
    response = client.open("/echo", method=method, headers=headers, json={"a": 1})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("method", "site", "mode", "target", "status"),
    [
        ("GET", "same-origin", "cors", "empty", 200),
        ("GET", "none", "navigate", "document", 200),
        ("GET", "cross-site", "navigate", "document", 200),
        ("HEAD", "same-site", "navigate", "document", 200),
        ("GET", "cross-site", "navigate", "iframe", 403),
        ("GET", "cross-site", "navigate", "object", 403),
        ("GET", "cross-site", "no-cors", "image", 403),
        ("GET", "cross-site", "no-cors", "script", 403),
        ("GET", "same-site", "cors", "empty", 403),
        ("GET", "cross-site", "", "", 403),
        ("GET", "nonsense", "cors", "empty", 403),
        ("POST", "same-origin", "cors", "empty", 200),
        ("POST", "none", "navigate", "document", 200),
        ("POST", "cross-site", "navigate", "document", 403),
        ("POST", "same-site", "cors", "empty", 403),
    ],
)
def test_what_a_browser_says_of_another_site_is_believed(
    client, method, site, mode, target, status
):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": target}
    path, body = ("/echo", {"a": 1}) if method == "POST" else ("/", None)
    assert client.open(path, method=method, headers=headers, json=body).status_code == status


def test_a_page_of_another_site_may_look_but_not_read(client):
    response = client.get("/", headers={"Origin": "http://evil.example"})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/none", "/echo", "/fail/busy", "/fail/tool"])
def test_good_and_bad_responses_have_the_same_protection(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_policy_allows_nothing_from_elsewhere(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert not re.search(r"unsafe|\*|https?:|data:|blob:", policy)


def test_a_view_may_say_how_long_it_is_kept_and_nothing_else(client):
    headers = client.get("/image").headers
    assert headers.getlist("Cache-Control") == ["private, max-age=60"]
    assert headers.getlist("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"a": 1}', "application/json", 200),
        (b'{"a": 1}', "application/problem+json", 200),
        (b'{"a": 1}', "text/plain", 415),
        (b'{"a": 1', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
    ],
)
def test_a_body_is_one_json_object(client, body, kind, status):
    response = client.post("/echo", data=body, content_type=kind)
    assert response.status_code == status


@pytest.mark.parametrize("question", [None, 7, ["a"], {"a": 1}, "", " \t\n", "\u2003"])
def test_no_question_is_not_asked(question):
    with pytest.raises(BadRequest, match="missing or empty"):
        checked_question(question, 100)


@given(st.text(max_size=60), st.integers(1, 50))
def test_a_question_is_passed_on_as_it_is_or_refused(question, longest):
    if question.strip() and len(question) <= longest:
        assert checked_question(question, longest) == question
    else:
        with pytest.raises(HTTPException):
            checked_question(question, longest)


def test_a_refused_length_is_said_with_the_limit():
    with pytest.raises(BadRequest, match="11 characters; at most 10"):
        checked_question("x" * 11, 10)
