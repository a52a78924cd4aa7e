"""Arms of the evaluation beyond base and trained model: examples, other models, endpoints."""

import json

import pytest

from evaluated_models import QUESTIONS, lines, make_job, read
from fake_engines import CONTRACT, REFUSAL, FakeEngine
from fakes import CompletionServer, completion, serving
from sfta.evaluation.forgetting import general_questions
from sfta.evaluation.prompting import told
from sfta.stages import arm_models, evaluate
from sfta.stages.opened_model import NamedModel
from sfta_edge.errors import ConfigError, ToolError

BOTH = ["base_rag", "raft_rag"]


def answers_of(job, arm):
    found = map(json.loads, (job.out / "answers.jsonl").read_text().splitlines())
    return {line["id"]: line for line in found if line["arm"] == arm}


def endpoint(url, **more):
    return {"kind": "openai", "base_url": url, "model": "big", "attempts": 1, **more}


def test_a_model_that_was_not_trained_is_told_the_form_and_the_trained_one_is_not(
    evaluation_world,
):
    evaluate.run(make_job(evaluation_world))
    form = told(CONTRACT).system.removeprefix(CONTRACT.system)
    with_form = [form in prompt for prompt in FakeEngine.prompts]
    assert any(with_form)
    assert not all(with_form)


def test_examples_come_from_the_training_rows_and_from_no_other(evaluation_world):
    job = make_job(evaluation_world, arms=[*BOTH, "base_few_shot"], few_shot=2)
    rows = job.inputs["dataset"].file("train.jsonl").read_bytes()
    first = json.loads(rows)
    first["completion"] = '[3] "The pump is painted red"\nAnswer: red'
    job.inputs["dataset"].file("train.jsonl").write_bytes(lines([first]))
    evaluate.run(job)
    shown = [prompt for prompt in FakeEngine.prompts if "Example 1" in prompt]
    examples = {prompt.partition("Example 1")[2].partition("<u>")[0] for prompt in shown}
    assert len(shown) >= len(QUESTIONS)
    assert len(examples) == 1, "all questions see the same examples"
    assert "What colour is the pump?" in examples.pop()
    assert read(job.out / "report.json")["arms"]["base_few_shot"]["label"] == (
        "Base model + retrieval, examples"
    )


def test_without_a_usable_training_row_there_is_no_arm_with_examples(evaluation_world):
    job = make_job(evaluation_world, arms=[*BOTH, "base_few_shot"])
    job.inputs["dataset"].file("train.jsonl").write_bytes(b"")
    with pytest.raises(ConfigError, match="no training row can serve as an example"):
        evaluate.run(job)
    assert FakeEngine.prompts == [], "nothing is asked before"


def test_examples_that_leave_no_room_for_the_question_are_refused(evaluation_world):
    job = make_job(evaluation_world, arms=[*BOTH, "base_few_shot"], context_tokens=700)
    first = json.loads(job.inputs["dataset"].file("train.jsonl").read_bytes())
    first["completion"] = '[3] "The pump is painted red"\nAnswer: red'
    job.inputs["dataset"].file("train.jsonl").write_bytes(lines([first]))
    with pytest.raises(ConfigError, match=r"the examples take \d+ of 700 tokens") as error:
        evaluate.run(job)
    assert "evaluate.few_shot" in error.value.hint


def test_without_documents_an_untrained_model_is_not_told_of_documents(evaluation_world):
    job = make_job(evaluation_world, arms=[*BOTH, "base_closed", "raft_closed"])
    evaluate.run(job)
    closed = [prompt for prompt in FakeEngine.prompts if "[1]" not in prompt]
    systems = {prompt.partition("<u>")[0].removeprefix("<s>") for prompt in closed}
    assert systems == {job.recipe.evaluate.closed_system, CONTRACT.system}


def test_another_model_is_an_arm_under_its_own_name(evaluation_world, monkeypatch):
    root, _ = evaluation_world
    other = root / "other.gguf"
    other.write_bytes(b"trained")
    asked = []

    def named_model(recipe, runtime, path):
        asked.append(path)
        return NamedModel(other, CONTRACT, trained=True)

    monkeypatch.setattr(arm_models, "named_model", named_model)
    job = make_job(
        evaluation_world,
        arms=[*BOTH, "sft_rag", "sft_closed"],
        models={"sft": {"kind": "file", "path": "elsewhere", "label": "Plain SFT"}},
    )
    evaluate.run(job)
    arms = read(job.out / "report.json")["arms"]
    assert asked == ["elsewhere"]
    assert arms["sft_rag"]["label"] == "Plain SFT + retrieval"
    assert arms["sft_closed"]["label"] == "Plain SFT, no documents"
    settings = read(job.out / "report.json")["settings"]
    assert arms["sft_rag"]["metrics"] != arms["raft_rag"]["metrics"], "nothing was fitted"
    assert settings["refusal_threshold"] != 0.5, (
        "what is fitted belongs to the model that ships"
    )


def test_a_model_that_answers_as_raft_does_is_fitted_like_the_trained_one(
    evaluation_world, monkeypatch
):
    root, _ = evaluation_world
    other = root / "other.gguf"
    other.write_bytes(b"trained")
    named = NamedModel(other, CONTRACT, trained=True)
    monkeypatch.setattr(arm_models, "named_model", lambda *_: named)
    job = make_job(
        evaluation_world,
        arms=[*BOTH, "twin_rag"],
        models={"twin": {"kind": "file", "path": "twin.gguf", "choose_quotes": True}},
    )
    evaluate.run(job)
    arms = read(job.out / "report.json")["arms"]
    assert arms["twin_rag"]["metrics"] == arms["raft_rag"]["metrics"]


@pytest.fixture
def large():
    """An endpoint that answers every question with the same quote."""
    server = CompletionServer(
        lambda body, _: completion('[1] "is painted"\nAnswer: red', tokens=(100, 20))
    )
    with serving(server) as url:
        yield server, url


def test_a_large_model_answers_from_the_same_chunks_and_is_paid_for_once(
    evaluation_world, large
):
    server, url = large
    price = {"prompt": 1.0, "completion": 10.0, "currency": "EUR"}
    settings = {
        "arms": [*BOTH, "llm_rag"],
        "models": {"llm": endpoint(url, price=price, label="Large model")},
    }
    job = make_job(evaluation_world, **settings)
    evaluate.run(job)
    found = answers_of(job, "llm_rag")
    assert {name: line["context"] for name, line in found.items()} == {
        name: line["context"] for name, line in answers_of(job, "raft_rag").items()
    }
    assert found["q-pump"]["right"] is True
    assert found["q-valve"]["right"] is False
    asked = len(server.seen)
    system = server.seen[0]["messages"][0]["content"]
    assert system == told(CONTRACT).system
    again = make_job(evaluation_world, attempt="2", **settings)
    evaluate.run(again)
    assert len(server.seen) == asked, "replies of the first run are used"
    assert answers_of(again, "llm_rag") == found


def test_a_large_model_may_see_examples_or_no_documents(evaluation_world, large):
    server, url = large
    job = make_job(evaluation_world, arms=[*BOTH, "llm_closed"], models={"llm": endpoint(url)})
    evaluate.run(job)
    users = [body["messages"][1]["content"] for body in server.seen]
    assert all(user.startswith("Question: ") for user in users)
    assert server.seen[0]["messages"][0]["content"] == job.recipe.evaluate.closed_system


def test_a_question_that_a_filter_blocks_is_counted_and_is_no_answer(evaluation_world):
    server = CompletionServer(lambda body, _: completion("Answer: red"))
    server.answers = [(400, {"error": {"code": "content_filter"}}, {})]
    with serving(server) as url:
        job = make_job(
            evaluation_world,
            arms=[*BOTH, "llm_rag"],
            models={"llm": endpoint(url, concurrency=1)},
        )
        evaluate.run(job)
    report = read(job.out / "report.json")
    assert "llm + retrieval: 1 questions have no answer (filtered 1)." in report["warnings"]
    empty = [line for line in answers_of(job, "llm_rag").values() if not line["completion"]]
    assert len(empty) == 1
    assert not empty[0]["right"]


def test_an_endpoint_that_fails_ends_the_stage_and_names_the_setting(evaluation_world):
    server = CompletionServer(lambda body, _: {"error": "?"})
    server.answers = [(404, {"error": "no such model"}, {})] * 20
    with serving(server) as url:
        job = make_job(evaluation_world, arms=[*BOTH, "llm_rag"], models={"llm": endpoint(url)})
        with pytest.raises(ToolError, match="HTTP 404") as error:
            evaluate.run(job)
    assert "evaluate.models.llm" in error.value.hint


def test_what_cannot_be_asked_is_found_before_anything_runs(evaluation_world):
    with serving(CompletionServer()) as url:
        dead = url
    job = make_job(
        evaluation_world,
        arms=[*BOTH, "llm_rag", "sft_rag"],
        models={"llm": endpoint(dead), "sft": {"kind": "file", "path": "nowhere.gguf"}},
    )
    problems = evaluate.STAGE.check(job.recipe, job.runtime)
    assert any("evaluate.models.llm" in line and "does not answer" in line for line in problems)
    assert any("evaluate.models.sft: nowhere.gguf is no GGUF file" in line for line in problems)


def test_the_identity_of_another_model_is_part_of_the_key(evaluation_world):
    root, _ = evaluation_world
    (root / "m.gguf").write_bytes(b"one")
    job = make_job(
        evaluation_world,
        arms=[*BOTH, "m_rag"],
        models={"m": {"kind": "file", "path": "m.gguf"}},
    )
    before = evaluate.STAGE.external(job.recipe, job.runtime)
    (root / "m.gguf").write_bytes(b"two")
    assert evaluate.STAGE.external(job.recipe, job.runtime) != before


def test_nothing_is_asked_of_an_endpoint_where_the_search_finds_nothing(
    evaluation_world, large
):
    _, url = large
    job = make_job(evaluation_world, arms=[*BOTH, "llm_oracle"], models={"llm": endpoint(url)})
    evaluate.run(job)
    for line in answers_of(job, "llm_oracle").values():
        assert line["context"] or line["completion"] == REFUSAL


def test_general_questions_are_asked_plainly_of_both_models_and_compared(evaluation_world):
    job = make_job(evaluation_world, general_questions=True)
    evaluate.run(job)
    found = read(job.out / "report.json")["forgetting"]
    assert found["questions"] == len(general_questions())
    assert found["sentence"]
    general = [prompt for prompt in FakeEngine.prompts if "capital of France" in prompt]
    assert len(general) == 2
    assert not any(
        CONTRACT.refusal in prompt or CONTRACT.system in prompt for prompt in general
    )


def test_a_report_tells_cosine_with_its_floors_and_perplexity_where_it_is_asked_for(
    evaluation_world,
):
    job = make_job(evaluation_world, perplexity_questions=2)
    evaluate.run(job)
    report = read(job.out / "report.json")
    assert set(report["cosine"]["arms"]) == set(BOTH)
    assert report["perplexity"]["arms"]["raft_rag"]["n"] == 2
    assert set(report["perplexity"]["documents"]) == {"base", "raft"}
    assert "Perplexity" in (job.out / "report.html").read_text()


def test_what_an_endpoint_costs_stands_in_the_timings(evaluation_world, large):
    _, url = large
    price = {"prompt": 1.0, "completion": 10.0, "currency": "EUR"}
    job = make_job(
        evaluation_world, arms=[*BOTH, "llm_rag"], models={"llm": endpoint(url, price=price)}
    )
    evaluate.run(job)
    costs = read(job.out / "timings.json")["costs"]["llm_rag"]
    assert (costs["tokens_in"], costs["tokens_out"]) == (100_000, 20_000)
    assert costs["money"] == pytest.approx((100 * 1.0 + 20 * 10.0) / 1e6 * 1000)
    assert costs["currency"] == "EUR"
