"""A corpus of a few documents and its vectors, as a knowledge file takes them."""

from dataclasses import dataclass

import apsw
import numpy as np
import pytest

from sfta_edge.knowledge import open_knowledge, write_knowledge

DIMENSION = 8


@dataclass(frozen=True)
class Identity:
    name: str = "test-embedder"
    sha256: str = "ab" * 32
    dimension: int = DIMENSION
    pooling: str = "mean"


def corpus(documents=3, per_document=5):
    """Records as the factory writes them; the text of a page is its chunks, line by line."""
    records, chunks = [], []
    for d in range(documents):
        texts = [f"Document {d} line {n}: the code is E-{d}{n}." for n in range(per_document)]
        page = "\n".join(texts)
        records.append(
            {
                "id": f"doc{d}",
                "name": f"{d}.pdf",
                "title": f"Manual {d}",
                "sha256": f"{d}" * 64,
                "media_type": "application/pdf",
                "pages": [
                    {"number": 1, "text": page, "width": 595, "height": 842.0, "lines": []}
                ],
            }
        )
        start = 0
        for ordinal, text in enumerate(texts):
            chunks.append(
                {
                    "id": f"chunk{d}-{ordinal}",
                    "document_id": f"doc{d}",
                    "title": f"Manual {d}",
                    "page": 1,
                    "start": start,
                    "end": start + len(text),
                    "heading": f"{ordinal} Part",
                    "text": text,
                    "tokens": 9,
                    "ordinal": ordinal,
                }
            )
            start += len(text) + 1
    return records, chunks


def vectors_for(count, dimension=DIMENSION, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def corpus_file(tmp_path):
    documents, chunks = corpus()
    path = tmp_path / "knowledge.sqlite"
    write_knowledge(path, documents, chunks, vectors_for(15), Identity())
    return path


def count(path, table):
    knowledge = open_knowledge(path)
    try:
        return knowledge.connection.execute("SELECT count(*) FROM " + table).fetchone()[0]  # noqa: S608 fixed names
    finally:
        knowledge.close()


def edit(path, *statements):
    """Change a file behind the library's back."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()
