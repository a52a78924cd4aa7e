"""A knowledge file on pumps, and an embedder that knows words only."""

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import pytest

from sfta_edge.knowledge import write_knowledge
from sfta_edge.retriever import Retriever

DIMENSION = 64
TEXTS = {
    "start": "Press the green button to start the compressor. Wait for ten seconds.",
    "e114": "Fault E-114: the discharge temperature is above 110 °C. Stop the machine.",
    "e115": "Fault E-115: the oil pressure is too low. Add oil.",
    "cx220": "The CX-220 delivers 24.5 m³ per hour at 8 bar.",
    "cx330": "The CX-330 delivers 36.0 m³ per hour at 8 bar.",
    "cafe": "Überdruckventil: the relief valve of the café machine opens at 9 bar.",
    "filter": "Replace the intake filter every 2000 hours of operation.",
}


@dataclass(frozen=True)
class Identity:
    name: str = "words"
    sha256: str = "cd" * 32
    dimension: int = DIMENSION


class WordEmbedder:
    """Each word is a fixed direction; a text is the sum of its words."""

    identity = Identity()

    def __init__(self):
        self.calls = []

    def embed(self, texts):
        self.calls.append(list(texts))
        return np.stack([self._one(text) for text in texts])

    def _one(self, text):
        total = np.full(DIMENSION, 1e-3)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total = total + np.random.default_rng(seed).normal(size=DIMENSION)
        return (total / np.linalg.norm(total)).astype(np.float32)


def page(texts):
    text, lines, start = "\n".join(texts), [], 0
    for number, line in enumerate(texts):
        lines.append([start, start + len(line), 50, 100 + 20 * number, 500, 112 + 20 * number])
        start += len(line) + 1
    return {"number": 1, "text": text, "width": 595, "height": 842, "lines": lines}


@pytest.fixture(scope="module")
def pump_knowledge(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "knowledge.sqlite"
    made = page(list(TEXTS.values()))
    document = {
        "id": "manual",
        "name": "manual.pdf",
        "title": "Operator manual",
        "sha256": "0" * 64,
        "media_type": "application/pdf",
        "pages": [made],
    }
    chunks = [
        {
            "id": name,
            "document_id": "manual",
            "page": 1,
            "start": line[0],
            "end": line[1],
            "heading": "4 Operation",
            "text": TEXTS[name],
            "tokens": 12,
            "ordinal": number,
        }
        for number, (name, line) in enumerate(zip(TEXTS, made["lines"], strict=True))
    ]
    vectors = WordEmbedder().embed(list(TEXTS.values()))
    write_knowledge(path, [document], chunks, vectors, Identity())
    return path


@pytest.fixture(scope="module")
def word_retriever(pump_knowledge):
    with Retriever(pump_knowledge, WordEmbedder()) as retriever:
        yield retriever


@pytest.fixture(scope="module")
def plain_retriever(pump_knowledge):
    with Retriever(pump_knowledge) as retriever:
        yield retriever


def ids(hits):
    return [hit.chunk.id for hit in hits]
