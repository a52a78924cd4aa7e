"""Stage evaluate: what it is asked with is checked before any model is loaded."""

import json

import pytest

from evaluated_models import (
    QUESTIONS,
    artifact,
    lines,
    make_chunks,
    make_job,
    make_recipe,
    read,
    row,
)
from fake_engines import NOUNS, FakeEngine
from sfta.core.stage import Runtime
from sfta.stages import evaluate
from sfta_edge.errors import ConfigError


def test_without_a_benchmark_file_the_test_split_is_asked(evaluation_world):
    job = make_job(evaluation_world, questions=None)
    metrics = evaluate.run(job)
    assert metrics["questions"] == 2
    assert read(job.out / "report.json")["settings"]["questions"] == "test split of the dataset"


def test_an_empty_test_split_without_a_benchmark_is_said_plainly(evaluation_world):
    root, inputs = evaluation_world
    empty = {f"{split}.jsonl": b"" for split in ("train", "validation", "test")}
    inputs["dataset"] = artifact(root / "empty", "dataset", empty)
    with pytest.raises(ConfigError, match="test split holds no question"):
        evaluate.run(make_job(evaluation_world, questions=None))


def test_rows_from_a_file_are_measured_with_the_documents_they_brought(evaluation_world):
    root, inputs = evaluation_world
    shared = "chunk-pump"  # a chunk of the file may be one of the index

    def own_id(name):
        return name if name == shared else f"own-{name}"

    brought = [{**c, "id": own_id(c["id"]), "title": "Own"} for c in make_chunks()]

    def own(name, noun, *, held):
        made = row(name, noun, held=held, kind="raft_hf")
        for part in ("context", "quotes"):
            made[part] = [{**e, "chunk_id": own_id(e["chunk_id"])} for e in made[part]]
        return made

    closed = row("t2", "pump", held=True) | {
        "context": [],
        "quotes": [],
        "question": "What colour is the pump today?",
        "completion": "Answer: red",
    }
    inputs["dataset"] = artifact(
        root / "own",
        "dataset",
        {
            "chunks.jsonl": lines(brought),
            "train.jsonl": lines([own("r0", "pump", held=True)]),
            "validation.jsonl": lines(
                [own("v0", NOUNS[0], held=True), own("v1", NOUNS[1], held=False), closed]
            ),
            "test.jsonl": lines(
                [own("t0", "pump", held=True), own("t1", "belt", held=False), closed]
            ),
        },
    )
    job = make_job(evaluation_world, questions=None)
    metrics = evaluate.run(job)
    assert metrics["questions"] == 3
    # The row without documents does not take part: the device never asks without any.
    assert read(job.out / "report.json")["settings"]["calibration_rows"] == 2
    frozen = (job.out / "retrieval.jsonl").read_text("utf-8").splitlines()
    given = {line["id"]: line for line in map(json.loads, frozen)}
    assert given["t0"]["oracle_ids"] == [shared]
    assert [name.startswith("own-") for name in given["t0"]["given"]] == [True, True, False]
    assert given["t2"]["searched"]


def test_pages_that_the_index_does_not_hold_stop_the_evaluation_before_any_model_is_loaded(
    evaluation_world,
):
    root, _ = evaluation_world
    bad = {**QUESTIONS[0], "oracle_pages": [{"document": "gone.pdf", "page": 1}]}
    (root / "questions.jsonl").write_bytes(lines([bad]))
    with pytest.raises(ConfigError, match=r"no document 'gone\.pdf'"):
        evaluate.run(make_job(evaluation_world))
    assert FakeEngine.opened == []


def test_unusable_questions_and_schemes_are_found_before_anything_runs(evaluation_world):
    root, _ = evaluation_world
    (root / "questions.jsonl").write_text("{")
    problems = evaluate.STAGE.check(make_recipe(root, scheme="F16"), Runtime())
    assert [problem.partition(":")[0] for problem in problems] == [
        "evaluate.scheme",
        "evaluate.questions",
    ]
    (root / "questions.jsonl").write_bytes(lines(QUESTIONS))
    assert evaluate.STAGE.check(make_recipe(root), Runtime()) == []
    assert evaluate.STAGE.check(make_recipe(root, questions=None), Runtime()) == []
    missing = evaluate.STAGE.check(make_recipe(root, questions="no.jsonl"), Runtime())
    assert "no benchmark file" in missing[0]


def test_the_key_follows_the_questions_and_the_base_model(evaluation_world):
    root, _ = evaluation_world
    recipe = make_recipe(root)
    before = evaluate.STAGE.external(recipe, Runtime())
    (root / "questions.jsonl").write_bytes(lines(QUESTIONS[1:]))
    after = evaluate.STAGE.external(recipe, Runtime())
    assert before["base"] == after["base"] == "identity of package://fake/model.gguf"
    assert before["questions"] != after["questions"]
    assert "questions" not in evaluate.STAGE.external(
        make_recipe(root, questions=None), Runtime()
    )
