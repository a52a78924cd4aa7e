"""``sfta-edge ingest``: files and folders on the command line."""

import json
import os
import threading

import pytest
from click.testing import CliRunner

from handed_in_files import PROSE, PassageWords, pdf
from sfta_edge import embedder as embedder_module
from sfta_edge.cli.ingest import command
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.library.library import Library
from sfta_edge.lock import DataLock
from sfta_edge.manifest import MANIFEST, Manifest
from sfta_edge.retriever import Retriever


class Words(PassageWords):
    """Stands in the place of the real embedder: same way to open and close."""

    def __init__(self, model, *, threads=None):
        super().__init__()
        digest = Manifest.read(model.parents[1])
        sha256 = {entry.path: entry.sha256 for entry in digest.files}["embedder/e.gguf"]
        self.identity = type(PassageWords.identity)(sha256=sha256)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setattr(embedder_module, "Embedder", Words)
    folder = tmp_path / "bundle"
    parts = ("model/m.gguf", "embedder/e.gguf", "knowledge/knowledge.sqlite", "prompt.json")
    for name in parts:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    manifest = Manifest.of(folder, "bundle", {"name": "m", "counter": 1})
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    return folder


@pytest.fixture
def manuals(tmp_path):
    folder = tmp_path / "manuals"
    (folder / "pumps").mkdir(parents=True)
    (folder / "oil.md").write_text("# Oil\n\nUse 46S.\n")
    (folder / "pumps/a.pdf").write_bytes(pdf(PROSE))
    (folder / "pumps/oil.md").write_text("# Other oil\n\nUse 32.\n")
    (folder / ".hidden.md").write_text("no")
    (folder / "link.md").symlink_to("/etc/passwd")
    return folder


@pytest.fixture
def ingest(tmp_path, bundle):
    def run(*arguments):
        arguments = [*arguments, "--root", tmp_path / "root", "--bundle", bundle]
        done = CliRunner().invoke(command, [str(part) for part in arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def documents(tmp_path):
    with Retriever(tmp_path / "root/data/knowledge.sqlite") as retriever:
        return {facts.name: facts for facts in retriever.documents()}


def test_a_folder_becomes_documents_named_by_their_place_in_it(tmp_path, ingest, manuals):
    done = ingest(manuals, "--collection", "pumps", "--access", "b,a")
    assert done.exit_code == 0
    assert "pumps/a.pdf: 1 pages, 1 chunks" in done.stdout
    assert done.stderr.endswith('next: sfta-edge ask "..."\n')
    found = documents(tmp_path)
    assert sorted(found) == ["oil.md", "pumps/a.pdf", "pumps/oil.md"]
    assert {(facts.collection, facts.access) for facts in found.values()} == {("pumps", "a,b")}


def test_a_second_call_reads_nothing_again(ingest, manuals):
    first = json.loads(ingest(manuals, "--json").stdout)
    second = json.loads(ingest(manuals, "--json").stdout)
    assert first == second
    assert [job["state"] for job in first["jobs"]] == ["done"] * 3


def test_what_cannot_be_read_is_named_and_the_others_are_read(tmp_path, ingest, manuals):
    (manuals / "bad.pdf").write_bytes(b"%PDF-1.7 nothing")
    (manuals / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = ingest(manuals)
    assert done.exit_code == 1
    assert "not read: picture.png: it is a picture" in done.stderr
    assert "not read: bad.pdf: it is no readable PDF" in done.stderr
    assert len(documents(tmp_path)) == 3


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path, ingest):
    os.mkfifo(tmp_path / "pipe.md")
    done = ingest(tmp_path / "pipe.md", "/dev/null")
    assert done.exit_code == 1
    assert done.stderr.count("it is no regular file") == 2


def test_without_sources_it_goes_on_where_it_was_interrupted(tmp_path, ingest, bundle):
    data = tmp_path / "root/data"
    waiting = Library(data, Words(bundle / "embedder/e.gguf"))
    with (tmp_path / "a.md").open("w+b") as stream:
        stream.write(b"# Oil\n\nUse 46S.\n")
        stream.seek(0)
        waiting.submit(stream, "a.md")
    waiting.close()
    assert ingest().exit_code == 0
    assert list(documents(tmp_path)) == ["a.md"]


def test_while_a_server_runs_it_says_where_to_hand_files_in(tmp_path, ingest, manuals):
    with (
        DataLock(tmp_path / "root/data", "serve"),
        pytest.raises(ConfigError, match="in use by sfta-edge serve") as refused,
    ):
        ingest(manuals)
    assert "POST /v1/documents" in refused.value.hint


def test_an_embedder_that_is_not_the_bundles_is_refused(ingest, bundle, manuals, monkeypatch):
    class Other(Words):
        def __init__(self, model, *, threads=None):
            super().__init__(model)
            self.identity = PassageWords.identity

    monkeypatch.setattr(embedder_module, "Embedder", Other)
    with pytest.raises(IntegrityError, match=r"changed: e\.gguf"):
        ingest(manuals)


def test_a_long_job_says_how_far_it_is(ingest, manuals, monkeypatch):
    from sfta_edge.cli import ingest as module

    go = threading.Event()

    class Waiting(Words):
        def embed(self, texts):
            assert go.wait(60)
            return super().embed(texts)

    told = []

    def echo(text, **options):
        told.append(text)
        if "chunks" in text:
            go.set()

    monkeypatch.setattr(embedder_module, "Embedder", Waiting)
    monkeypatch.setattr(module, "_TOLD_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(module.click, "echo", echo)
    ingest(manuals / "oil.md")
    assert any("0 of 1 chunks; 1 files to go" in text for text in told)
