"""A web server is a source of single files."""

import http.server
import threading
from contextlib import contextmanager

import pytest

from sfta.adapters.storage import fetch, list_sources
from sfta.adapters.store import TooLargeError
from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages
from sfta.recipe import Recipe
from sfta.stages import ingest
from sfta_edge.errors import ConfigError, ToolError

pytest.importorskip("aiohttp", reason="http:// needs aiohttp")
MANY = 1 << 20


class Pages:
    """What the server holds: content and answer by path."""

    def __init__(self):
        self.content = {"/manuals/pump.txt": b"The pump runs.", "/a%20b.txt": b"Blank."}
        self.status = {}
        self.headers = {}
        self.sized = True
        self.endless = False
        self.asked = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from the server's pages."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.server.pages.asked.append(self.path)
        content = self.answer()
        try:
            self.wfile.write(content)
            while self.server.pages.endless:
                self.wfile.write(b"x" * 65536)
        except ConnectionError:
            pass

    def answer(self):
        pages = self.server.pages
        content = pages.content.get(self.path)
        self.send_response(pages.status.get(self.path, 404 if content is None else 200))
        for name, value in pages.headers.items():
            self.send_header(name, value)
        if pages.sized:
            self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        return content or b""

    def log_message(self, *_):
        pass


@contextmanager
def serving(pages):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages = pages
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="pages")
def _pages():
    return Pages()


@pytest.fixture(name="site")
def _site(pages):
    with serving(pages) as address:
        yield address


def test_one_file_is_listed_and_read(site, tmp_path):
    (source,) = list_sources([f"{site}/manuals/pump.txt"], tmp_path)
    assert (source.name, source.size) == ("pump.txt", 14)
    assert fetch(source, tmp_path, MANY).read_bytes() == b"The pump runs."


def test_a_name_is_shown_as_people_write_it(site, tmp_path):
    (source,) = list_sources([f"{site}/a%20b.txt"], tmp_path)
    assert source.name == "a b.txt"
    assert fetch(source, tmp_path, MANY).read_bytes() == b"Blank."


def test_a_harmless_query_is_part_of_the_address(site, pages, tmp_path):
    pages.content["/manual.txt?version=3"] = b"Third."
    (source,) = list_sources([f"{site}/manual.txt?version=3"], tmp_path)
    assert source.name == "manual.txt"
    assert fetch(source, tmp_path, MANY).read_bytes() == b"Third."


def test_a_file_with_a_version_is_downloaded_once(site, pages, tmp_path):
    pages.headers = {"ETag": '"1"'}
    url = f"{site}/manuals/pump.txt"
    for _ in range(2):
        (source,) = list_sources([url], tmp_path)
        fetch(source, tmp_path, MANY)
    assert pages.asked == ["/manuals/pump.txt"]
    pages.headers = {"ETag": '"2"'}
    (source,) = list_sources([url], tmp_path)
    fetch(source, tmp_path, MANY)
    assert len(pages.asked) == 2


@pytest.mark.parametrize("address", ["/", "/manuals/", "/manuals/*.txt", ""])
def test_an_address_that_is_no_single_file_is_refused(site, tmp_path, address):
    with pytest.raises(ConfigError, match="names no single file") as error:
        list_sources([f"{site}{address}"], tmp_path)
    assert "name each one" in error.value.hint


def test_a_file_that_is_not_there_is_named(site, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file at http://.*/none\.txt"):
        list_sources([f"{site}/none.txt"], tmp_path)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_refusal_is_a_store_error_and_not_a_missing_file(site, pages, tmp_path, status):
    pages.status["/manuals/pump.txt"] = status
    with pytest.raises(ToolError, match=f"cannot read http://.*{status}"):
        list_sources([f"{site}/manuals/pump.txt"], tmp_path)


def test_a_server_that_does_not_answer_is_a_store_error(tmp_path):
    with pytest.raises(ToolError, match="cannot read http://127"):
        list_sources(["http://127.0.0.1:9/manual.txt"], tmp_path)


def test_a_file_that_vanishes_after_the_look_leaves_nothing(site, pages, tmp_path):
    (source,) = list_sources([f"{site}/manuals/pump.txt"], tmp_path)
    del pages.content["/manuals/pump.txt"]
    with pytest.raises(ToolError, match="cannot read http://"):
        fetch(source, tmp_path, MANY)
    assert list((tmp_path / "sources").iterdir()) == []


def test_a_stream_without_end_is_not_read_to_the_end(site, pages, tmp_path):
    pages.sized, pages.endless = False, True
    (source,) = list_sources([f"{site}/manuals/pump.txt"], tmp_path)
    assert source.size == 0
    with pytest.raises(TooLargeError):
        fetch(source, tmp_path, MANY)
    assert list((tmp_path / "sources").iterdir()) == []


def recipe_for(*sources):
    data = {
        "name": "test",
        "ingest": {"sources": list(sources), "limits": {"file_mb": 1}},
        "model": {"base": "package://none/none.gguf"},
    }
    return build(Recipe, data, name="test")


def test_a_stream_that_is_too_large_is_set_aside_and_the_others_go_on(site, pages, tmp_path):
    pages.sized, pages.endless = False, True
    (tmp_path / "a.txt").write_text("A document.")
    runtime = Runtime(runs=tmp_path / "runs", cache=tmp_path / "cache")
    recipe = recipe_for(f"{site}/manuals/pump.txt", str(tmp_path / "a.txt"))
    made = run_stages([ingest.STAGE], recipe, runtime)["documents"]
    assert made.metrics["documents"] == 1
    assert made.metrics["quarantined_by_code"] == {"too_large": 1}
