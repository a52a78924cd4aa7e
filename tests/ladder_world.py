"""All inputs of the stage ladder, with fake models."""

import json
from dataclasses import replace

import pytest

from evaluated_models import artifact, make_job
from fake_engines import CONTRACT, FakeEmbedder, FakeEngine
from sfta.core.artifact import Artifact
from sfta.stages import evaluate, ladder, ladder_rungs
from sfta_edge.manifest import MANIFEST, Manifest

SCHEMES = ["Q8_0", "Q4_0"]


def rung(scheme):
    limits = {"mean_kl": 0.1, "top1": 0.9, "greedy": 0.0}
    return {
        "scheme": scheme, "mean_kl": 0.001, "max_kl": 0.1, "top1": 0.97, "greedy": 1.0,
        "positions": 96, "tolerance": limits,
    }  # fmt: skip


def speeds_of(files):
    schemes = {scheme: {"decode_tokens_per_second": 20.0} for scheme in files}
    return {"schemes": schemes, "environment": {}}


@pytest.fixture
def ladder_world(evaluation_world, monkeypatch):
    """Inputs of the stage: two schemes, of which the second is given by each test."""
    root, inputs = evaluation_world
    monkeypatch.setattr(ladder_rungs, "Engine", FakeEngine)
    monkeypatch.setattr(ladder_rungs, "Embedder", FakeEmbedder)
    monkeypatch.setattr(ladder_rungs, "variant", lambda: "fake")
    monkeypatch.setattr(ladder_rungs, "lossless_scheme", lambda folder: "F16")
    # Measured for real in tests of its own.
    monkeypatch.setattr(ladder, "measured_speeds", speeds_of)
    whole = root / "model-F16.gguf"
    whole.write_bytes(b"trained")
    monkeypatch.setattr(ladder_rungs, "model_gguf", lambda folder, cache, scheme: whole)

    def build(second=b"trained"):
        rungs = [rung(name) for name in ("adapter", "F16", *SCHEMES)]
        files = {
            "model-Q8_0.gguf": b"trained",
            "model-Q4_0.gguf": second,
            "prompt.json": CONTRACT.to_bytes(),
            "parity.json": json.dumps({"rungs": rungs}).encode(),
        }
        inputs["gguf"] = artifact(root / "files", "gguf", files)
        inputs["model"] = artifact(root / "merged", "model", {"config.json": b"{}"})
        job = make_job((root, inputs), attempt="report")
        evaluate.run(job)
        (job.out / MANIFEST).write_bytes(Manifest.of(job.out, "report", {}).to_bytes())
        inputs["report"] = Artifact.open(job.out)
        return root, inputs

    return build


def ladder_job(world, scheme="Q8_0", attempt="2"):
    job = make_job(world, attempt=attempt)
    export = job.recipe.export.model_copy(update={"schemes": SCHEMES})
    bundle = job.recipe.bundle.model_copy(update={"scheme": scheme})
    recipe = job.recipe.model_copy(update={"export": export, "bundle": bundle})
    recipe._root = job.recipe._root
    return replace(job, recipe=recipe)
