"""The web page for people: its files, as they lie in the package."""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import PurePath

from flask import Flask, Response, request

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_START = "index.html"


def page_files() -> dict[str, bytes]:
    """Every file of the page by its name, sorted."""
    folder = files("sfta_edge") / "web"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {
        entry.name: entry.read_bytes()
        for entry in entries
        if PurePath(entry.name).suffix in _TYPES
    }


def add_pages(app: Flask) -> None:
    """Serve the page at ``/`` and each of its files at ``/NAME``, to everybody who asks.

    The files hold no secret. A page that was sent once is not sent again: an entity tag is the
    digest of a file.
    """
    for name, content in page_files().items():
        rule = "/" if name == _START else f"/{name}"
        app.add_url_rule(rule, endpoint=f"page {name}", view_func=_view(name, content))


def _view(name: str, content: bytes) -> Callable[[], Response]:
    kind = _TYPES[PurePath(name).suffix]
    tag = hashlib.sha256(content).hexdigest()[:32]

    def view() -> Response:
        response = Response(content, content_type=kind)
        response.set_etag(tag)
        # Kept by the browser, but asked for each time: an update shows at once.
        response.headers["Cache-Control"] = "no-cache"
        response.make_conditional(request.environ)
        return response

    return view
