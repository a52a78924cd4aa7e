"""Stage index: resumable, repeatable, and never a chunk without its own vector."""

import hashlib
import json
from dataclasses import dataclass

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
    truncated = 0
    seen = []

    def __init__(self, model):
        assert model.read_bytes() == b"embedder"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

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
    FakeEmbedder.seen = []
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    corpus = write_corpus(tmp_path / "corpus", 150)
    return Job(
        recipe, {"corpus": corpus}, tmp_path / "out", tmp_path / "work", Runtime(cache=tmp_path)
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
    index.run(job)
    assert (job.out / "knowledge.sqlite").read_bytes() == first


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    texts = [f"text {n}" for n in range(200)]
    asked = []

    def dies(batch):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(len(batch))
        return vectors_of(batch)

    with pytest.raises(KeyboardInterrupt):
        index.embed_all(texts, dies, tmp_path)
    again = []

    def counts(batch):
        again.append(len(batch))
        return vectors_of(batch)

    found = index.embed_all(texts, counts, tmp_path)
    assert sum(asked) + sum(again) == 200
    assert sum(asked) == 128
    np.testing.assert_array_equal(found, vectors_of(texts))


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"garbage" * 100])
def test_half_a_batch_is_made_again(tmp_path, damage):
    texts = [f"text {n}" for n in range(64)]
    index.embed_all(texts, vectors_of, tmp_path)
    saved = next(tmp_path.glob("*.npy"))
    saved.write_bytes(damage or saved.read_bytes()[:-10])
    found = index.embed_all(texts, vectors_of, tmp_path)
    np.testing.assert_array_equal(found, vectors_of(texts))


def test_a_saved_batch_belongs_to_its_texts(tmp_path):
    index.embed_all([f"text {n}" for n in range(64)], vectors_of, tmp_path)
    others = [f"other {n}" for n in range(64)]
    np.testing.assert_array_equal(
        index.embed_all(others, vectors_of, tmp_path), vectors_of(others)
    )


def test_a_saved_batch_is_never_unpickled(tmp_path):
    texts = ["one"]
    index.embed_all(texts, vectors_of, tmp_path)
    saved = next(tmp_path.glob("*.npy"))
    np.save(saved, np.array([{"evil": True}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(
        index.embed_all(texts, vectors_of, tmp_path), vectors_of(texts)
    )


def test_an_embedder_that_computes_nonsense_stops_the_stage(job, monkeypatch):
    def nonsense(self, texts):
        return np.full((len(texts), DIMENSION), np.nan, dtype=np.float32)

    monkeypatch.setattr(FakeEmbedder, "embed", nonsense)
    with pytest.raises(IntegrityError, match="NaN"):
        index.run(job)
    assert not (job.out / "knowledge.sqlite").exists()


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
