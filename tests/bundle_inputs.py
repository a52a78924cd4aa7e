"""Artifacts, wheels, licences and a key: what the stage bundle takes."""

import json
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest

from sfta.adapters import wheelhouse
from sfta.adapters.model_licence import ModelLicence
from sfta.adapters.wheel_file import Wheel
from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Runtime
from sfta.documents.config import IndexConfig
from sfta.recipe import Recipe
from sfta.stages import papers
from sfta_edge.knowledge import write_knowledge
from sfta_edge.manifest import MANIFEST, Manifest
from sfta_edge.prompt import PromptContract
from sfta_edge.signature import generate_key

CONTRACT = PromptContract(
    **{name: name for name in PromptContract.__dataclass_fields__}  # any text will do
)
REPORT = {
    "gates": [
        {"name": "min_token_f1", "value": 0.71234, "bound": 0.5, "passed": True},
        {"name": "beat_baseline", "value": 0.1, "bound": 0.0, "passed": True},
        {"name": "beat_trivial", "value": 0.2, "bound": 0.0, "passed": True},
        {"name": "quotes_hold", "value": 0.9, "bound": 0.5, "passed": True},
    ],
    "passed": True,
    "verdict": "Fine-tuning helps.",
    "settings": {
        "scheme": "Q8_0",
        "top_k": 3,
        "max_answer_tokens": 150,
        "context_tokens": 2048,
        "refusal_threshold": 0.25,
        "choose_quotes": True,
        "weights": {"similarity": 7.5},
    },
    "arms": {
        "raft_rag": {
            "metrics": {"token_f1": 0.71234, "refusal_f1": None},
            "intervals": {"token_f1": [0.6, 0.8], "refusal_f1": None},
        }
    },
}


@dataclass(frozen=True)
class Identity:
    name: str = "e"
    sha256: str = "0" * 64
    dimension: int = 4


def artifact(folder, kind, contents, **facts):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / MANIFEST).write_bytes(Manifest.of(folder, kind, facts).to_bytes())
    return Artifact.open(folder)


def index_artifact(folder):
    folder.mkdir(parents=True)
    text = "Stop | the machine."
    document = {
        "id": "d1",
        "name": "manual.pdf",
        "title": "Manual",
        "sha256": "ab" * 32,
        "media_type": "application/pdf",
        "pages": [{"number": 1, "text": text, "width": 1, "height": 1, "lines": []}],
    }
    chunk = {"id": "c1", "document_id": "d1", "page": 1, "start": 0, "end": len(text)}
    chunk |= {"heading": "", "text": text, "tokens": 3, "ordinal": 0}
    vector = np.array([[1, 0, 0, 0]], dtype=np.float32)
    write_knowledge(folder / "knowledge.sqlite", [document], [chunk], vector, Identity())
    return artifact(folder, "index", {"embedder.gguf": "embedder"}, key="index-key")


def make_inputs(folder, report=REPORT, **measured):
    """All inputs of the stage; `measured` replaces digests in the report."""
    gguf = artifact(
        folder / "gguf",
        "gguf",
        {"model-Q8_0.gguf": "weights", "prompt.json": CONTRACT.to_bytes(), "parity.json": "{}"},
        key="gguf-key",
    )
    made = {
        "gguf": gguf,
        "index": index_artifact(folder / "index"),
        "dataset": artifact(
            folder / "dataset",
            "dataset",
            {"README.md": "---\nlicense: x\n---\n# Rows\n7 rows\n"},
        ),
    }
    digests = {kind: made[kind].digest for kind in made} | measured
    report = {**report, "settings": {**report["settings"], "inputs": digests}}
    texts = {
        "report.json": json.dumps(report), "report.html": "<p>report</p>", "answers.jsonl": "",
    }  # fmt: skip
    made["report"] = artifact(folder / "report", "report", texts)
    return made


def write_wheel(folder, name, number):
    stem = f"{name}-{number}"
    target = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {number}\n"
        metadata += "License-Expression: MIT\n"
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/METADATA"), metadata)
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/licenses/LICENSE"), f"of {name}")
    return Wheel.read(target)


@pytest.fixture
def wheel_house(tmp_path, monkeypatch):
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheels = (write_wheel(folder, "part", "1.0"), write_wheel(folder, "sfta_edge", "0.1.0"))
    (folder / "requirements.txt").write_bytes(wheelhouse.requirements(wheels))
    house = wheelhouse.Wheelhouse(folder, wheels)
    monkeypatch.setattr(wheelhouse, "gather", lambda order, cache: house)
    monkeypatch.setattr(
        wheelhouse, "identity", lambda order, cache: {"target": str(order.target)}
    )
    return house


BASE = ModelLicence("Apache-2.0", {"LICENSE": b"of the base"})
LICENCES = {"maker/small-1b": BASE, IndexConfig().embedder: ModelLicence("MIT")}


@pytest.fixture
def known_licences(monkeypatch):
    """What the hub and an installed package say of the two models."""
    monkeypatch.setattr(papers, "model_licence", lambda spec, cache, root: LICENCES[spec])


@pytest.fixture
def bundle_recipe():
    return Recipe.model_validate(
        {
            "name": "manuals",
            "ingest": {"sources": ["x"]},
            "model": {"base": "maker/small-1b"},
            "retrieval": {"top_k": 3},
            "bundle": {"counter": 4, "pythons": ["3.11"], "originals": False},
        }
    )


@pytest.fixture
def bundle_job(tmp_path, bundle_recipe, wheel_house):
    generate_key(tmp_path / "maker.key", tmp_path / "maker.pem")
    runtime = Runtime(cache=tmp_path / "cache", signing_key=tmp_path / "maker.key")
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    return Job(
        bundle_recipe,
        make_inputs(tmp_path / "runs"),
        tmp_path / "out",
        tmp_path / "work",
        runtime,
    )
