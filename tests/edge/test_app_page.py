"""The page of the device: nothing from outside, nothing executed, readable for all."""

import re
from importlib.resources import files

import pytest

from scripted_answerer import call


@pytest.mark.parametrize("path", ["/", "/v1/models", "/nothing", "/app.js"])
def test_every_response_forbids_what_is_not_from_here(served_app, path):
    headers = call(served_app, "GET", path)[0].headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers or "waitress" not in headers["Server"].lower()


def test_the_page_and_its_parts_are_served(served_app):
    for path, kind in {
        "/": "text/html",
        "/app.css": "text/css",
        "/app.js": "text/javascript",
        "/icon.svg": "image/svg+xml",
    }.items():
        response, raw = call(served_app, "GET", path)
        assert response.status == 200
        assert response.headers["Content-Type"].startswith(kind)
        assert raw


def test_the_page_is_not_sent_twice(served_app):
    tag = call(served_app, "GET", "/app.js")[0].headers["ETag"]
    response, raw = call(served_app, "GET", "/app.js", If_None_Match=tag)
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
