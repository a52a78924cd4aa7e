"""The page of the device over HTTP: its files, their kinds, and what every response forbids."""

import pytest
from flask import Flask

from scripted_answerer import call
from sfta_edge.guard import protect
from sfta_edge.pages import add_pages, page_files

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg",
}


@pytest.fixture(scope="module")
def client():
    app = Flask("page", static_folder=None)
    protect(app, frozenset({"localhost"}))
    add_pages(app)
    return app.test_client()


def get(client, path, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, base_url="http://127.0.0.1", headers=named)


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


def test_the_device_serves_its_page(served_app):
    for path, kind in {
        "/": "text/html",
        "/app.css": "text/css",
        "/app.js": "text/java",
    }.items():
        response, raw = call(served_app, "GET", path)
        assert response.status == 200
        assert response.headers["Content-Type"].startswith(kind)
        assert raw


@pytest.mark.parametrize("name", page_files())
def test_every_file_of_the_page_is_served_as_what_it_is(client, name):
    response = get(client, "/" if name == "index.html" else f"/{name}")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(KINDS[name[name.rindex(".") :]])
    assert response.data == page_files()[name]


def test_a_file_is_not_sent_twice(client):
    tag = get(client, "/app.js").headers["ETag"]
    again = get(client, "/app.js", If_None_Match=tag)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == tag
    assert get(client, "/app.js", If_None_Match='"other"').status_code == 200


def test_tags_tell_files_apart_and_do_not_change_by_themselves(client):
    tags = [get(client, f"/{name}").headers["ETag"] for name in ("app.js", "app.css", "app.js")]
    assert tags[0] == tags[2] != tags[1]
    assert not tags[0].startswith("W/")


@pytest.mark.parametrize(
    "path", ["/index.html", "/../pages.py", "/web/app.js", "/app.js/", "/__init__.py"]
)
def test_nothing_else_of_the_package_is_served(client, path):
    assert get(client, path).status_code == 404


def test_a_file_is_only_read(client):
    response = client.post("/app.js", base_url="http://127.0.0.1")
    assert response.status_code == 405


def test_the_first_page_names_no_language_of_its_own_and_fits_a_phone():
    html = page_files()["index.html"].decode()
    assert 'lang="en"' in html
    assert 'lang="de"' in html
    assert "width=device-width" in html
    assert "user-scalable" not in html
    assert 'role="status"' in html
