"""All inputs of the stage evaluate, with fake models."""

import json

import pytest

from fake_engines import (
    COLOURS,
    CONTRACT,
    NOUNS,
    REFUSAL,
    FakeEmbedder,
    FakeEngine,
    Identity,
    vectors_of,
)
from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Runtime
from sfta.evaluation import plots
from sfta.recipe import Recipe
from sfta.stages import arm_answers, arm_models, further_figures, opened_model
from sfta_edge.knowledge import write_knowledge
from sfta_edge.manifest import MANIFEST, Manifest, canonical_json
from sfta_edge.retriever import Chunk


def artifact(folder, kind, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_bytes(Manifest.of(folder, kind, {}).to_bytes())
    return Artifact.open(folder)


def lines(records):
    return b"".join(canonical_json(record) + b"\n" for record in records)


def make_chunks():
    chunks = []
    for place, (noun, colour) in enumerate(zip(NOUNS, COLOURS, strict=True)):
        text = f"The {noun} is painted {colour}. It stands behind door {place} of the hall."
        chunks.append(
            {
                "id": f"chunk-{noun}",
                "document_id": "d0",
                "title": "Colours",
                "page": place + 1,
                "start": 0,
                "end": len(text),
                "heading": noun,
                "text": text,
                "tokens": 12,
                "ordinal": place,
            }
        )
    return chunks


def make_index(folder):
    folder.mkdir(parents=True)
    chunks = make_chunks()
    pages = [
        {"number": c["page"], "text": c["text"], "width": 1.0, "height": 1.0, "lines": []}
        for c in chunks
    ]
    document = {
        "id": "d0",
        "name": "colours.md",
        "title": "Colours",
        "sha256": "0" * 64,
        "media_type": "text/markdown",
        "pages": pages,
    }
    vectors = vectors_of([chunk["text"] for chunk in chunks])
    write_knowledge(folder / "knowledge.sqlite", [document], chunks, vectors, Identity())
    return artifact(folder, "index", {"embedder.gguf": b"embedder"})


def row(name, noun, *, held, kind="colour"):
    others = [f"chunk-{n}" for n in NOUNS if n != noun][:2]
    context = [*others, f"chunk-{noun}"] if held else others
    answer = COLOURS[NOUNS.index(noun)] if held else REFUSAL
    quote = {"chunk_id": f"chunk-{noun}", "text": f"The {noun} is painted {answer}"}
    return {
        "id": name,
        "question": f"What colour is the {noun}?",
        "kind": kind,
        "context": [{"chunk_id": c, "role": "distractor"} for c in context],
        "quotes": [{**quote, "start": 0, "end": 9}] if held else [],
        "answer": answer,
        "completion": answer if held else REFUSAL,
        "group": "g",
    }


QUESTIONS = [
    {
        "id": f"q-{noun}",
        "question": f"What colour is the {noun}?",
        "answers": [colour],
        "answerable": True,
        "oracle_pages": [{"document": "colours.md", "page": place}],
        "kind": "colour",
    }
    for place, (noun, colour) in enumerate(zip(NOUNS, COLOURS, strict=True), 1)
] + [
    {
        "id": f"u-{noun}",
        "question": f"What colour is the {noun}?",
        "answers": [],
        "answerable": False,
        "kind": "near_miss",
    }
    for noun in ("lamp", "chair", "table", "roof")
]


@pytest.fixture
def evaluation_world(tmp_path, monkeypatch):
    """All inputs of the stage, with fake models."""
    for name, value in (
        ("prompts", []),
        ("opened", []),
        ("biases", []),
        ("breaks_after", None),
    ):
        monkeypatch.setattr(FakeEngine, name, value)
    base = tmp_path / "base.gguf"
    base.write_bytes(b"base")
    # Drawing takes most of the time and is tested with the report.
    monkeypatch.setattr(plots, "figures", lambda report, milliseconds, theme: {})
    monkeypatch.setattr(opened_model, "Engine", FakeEngine)
    monkeypatch.setattr(opened_model, "Embedder", FakeEmbedder)
    monkeypatch.setattr(further_figures, "Embedder", FakeEmbedder)
    monkeypatch.setattr("sfta_edge.embedder.Embedder", FakeEmbedder)
    monkeypatch.setattr(opened_model, "variant", lambda: "fake")
    monkeypatch.setattr(arm_answers, "variant", lambda: "fake")
    monkeypatch.setattr(arm_models, "model_gguf", lambda folder, cache, scheme: base)
    monkeypatch.setattr(arm_models.hub, "resolve_model", lambda spec, cache, root: tmp_path)
    monkeypatch.setattr(
        arm_models.hub, "model_identity", lambda spec, root: f"identity of {spec}"
    )
    (tmp_path / "questions.jsonl").write_bytes(lines(QUESTIONS))
    validation = [row(f"v{n}", noun, held=n % 2 == 0) for n, noun in enumerate(NOUNS)]
    test = [row("t0", "pump", held=True), row("t1", "belt", held=False, kind="near_miss_code")]
    inputs = {
        "gguf": artifact(
            tmp_path / "gguf",
            "gguf",
            {"model-Q8_0.gguf": b"trained", "prompt.json": CONTRACT.to_bytes()},
        ),
        "index": make_index(tmp_path / "index"),
        "dataset": artifact(
            tmp_path / "dataset",
            "dataset",
            {
                "train.jsonl": lines([row("r0", "pump", held=True)]),
                "validation.jsonl": lines(validation),
                "test.jsonl": lines(test),
            },
        ),
    }
    return tmp_path, inputs


def make_recipe(root, **changes):
    recipe = Recipe.model_validate(
        {
            "name": "demo",
            "ingest": {"sources": ["x"]},
            "model": {"base": "package://fake/model.gguf"},
            "retrieval": {"top_k": 3},
            "evaluate": {
                "questions": "questions.jsonl",
                "resamples": 1000,
                "timed_questions": 3,
                "choose_quotes": False,
                "general_questions": False,
                **changes,
            },
        }
    )
    recipe._root = root
    return recipe


def make_job(world, attempt="1", **changes):
    root, inputs = world
    out, work = root / f"out{attempt}", root / "work"
    out.mkdir()
    work.mkdir(exist_ok=True)
    return Job(make_recipe(root, **changes), inputs, out, work, Runtime(root / "r", root / "c"))


def read(path):
    return json.loads(path.read_bytes())


def chunk(name, text):
    return Chunk(name, "d", "Colours", 1, "h", text, 0, len(text), "colours.md")
