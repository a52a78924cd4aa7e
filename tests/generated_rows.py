"""A corpus of machine parts with its index, and runs of the stage generate over it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import sfta_edge.embedder
from sfta.core.artifact import Artifact
from sfta.core.config import build
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages.generate import run
from sfta_edge.knowledge import write_knowledge
from sfta_edge.manifest import MANIFEST, Manifest, canonical_json

DIMENSION = 24
PARTS = ["pump", "valve", "cooler", "motor", "filter", "drain", "switch", "relay"]


@dataclass(frozen=True)
class Identity:
    name: str = "fake"
    sha256: str = "34" * 32
    dimension: int = DIMENSION
    pooling: str = "mean"
    prefix: str = ""


class FakeEmbedder:
    """Bags of words as vectors: a question is near the chunk that shares its words."""

    def __init__(self, model):
        assert Path(model).read_bytes() == b"embedder"
        self.identity = Identity()

    def embed(self, texts):
        return vectors_of(texts)

    def close(self):
        pass


def vectors_of(texts):
    rows = np.full((len(texts), DIMENSION), 0.01, dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.casefold().split():
            row[hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def page_text(number):
    part, name = PARTS[number % len(PARTS)], f"MP-{number}"
    return (
        f"The main {part} {name} opens at {number + 2}.5 bar. The main {part} {name} is cleaned "
        f"every {number + 1}00 hours. Tighten the cover of the {part} {name} to {number + 20} N·m."
        f" The main {part} {name} hangs under the roof number {number}."
    )


def write_inputs(folder, pages=24):
    """A corpus of one chunk per page, and the real knowledge file over it."""
    documents, chunks = [], []
    for index in range(2):
        name = f"manual-{index}.pdf"
        document = {"id": f"d{index}", "name": name, "title": f"Manual {index}",
                    "sha256": "0" * 64, "media_type": "application/pdf", "pages": []}  # fmt: skip
        documents.append(document)
        for number in range(index, pages, 2):
            text = page_text(number)
            page = len(document["pages"]) + 1
            document["pages"].append({"number": page, "text": text, "width": 10, "height": 10,
                                      "lines": []})  # fmt: skip
            chunks.append({"id": f"c{number:02d}", "document_id": document["id"],
                           "title": document["title"], "page": page, "start": 0,
                           "end": len(text), "heading": f"{page} Part {number}", "text": text,
                           "tokens": 60, "ordinal": page})  # fmt: skip
    corpus, index_folder = folder / "corpus", folder / "index"
    corpus.mkdir(parents=True)
    index_folder.mkdir()
    (corpus / "chunks.jsonl").write_bytes(b"".join(canonical_json(c) + b"\n" for c in chunks))
    (corpus / "documents.jsonl").write_bytes(
        b"".join(canonical_json(d) + b"\n" for d in documents)
    )
    (index_folder / "embedder.gguf").write_bytes(b"embedder")
    write_knowledge(index_folder / "knowledge.sqlite", documents, chunks,
                    vectors_of([c["text"] for c in chunks]), Identity())  # fmt: skip
    return {kind: artifact(folder / kind, kind) for kind in ("corpus", "index")}


def artifact(folder, kind):
    (folder / MANIFEST).write_bytes(Manifest.of(folder, kind, {}).to_bytes())
    return Artifact.open(folder)


def recipe(**generate):
    settings = {"max_rows": 80, "split": {"group_by": "page"}, **generate}
    return build(
        Recipe,
        {"name": "pumps", "seed": 3, "ingest": {"sources": ["docs"]}, "model": {"base": "x"},
         "retrieval": {"top_k": 3}, "generate": settings},
        name="recipe",
    )  # fmt: skip


def generate(inputs, folder, **settings):
    folder.mkdir()
    work = folder / "work"
    work.mkdir()
    out = folder / "out"
    out.mkdir()
    made = recipe(**settings)
    made._root = folder
    metrics = run(Job(made, inputs, out, work, Runtime(cache=folder / "cache")))
    return out, metrics


@pytest.fixture(autouse=True)
def fake_embedder(monkeypatch):
    monkeypatch.setattr(sfta_edge.embedder, "Embedder", FakeEmbedder)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def dataset(inputs, tmp_path):
    return generate(inputs, tmp_path / "run")


def records(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def all_rows(out):
    return [r for s in ("train", "validation", "test") for r in records(out / f"{s}.jsonl")]
