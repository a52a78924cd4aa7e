"""Stage index: resumable, repeatable, and never a chunk without its own vector."""

import hashlib
import json
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages import index
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import MANIFEST, Manifest
from sfta_edge.retriever import Retriever

DIMENSION = 16


@dataclass(frozen=True)
class Identity:
    name: str = "fake"
    sha256: str = "12" * 32
    dimension: int = DIMENSION


class FakeEmbedder:
    """Vectors that depend on the text alone; counts what it is asked."""

    identity = Identity()
    context_tokens = 40
    seen = []
    open = 0

    def __init__(self, model, *, threads=None):
        assert model.read_bytes() == b"embedder"
        type(self).open += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        type(self).open -= 1

    def count_tokens(self, text):
        return len(text.split())

    def embed(self, texts):
        type(self).seen += texts
        return vectors_of(texts)


def vectors_of(texts):
    rows = []
    for text in texts:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        row = np.random.default_rng(seed).normal(size=DIMENSION)
        rows.append(row / np.linalg.norm(row))
    return np.array(rows, dtype=np.float32)


def write_corpus(folder, count):
    folder.mkdir()
    lines = [f"Line {n} of the manual." for n in range(count)]
    text = "\n".join(lines)
    page = {"number": 1, "text": text, "width": 10, "height": 10, "lines": []}
    document = {
        "id": "d1",
        "name": "m.pdf",
        "title": "Manual",
        "sha256": "0" * 64,
        "media_type": "application/pdf",
        "pages": [page],
    }
    chunks, start = [], 0
    for number, line in enumerate(lines):
        chunks.append(
            {
                "id": f"c{number}",
                "document_id": "d1",
                "title": "Manual",
                "page": 1,
                "start": start,
                "end": start + len(line),
                "heading": "1 Use",
                "text": line,
                "tokens": 6,
                "ordinal": number,
            }
        )
        start += len(line) + 1
    (folder / "documents.jsonl").write_text(json.dumps(document) + "\n")
    (folder / "chunks.jsonl").write_text("".join(json.dumps(c) + "\n" for c in chunks))
    (folder / MANIFEST).write_bytes(Manifest.of(folder, "corpus", {}).to_bytes())
    return Artifact.open(folder)


@pytest.fixture(name="recipe")
def _recipe():
    return Recipe.model_validate(
        {"name": "test", "ingest": {"sources": ["x"]}, "model": {"base": "x/y"}}
    )


@pytest.fixture(name="job")
def _job(tmp_path, recipe, monkeypatch):
    (tmp_path / "converted.gguf").write_bytes(b"embedder")
    monkeypatch.setattr(index.hub, "resolve_model", lambda spec, cache, root: tmp_path)
    monkeypatch.setattr(
        "sfta_export.gguf.embedder_gguf", lambda folder, cache: tmp_path / "converted.gguf"
    )
    monkeypatch.setattr("sfta_edge.embedder.Embedder", FakeEmbedder)
    FakeEmbedder.seen, FakeEmbedder.open = [], 0
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    corpus = write_corpus(tmp_path / "corpus", 150)
    return Job(
        recipe,
        {"corpus": corpus},
        tmp_path / "out",
        tmp_path / "work",
        Runtime(cache=tmp_path / "cache", workers=1),
    )


def test_the_index_finds_every_chunk_by_its_own_text(job):
    metrics = index.run(job)
    assert metrics["documents"] == 1
    assert metrics["chunks"] == 150
    assert metrics["dimension"] == DIMENSION
    assert metrics["truncated"] == 0
    assert sorted(p.name for p in job.out.iterdir()) == ["embedder.gguf", "knowledge.sqlite"]

    class Exact(FakeEmbedder):
        def __init__(self):
            pass

        def embed(self, texts):
            return vectors_of([f"Manual > 1 Use\n{text}" for text in texts])

    with Retriever(job.out / "knowledge.sqlite", Exact()) as retriever:
        for number in (0, 63, 64, 149):
            hit = retriever.search(f"Line {number} of the manual.", 1)[0]
            assert hit.chunk.id == f"c{number}"
            assert hit.similarity == pytest.approx(1.0, abs=1e-5)


def test_the_embedder_reads_title_and_heading_with_each_chunk(job):
    index.run(job)
    assert FakeEmbedder.seen[3] == "Manual > 1 Use\nLine 3 of the manual."
    assert len(FakeEmbedder.seen) == 150


def test_the_same_corpus_gives_the_same_bytes(job, tmp_path):
    index.run(job)
    first = (job.out / "knowledge.sqlite").read_bytes()
    shutil.rmtree(job.runtime.cache)
    index.run(job)
    assert (job.out / "knowledge.sqlite").read_bytes() == first
    assert len(FakeEmbedder.seen) == 300


def test_only_new_texts_are_embedded(job, tmp_path):
    index.run(job)
    FakeEmbedder.seen = []
    more = replace(job, inputs={"corpus": write_corpus(tmp_path / "more", 152)})
    index.run(more)
    assert FakeEmbedder.seen == [
        "Manual > 1 Use\nLine 150 of the manual.",
        "Manual > 1 Use\nLine 151 of the manual.",
    ]
    grown = (job.out / "knowledge.sqlite").read_bytes()
    shutil.rmtree(job.runtime.cache)
    index.run(more)
    assert (job.out / "knowledge.sqlite").read_bytes() == grown


def test_another_embedder_embeds_everything_anew(job, monkeypatch):
    index.run(job)
    monkeypatch.setattr(FakeEmbedder, "identity", Identity(sha256="34" * 32))
    index.run(job)
    assert len(FakeEmbedder.seen) == 300


def test_an_interrupted_run_goes_on_where_it_stopped(job, monkeypatch):
    real = FakeEmbedder.embed

    def dies(self, texts):
        if len(FakeEmbedder.seen) == 128:
            raise KeyboardInterrupt
        return real(self, texts)

    with monkeypatch.context() as dying:
        dying.setattr(FakeEmbedder, "embed", dies)
        with pytest.raises(KeyboardInterrupt):
            index.run(job)
    assert index.run(job)["chunks"] == 150
    assert len(FakeEmbedder.seen) == 150


def test_texts_that_were_cut_are_counted_also_when_they_are_kept(job, monkeypatch):
    monkeypatch.setattr(FakeEmbedder, "context_tokens", 7)
    assert index.run(job)["truncated"] == 150
    FakeEmbedder.seen = []
    assert index.run(job)["truncated"] == 150
    assert FakeEmbedder.seen == []


def test_no_embedder_stays_open(job):
    index.run(job)
    assert FakeEmbedder.open == 0


def test_an_embedder_that_computes_nonsense_stops_the_stage(job, monkeypatch):
    def nonsense(self, texts):
        return np.full((len(texts), DIMENSION), np.nan, dtype=np.float32)

    monkeypatch.setattr(FakeEmbedder, "embed", nonsense)
    with pytest.raises(IntegrityError, match="NaN"):
        index.run(job)
    assert not (job.out / "knowledge.sqlite").exists()


def test_nonsense_is_not_kept_for_the_next_run(job, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(
            FakeEmbedder, "embed", lambda _, texts: np.full((len(texts), 16), np.nan, "f4")
        )
        with pytest.raises(IntegrityError, match="NaN"):
            index.run(job)
    assert index.run(job)["chunks"] == 150


def test_an_empty_corpus_is_an_error_of_the_recipe(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", 0)
    with pytest.raises(ConfigError, match="no chunks"):
        index.read_corpus(corpus)


def test_a_chunk_of_an_unknown_document_is_refused():
    with pytest.raises(IntegrityError, match="belongs to no document"):
        index.passages([], [{"id": "c", "document_id": "d", "heading": "", "text": "t"}])


def test_an_embedder_that_cannot_be_found_is_said_before_the_run(recipe):
    broken = recipe.model_copy(
        update={"index": recipe.index.model_copy(update={"embedder": "./nowhere"})}
    )
    problems = index.STAGE.check(broken, Runtime())
    assert len(problems) == 1
    assert problems == ["index.embedder: there is no model './nowhere': nowhere does not exist"]


def test_another_embedder_is_another_key(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(index.hub, "model_identity", lambda spec, root: f"identity of {spec}")
    assert index.STAGE.external(recipe, Runtime()) == {
        "embedder": f"identity of {recipe.index.embedder}"
    }
    assert index.STAGE.check(recipe, Runtime()) == []
