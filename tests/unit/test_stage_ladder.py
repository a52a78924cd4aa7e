"""Stage ladder: every scheme answers as the report says, and the one that ships must not lose."""

import csv
import json
from dataclasses import replace

import pytest

from evaluated_models import artifact, lines, make_job, read
from fake_engines import CONTRACT, FakeEmbedder, FakeEngine
from sfta.core.artifact import Artifact
from sfta.stages import evaluate, ladder
from sfta.stages.ladder import STAGE
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import MANIFEST, Manifest

SCHEMES = ["Q8_0", "Q4_0"]


def rung(scheme):
    limits = {"mean_kl": 0.1, "top1": 0.9, "greedy": 0.0}
    return {
        "scheme": scheme, "mean_kl": 0.001, "max_kl": 0.1, "top1": 0.97, "greedy": 1.0,
        "positions": 96, "tolerance": limits,
    }  # fmt: skip


@pytest.fixture
def world(evaluation_world, monkeypatch):
    """Inputs of the stage: two schemes, of which the second is given by each test."""
    root, inputs = evaluation_world
    monkeypatch.setattr(ladder, "Engine", FakeEngine)
    monkeypatch.setattr(ladder, "Embedder", FakeEmbedder)
    monkeypatch.setattr(ladder, "variant", lambda: "fake")
    monkeypatch.setattr(ladder, "lossless_scheme", lambda folder: "F16")
    whole = root / "model-F16.gguf"
    whole.write_bytes(b"trained")
    monkeypatch.setattr(ladder, "model_gguf", lambda folder, cache, scheme: whole)

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


def test_every_scheme_is_asked_and_compared_with_16_bits(world):
    job = ladder_job(world())
    metrics = ladder.run(job)
    record = read(job.out / ladder.RECORD)
    assert [one["scheme"] for one in record["schemes"]] == ["F16", *SCHEMES]
    assert record["questions"] == 12
    assert record["schemes"][1]["differences"]["overall_f1"]["value"] == 0.0
    assert metrics["Q4_0"]["lost"] == []
    assert metrics["verdict"] == record["verdict"]
    assert "loses nothing measurable with 12 questions" in record["verdict"]
    assert FakeEngine.opened[-3:] == ["model-F16.gguf", "model-Q8_0.gguf", "model-Q4_0.gguf"]


def test_the_table_has_a_line_for_each_rung_from_the_adapter_down(world):
    job = ladder_job(world())
    ladder.run(job)
    rows = list(csv.DictReader((job.out / ladder.TABLE).read_text().splitlines()))
    assert [row["rung"] for row in rows] == ["adapter", "F16", *SCHEMES]
    assert rows[0]["overall_f1"] == ""
    assert rows[0]["mean_kl"] == "0.001"
    assert float(rows[2]["overall_f1"]) == float(rows[1]["overall_f1"])
    assert (job.out / ladder.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_files_answer_with_the_settings_of_the_report(world):
    made = world(second=b"damaged by rounding")
    FakeEngine.biases.clear()
    ladder.run(ladder_job(made))
    settings = read(made[1]["report"].file("report.json"))["settings"]
    assert settings["refusal_threshold"] != 0.5
    assert len(set(FakeEngine.biases)) == 1
    assert FakeEngine.biases[0] != 0.0


def test_replies_that_the_report_has_are_not_asked_for_again(world):
    made = world()
    FakeEngine.prompts.clear()
    ladder.run(ladder_job(made))
    # One model under three names: the content of all three files is the same.
    assert FakeEngine.prompts == []


def test_a_scheme_that_ships_and_has_lost_is_refused_with_a_better_one(world):
    made = world(second=b"damaged by rounding")
    with pytest.raises(
        IntegrityError, match="Q4_0, which is to ship, has measurably lost"
    ) as c:
        ladder.run(ladder_job(made, scheme="Q4_0"))
    assert "evaluate.scheme to Q8_0" in c.value.hint


def test_a_scheme_that_does_not_ship_may_lose_and_is_named(world):
    job = ladder_job(world(second=b"damaged by rounding"))
    ladder.run(job)
    last = read(job.out / ladder.RECORD)["schemes"][-1]
    assert last["scheme"] == "Q4_0"
    assert "overall_f1" in last["lost"]
    assert read(job.out / ladder.RECORD)["verdict"].startswith("Q8_0 is the smallest")


def test_an_interrupted_ladder_goes_on_where_it_was(world):
    made = world(second=b"damaged by rounding")
    job = ladder_job(made)
    FakeEngine.prompts.clear()
    FakeEngine.breaks_after = 3
    with pytest.raises(ConnectionError):
        ladder.run(job)
    FakeEngine.breaks_after = None
    ladder.run(ladder_job(made, attempt="3"))
    assert len(FakeEngine.prompts) <= 3 + 12


def test_questions_that_cannot_be_read_are_said_first(world):
    job = ladder_job(world())
    assert list(STAGE.check(job.recipe, job.runtime)) == []
    (job.recipe.root / "questions.jsonl").write_bytes(lines([{"id": "q"}]))
    (problem,) = STAGE.check(job.recipe, job.runtime)
    assert problem.startswith("evaluate.questions:")
