"""The judge in the stage: asked where the recipe says, its verdicts kept beside the report."""

import json
from dataclasses import replace

import pytest

from evaluated_models import artifact, lines
from fakes import CompletionServer, completion, serving
from judged_arms import CASES, evaluation, good, read_lines
from sfta.core.config import build
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages.evaluation_judge import judge_content, judge_evaluation, judge_problems
from sfta_edge.errors import ToolError

SPLITS = ("train", "validation", "test")
ASKED = evaluation(good, cases=[*CASES[:12], *CASES[-3:]])


def recipe(root, judge, **sections):
    made = build(
        Recipe,
        {
            "name": "pumps",
            "ingest": {"sources": ["docs"]},
            "model": {"base": "base-model"},
            "evaluate": {"judge": judge},
            **sections,
        },
        name="recipe",
    )
    made._root = root
    return made


def job(tmp_path, judge, teacher="extractive", **sections):
    for name in ("out", "work"):
        (tmp_path / name).mkdir(exist_ok=True)
    runtime = Runtime(tmp_path / "runs", tmp_path / "cache")
    made = recipe(tmp_path, judge, **sections)
    rows = {f"{split}.jsonl": lines([{"teacher": teacher}]) for split in SPLITS}
    inputs = {"dataset": artifact(tmp_path / f"rows-{teacher}", "dataset", rows)}
    return Job(made, inputs, tmp_path / "out", tmp_path / "work", runtime)


def endpoint(url="http://127.0.0.1:9/v1", **settings):
    return {"kind": "openai", "base_url": url, "model": "judge", "concurrency": 1, **settings}


def grading(user):
    """Knows right from wrong by comparing the two texts."""
    parts = {
        name: user.partition(f"{name}:\n<<<\n")[2].partition("\n>>>")[0]
        for name in ("Documents", "Accepted answers", "Answer to grade")
    }
    right = parts["Answer to grade"] in parts["Accepted answers"].split("\n")
    return json.dumps({"supported": right, "grade": "correct" if right else "wrong"})


def server(rule=grading):
    return CompletionServer(
        lambda body, _: completion(rule(body["messages"][1]["content"]), tokens=(10, 5))
    )


def test_without_a_judge_nothing_is_asked_and_nothing_written(tmp_path):
    made = job(tmp_path, None)
    assert judge_evaluation(made, ASKED) is None
    assert list((tmp_path / "out").iterdir()) == []
    assert judge_problems(made.recipe) == []
    assert judge_content(made.recipe) == {}


def test_an_endpoint_is_tried_then_asked_with_a_schema_and_its_verdicts_are_kept(tmp_path):
    asked = server()
    with serving(asked) as url:
        found = judge_evaluation(job(tmp_path, endpoint(url)), ASKED)
    assert found["usable"] is True
    assert found["model"] == "judge"
    assert (found["is_the_teacher"], found["is_judged_itself"]) == (False, False)
    assert all(b["temperature"] == 0.0 and b["response_format"] for b in asked.seen)
    verdicts = read_lines(tmp_path / "out" / "judge.jsonl")
    assert {line["arm"] for line in verdicts} == {"base_rag", "raft_rag"}
    assert set(verdicts[0]) == {"id", "arm", "grade", "supported"}
    assert found["usage"]["self_test"]["requests"] > 0
    asked_for = found["usage"]["answers"]
    assert asked_for["requests"] + asked_for["repeated"] == len(verdicts)


def test_verdicts_are_paid_for_once_and_the_report_stays_the_same(tmp_path):
    asked = server()
    with serving(asked) as url:
        first = judge_evaluation(job(tmp_path, endpoint(url)), ASKED)
        paid = len(asked.seen)
        assert judge_evaluation(job(tmp_path, endpoint(url)), ASKED) == first
    assert len(asked.seen) == paid


def test_a_judge_that_agrees_to_everything_is_marked_and_judges_nothing(tmp_path):
    asked = server(lambda _: '{"supported": true, "grade": "correct"}')
    with serving(asked) as url:
        found = judge_evaluation(job(tmp_path, endpoint(url)), ASKED)
    assert found["usable"] is False
    assert (tmp_path / "out" / "judge.jsonl").read_bytes() == b""
    assert "answers" not in found["usage"]


def test_a_judge_that_wrote_the_questions_or_is_judged_itself_is_named_as_such(tmp_path):
    with serving(server()) as url:
        made = job(tmp_path, endpoint(url), teacher="judge")
        assert judge_evaluation(made, ASKED)["is_the_teacher"] is True
        own = job(tmp_path, endpoint(url), model={"base": "judge"})
        assert judge_evaluation(own, ASKED)["is_judged_itself"] is True


def test_an_endpoint_that_refuses_ends_the_stage_and_names_the_setting(tmp_path):
    asked = server()
    asked.answers = [(401, {"error": "no"}, {})] * 99
    with (
        serving(asked) as url,
        pytest.raises(ToolError, match="the judge answered HTTP 401") as failed,
    ):
        judge_evaluation(job(tmp_path, endpoint(url)), ASKED)
    assert "evaluate.judge" in failed.value.hint


def test_a_judge_that_is_not_there_is_found_by_the_check(tmp_path):
    (problem,) = judge_problems(recipe(tmp_path, endpoint()))
    assert problem.startswith("judge: http://127.0.0.1:9/v1 does not answer")
    (problem,) = judge_problems(recipe(tmp_path, {"kind": "gguf", "model": "none.gguf"}))
    assert problem.startswith("evaluate.judge.model: ")


def test_the_content_of_a_judges_file_is_part_of_what_decides(tmp_path):
    made = recipe(tmp_path, {"kind": "gguf", "model": "judge.gguf"})
    assert judge_content(made) == {}
    digests = []
    for content in (b"one", b"other"):
        (tmp_path / "judge.gguf").write_bytes(content)
        digests.append(judge_content(made)["judge"])
    assert digests[0] != digests[1]
    assert judge_problems(made) == []


def test_a_small_model_in_a_file_keeps_to_the_form_and_is_believed_by_its_test_only(
    tmp_path, packaged
):
    pytest.importorskip("llama_cpp")
    judge = {"kind": "gguf", "model": str(packaged), "planted": 4, "context_tokens": 1024,
             "max_output_tokens": 24, "self_test": 0.0, "questions": 1}  # fmt: skip
    few = replace(ASKED, cases=ASKED.cases[:12])
    few = replace(few, arms=[
        replace(arm, replies=arm.replies[:12], judgements=arm.judgements[:12]) for arm in ASKED.arms
    ])  # fmt: skip
    found = judge_evaluation(job(tmp_path, judge), few)
    assert found["self_test"]["unreadable"] == 0
    assert all(line["grade"] for line in read_lines(tmp_path / "out" / "judge.jsonl"))
    assert found["model"] == str(packaged)
