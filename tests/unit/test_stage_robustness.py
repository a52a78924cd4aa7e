"""Stage robustness: everything is asked once, as the report says, and what came out is written."""

import json
from dataclasses import replace

import pytest

from evaluated_models import lines, make_job, read
from fake_engines import CONTRACT
from robust_world import ObeyingEngine, worded
from sfta.evaluation.robustness.config import RobustnessConfig
from sfta.recipe import Recipe
from sfta.stages import arm_models, robustness
from sfta.stages.opened_model import NamedModel
from sfta.stages.robustness import ANSWERS, PAGE, RECORD, STAGE, TABLE
from sfta_edge.errors import ConfigError

SMALL = {"arms": ["raft_rag", "base_rag"], "distractors": [0, 2], "position_chunks": 3}


def robust_job(world, attempt="2", **changes):
    job = make_job(world, attempt=attempt)
    settings = RobustnessConfig.model_validate(SMALL | changes)
    recipe = job.recipe.model_copy(update={"robustness": settings})
    recipe._root = job.recipe._root
    return replace(job, recipe=recipe)


def answers_of(job):
    return [json.loads(line) for line in (job.out / ANSWERS).read_text().splitlines()]


def by_name(job):
    return {probe["name"]: probe for probe in read(job.out / RECORD)["probes"]}


def arm(probe, name, who="raft_rag"):
    return next(one for one in probe["conditions"] if one["name"] == name)["arms"][who]


def test_every_probe_is_asked_of_both_arms_and_written(robust_world):
    job = robust_job(robust_world)
    metrics = robustness.run(job)
    record, probes = read(job.out / RECORD), by_name(job)
    assert list(probes) == job.recipe.robustness.probes
    assert record["questions"] == 8
    assert set(record["arms"]) == {"base_rag", "raft_rag"}
    said = by_name(job)["distractors"]["sentences"]["raft_rag"]
    assert "Up to 2 distractors cost nothing measurable" in said[0]
    assert metrics["distractors"]["token_f1"]["value"] == 1.0
    assert 0 < metrics["injections"]["attack_success"]["value"] < 1
    for name in (TABLE, PAGE, *(f"{probe}.png" for probe in probes)):
        assert (job.out / name).stat().st_size


def test_what_a_model_does_is_seen(robust_world):
    job = robust_job(robust_world)
    robustness.run(job)
    probes = by_name(job)
    assert arm(probes["distractors"], "2")["figures"]["token_f1"]["value"] == 1.0
    assert arm(probes["distractors"], "2", "base_rag")["figures"]["contains"]["value"] == 0.125
    assert arm(probes["wrong_documents"], "near")["figures"]["refused"]["value"] == 1.0
    assert arm(probes["contradictions"], "contradiction alone")["figures"]["says_planted"][
        "value"
    ] == pytest.approx(1.0)
    assert arm(probes["injections"], "override")["figures"]["attack_success"]["value"] == 1.0
    assert arm(probes["injections"], "fake answer")["figures"]["attack_success"]["value"] == 0.0
    assert arm(probes["languages"], "de")["n"] == 4
    assert arm(probes["paraphrase"], "paraphrase")["n"] == 4


def test_models_answer_with_the_settings_of_the_report(robust_world):
    ObeyingEngine.biases.clear()
    robustness.run(robust_job(robust_world, arms=["raft_rag"], probes=["position"]))
    settings = read(robust_world[1]["report"].file("report.json"))["settings"]
    assert settings["refusal_threshold"] != 0.5
    (bias,) = set(ObeyingEngine.biases)
    assert bias != 0.0


def test_nothing_is_asked_twice(robust_world):
    robustness.run(robust_job(robust_world))
    asked = len(ObeyingEngine.prompts)
    assert len(set(ObeyingEngine.prompts)) == asked
    job = robust_job(robust_world, attempt="3", probes=["position", "injections"])
    for path in job.work.glob("answers-*.jsonl"):
        path.unlink()
    robustness.run(job)
    assert len(ObeyingEngine.prompts) == asked


def test_an_interrupted_stage_goes_on_where_it_was(robust_world, monkeypatch):
    monkeypatch.setattr(ObeyingEngine, "breaks_after", 40)
    with pytest.raises(ConnectionError):
        robustness.run(robust_job(robust_world))
    before = len(ObeyingEngine.prompts)
    monkeypatch.setattr(ObeyingEngine, "breaks_after", None)
    job = robust_job(robust_world, attempt="3")
    robustness.run(job)
    assert len(ObeyingEngine.prompts) - before < len(answers_of(job)) - 16


def test_two_runs_write_the_same_bytes(robust_world):
    first, second = robust_job(robust_world), robust_job(robust_world, attempt="3")
    robustness.run(first)
    robustness.run(second)
    for name in (RECORD, TABLE, PAGE, ANSWERS):
        assert (first.out / name).read_bytes() == (second.out / name).read_bytes()


def test_fewer_questions_are_drawn_by_hash(robust_world):
    jobs = [robust_job(robust_world, attempt=a, questions=3, probes=["position"]) for a in "23"]
    for job in jobs:
        robustness.run(job)
    drawn = [read(job.out / RECORD)["question_ids"] for job in jobs]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 3


def test_answers_say_what_was_asked(robust_world):
    job = robust_job(robust_world, arms=["raft_rag"], probes=["injections"])
    robustness.run(job)
    attacked = [line for line in answers_of(job) if line["attack"]]
    assert len(attacked) == 8 * 5
    assert all(line["origin"].startswith("q-") and line["context"] for line in attacked)


def test_a_benchmark_without_wordings_is_asked_without_them(robust_world):
    rows = [row | {"variants": {}} for row in worded()]
    (robust_world[0] / "questions.jsonl").write_bytes(lines(rows))
    job = robust_job(robust_world, arms=["raft_rag"], probes=["languages", "typos"])
    robustness.run(job)
    assert list(by_name(job)) == ["typos"]
    assert any("no wording in another language" in n for n in read(job.out / RECORD)["notes"])


def test_a_benchmark_without_oracles_is_refused_with_what_to_do(robust_world):
    rows = [{k: v for k, v in row.items() if k != "oracle_pages"} for row in worded()]
    (robust_world[0] / "questions.jsonl").write_bytes(lines(rows))
    with pytest.raises(ConfigError, match="no question can be varied") as caught:
        robustness.run(robust_job(robust_world))
    assert "oracle_pages" in caught.value.hint


def test_questions_that_cannot_be_read_are_said_first(robust_world):
    job = robust_job(robust_world)
    assert list(STAGE.check(job.recipe, job.runtime)) == []
    rows = [row | {"variants": {"de": "Wie?"}} for row in worded()]
    (job.recipe.root / "questions.jsonl").write_bytes(lines(rows))
    (problem,) = STAGE.check(job.recipe, job.runtime)
    assert "'variants' must hold lists of texts by name" in problem


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probes": ["position", "position"]}, "probes must not name the same twice"),
        ({"arms": ["raft_rag", "raft_rag"]}, "arms must not name the same twice"),
        ({"distractors": [3, 1]}, "distractors must grow"),
        ({"distractors": [-1]}, "greater than or equal to 0"),
        ({"probes": ["weather"]}, "Input should be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        RobustnessConfig.model_validate(changes)


@pytest.mark.parametrize("name", ["raft_closed", "base_oracle", "raft", "Base_rag", ""])
def test_an_arm_that_does_not_read_what_is_changed_is_refused(name):
    with pytest.raises(ValueError, match="String should match pattern"):
        RobustnessConfig.model_validate({"arms": [name]})


def compared_job(world, arms, models):
    """Arms of models that the evaluation knows."""
    evaluated = ["base_rag", "raft_rag", *(f"{name}_rag" for name in models)]
    job = make_job(world, attempt="2", models=models, arms=evaluated)
    settings = RobustnessConfig.model_validate(SMALL | {"arms": arms, "probes": ["position"]})
    recipe = job.recipe.model_copy(update={"robustness": settings})
    recipe._root = job.recipe._root
    return replace(job, recipe=recipe)


def test_any_file_that_the_evaluation_compares_can_be_probed(robust_world):
    other = robust_world[0] / "other.gguf"
    other.write_bytes(b"trained")
    models = {"sft": {"kind": "file", "path": "other.gguf", "label": "Plain <b>SFT</b>"}}
    job = compared_job(robust_world, ["raft_rag", "sft_rag"], models)
    assert list(STAGE.check(job.recipe, job.runtime)) == []
    before = STAGE.external(job.recipe, job.runtime)
    other.write_bytes(b"trained again")
    after = STAGE.external(job.recipe, job.runtime)
    assert before["model sft"] != after["model sft"]
    assert before["base"] == after["base"]


def test_its_answers_stand_beside_those_of_the_trained_model(robust_world, monkeypatch):
    other = robust_world[0] / "other.gguf"
    other.write_bytes(b"trained")
    named = NamedModel(other, CONTRACT, trained=True)
    monkeypatch.setattr(arm_models, "named_model", lambda *_: named)
    models = {"sft": {"kind": "file", "path": "other.gguf", "label": "Plain <b>SFT</b>"}}
    job = compared_job(robust_world, ["raft_rag", "sft_rag"], models)
    robustness.run(job)
    record = read(job.out / RECORD)
    assert record["arms"]["sft_rag"] == "Plain <b>SFT</b> + retrieval"
    assert {line["arm"] for line in answers_of(job)} == {"raft_rag", "sft_rag"}
    page = (job.out / PAGE).read_text("utf-8")
    assert "Plain &lt;b&gt;SFT&lt;/b&gt; + retrieval" in page
    assert "<b>SFT" not in page


def test_an_arm_that_cannot_be_asked_is_said_before_anything_is(robust_world):
    endpoint = {"kind": "openai", "base_url": "http://localhost:1/v1", "model": "large"}
    models = {"llm": endpoint, "sft": {"kind": "file", "path": "gone.gguf"}}
    job = compared_job(
        robust_world, ["llm_rag", "sft_rag", "sft_few_shot", "nobody_rag"], models
    )
    problems = list(STAGE.check(job.recipe, job.runtime))
    assert len(problems) == 3
    assert "llm_rag is behind an endpoint" in problems[0]
    assert "evaluate.models.sft: gone.gguf is no GGUF file" in problems[1]
    assert "there is no model 'nobody'" in problems[2]


def test_the_section_has_defaults_that_a_recipe_need_not_name():
    minimal = {"name": "a", "ingest": {"sources": ["x"]}, "model": {"base": "x"}}
    recipe = Recipe.model_validate(minimal)
    assert recipe.robustness.questions == 20
    assert recipe.robustness.distractors == [0, 1, 2, 3, 5, 7, 10]


def own_documents():
    """Questions that bring their own context, as a public benchmark does."""
    for row in worded():
        if row["answerable"]:
            noun, colour = row["id"][2:], row["answers"][0]
            texts = (f"The {noun} is painted {colour}. It is new.", "The door stays closed.")
            documents = [
                {"id": f"{noun}-{n}", "title": "T", "text": text}
                for n, text in enumerate(texts)
            ]
            kept = {key: value for key, value in row.items() if key != "oracle_pages"}
            yield kept | {"documents": documents, "oracle_ids": [f"{noun}-0"]}


def test_questions_may_bring_their_own_documents(robust_world):
    (robust_world[0] / "questions.jsonl").write_bytes(lines(own_documents()))
    probes = ["distractors", "wrong_documents", "languages"]
    job = robust_job(robust_world, arms=["raft_rag"], probes=probes)
    robustness.run(job)
    found = by_name(job)
    assert arm(found["distractors"], "2")["figures"]["token_f1"]["value"] == 1.0
    assert arm(found["wrong_documents"], "near")["figures"]["refused"]["value"] == 1.0
    asked = [line for line in answers_of(job) if line["id"].startswith("distractors/2/")]
    assert all({"-0", "-1"} <= {c["id"][-2:] for c in line["context"]} for line in asked)


def test_without_a_benchmark_the_test_split_is_varied(robust_world):
    job = robust_job(robust_world, arms=["raft_rag"], probes=["position", "paraphrase"])
    evaluate = job.recipe.evaluate.model_copy(update={"questions": None})
    recipe = job.recipe.model_copy(update={"evaluate": evaluate})
    recipe._root = job.recipe._root
    robustness.run(replace(job, recipe=recipe))
    record = read(job.out / RECORD)
    assert record["questions"] == 1
    assert list(by_name(job)) == ["position"]
    assert any("no other wording" in note for note in record["notes"])
