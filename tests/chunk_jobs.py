"""Documents of words, and jobs that cut them into chunks."""

import json

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from sfta.core.artifact import Artifact
from sfta.core.config import build
from sfta.core.stage import Job, Runtime
from sfta.documents.document import Fragment, PageWriter
from sfta.recipe import Recipe
from sfta.stages import chunk
from sfta_edge.manifest import MANIFEST, Manifest, canonical_json


class WordTokenizer:
    """A real tokenizer of words in the shape that `hf_tokenize` reads."""

    is_fast = True

    def __init__(self):
        self.backend_tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
        self.backend_tokenizer.pre_tokenizer = Whitespace()


@pytest.fixture
def word_tokens(monkeypatch, tmp_path):
    monkeypatch.setattr(chunk.hub, "resolve_model", lambda spec, cache, root: tmp_path)
    monkeypatch.setattr(chunk.hub, "load_tokenizer", lambda folder: WordTokenizer())


def document(name, *pages):
    made = []
    for number, blocks in enumerate(pages, 1):
        writer = PageWriter(number, 595, 842)
        for kind, text, *level in blocks:
            box = (72.0, 100.0, 500.0, 110.0)
            writer.add(kind, [Fragment(text, box)], level=level[0] if level else 0)
        made.append(writer.page().to_json())
    return {
        "id": f"{name:0>16}",
        "name": f"{name}.pdf",
        "title": f"Manual {name}",
        "sha256": "0" * 64,
        "media_type": "application/pdf",
        "pages": made,
    }


def recipe_with(**settings):
    data = {
        "name": "test",
        "ingest": {"sources": ["docs"]},
        "chunk": {"max_tokens": 40, "min_tokens": 5} | settings,
        "model": {"base": "folder"},
    }
    return build(Recipe, data, name="test")


def job_for(tmp_path, *documents, **settings):
    folder = tmp_path / "documents"
    folder.mkdir()
    lines = b"".join(canonical_json(d) + b"\n" for d in documents)
    (folder / "documents.jsonl").write_bytes(lines)
    manifest = Manifest.of(folder, "documents", {"metrics": {"documents": len(documents)}})
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    out, work = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    work.mkdir()
    inputs = {"documents": Artifact.open(folder)}
    return Job(recipe_with(**settings), inputs, out, work, Runtime(cache=tmp_path / "cache"))


def records(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def prose(words):
    return " ".join(f"word{i}" for i in range(words - 1)) + " end"


FIRST = document(
    "a",
    [("heading", "1 Start", 1), ("paragraph", prose(30))],
    [("paragraph", prose(20)), ("heading", "2 Stop", 1), ("paragraph", prose(30))],
)
SECOND = document("b", [("paragraph", prose(90))])
