"""Who answers the variants: the file and settings of the report, and nobody twice."""

from dataclasses import replace

import pytest

from evaluated_models import QUESTIONS, artifact, chunk, lines, make_job, read, row
from fake_engines import COLOURS, CONTRACT, NOUNS, FakeEngine
from robust_world import ObeyingEngine
from sfta.evaluation.cases import Case
from sfta.evaluation.oracles import Oracle, read_chunks
from sfta.evaluation.questions import Question, read_questions
from sfta.stages import arm_models, evaluate, opened_model
from sfta.stages.benchmark import searched_cases
from sfta.stages.index import KNOWLEDGE
from sfta.stages.opened_model import NamedModel
from sfta.stages.robust_answers import ask_variants
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import canonical_json

PLACES = {noun: place for place, noun in enumerate(NOUNS)}


def case_of(noun, name, others=()):
    own = chunk(f"chunk-{noun}", f"The {noun} is painted {COLOURS[PLACES[noun]]}. It is new.")
    question = Question(name, f"What colour is the {noun}?", (COLOURS[PLACES[noun]],), True)
    context = (own, *others)
    return Case(question, Oracle((own.id,), "g", "g"), context, context, (own,))


OTHER = chunk("other", "The door stays closed.")


def test_answers_come_in_the_order_of_the_cases(robust_world):
    cases = [case_of(noun, f"a-{noun}") for noun in reversed(NOUNS)]
    result = ask_variants(make_job(robust_world, "2"), "raft_rag", cases)
    assert [reply.id for reply in result.replies] == [case.question.id for case in cases]
    assert [one.answer for one in result.judgements] == list(reversed(COLOURS))


def test_the_same_thing_is_read_once_under_two_names(robust_world):
    cases = [
        case_of("pump", "first"),
        case_of("pump", "second"),
        case_of("pump", "more", [OTHER]),
    ]
    result = ask_variants(make_job(robust_world, "2"), "raft_rag", cases)
    assert len(ObeyingEngine.prompts) == 2
    assert [reply.id for reply in result.replies] == ["first", "second", "more"]
    assert result.replies[0].completion == result.replies[1].completion
    assert result.judgements[0] == result.judgements[1]


def test_another_order_of_the_chunks_is_another_question(robust_world):
    one = case_of("pump", "first", [OTHER])
    turned = replace(
        one, question=replace(one.question, id="second"), retrieved=one.retrieved[::-1]
    )
    result = ask_variants(make_job(robust_world, "2"), "raft_rag", [one, turned])
    assert len(ObeyingEngine.prompts) == 2
    assert [reply.given for reply in result.replies] == [
        ("chunk-pump", "other"), ("other", "chunk-pump"),
    ]  # fmt: skip


def test_the_base_model_is_told_the_form_and_the_trained_one_is_not(robust_world):
    job = make_job(robust_world, "2")
    ask_variants(job, "raft_rag", [case_of("pump", "a")])
    ask_variants(job, "base_rag", [case_of("pump", "a")])
    trained, base = ObeyingEngine.prompts
    assert "For each quote write one line" in base
    assert "For each quote write one line" not in trained


TRAINING = [
    row("r0", "pump", held=True) | {
        "completion": CONTRACT.completion([(3, "The pump is painted red")], "red")
    },
    row("r1", "belt", held=False, kind="near_miss"),
]  # fmt: skip


def world_with_examples(world):
    """The dataset with rows that can be shown as examples."""
    root, inputs = world
    files = {name: inputs["dataset"].file(f"{name}.jsonl").read_bytes()
             for name in ("validation", "test")}  # fmt: skip
    inputs["dataset"] = artifact(
        root / "shown", "dataset",
        {"train.jsonl": lines(TRAINING), **{f"{n}.jsonl": raw for n, raw in files.items()}},
    )  # fmt: skip
    return root, inputs


def compared(monkeypatch, root, *, trained=True):
    """A model of `evaluate.models`, and the paths that it was asked for by."""
    other = root / "other.gguf"
    other.write_bytes(b"trained")
    asked = []

    def named_model(recipe, runtime, path):
        asked.append(path)
        return NamedModel(other, CONTRACT, trained)

    monkeypatch.setattr(arm_models, "named_model", named_model)
    return asked


def test_examples_stand_before_the_question_of_an_arm_that_has_them(robust_world):
    job = make_job(world_with_examples(robust_world), "2")
    ask_variants(job, "base_few_shot", [case_of("pump", "a")])
    ask_variants(job, "raft_few_shot", [case_of("pump", "a")])
    base, trained = ObeyingEngine.prompts
    for prompt in (base, trained):
        assert prompt.index("Example 1") < prompt.index("Example 2") < prompt.rindex("[1] ")
    assert "For each quote write one line" in base
    assert "For each quote write one line" not in trained


def test_an_arm_is_asked_as_in_the_report(robust_world):
    world = world_with_examples(robust_world)
    report = make_job(world, "report-2", arms=["base_rag", "raft_rag", "base_few_shot"])
    evaluate.run(report)
    asked = len(ObeyingEngine.prompts)
    chunks = {c.id: c for c in read_chunks(report.inputs["index"].file(KNOWLEDGE))}
    questions = read_questions(world[0] / "questions.jsonl")
    cases = searched_cases(report.inputs["index"].path, questions, chunks, report.recipe)
    ask_variants(make_job(world, "2"), "base_few_shot", cases)
    assert len(ObeyingEngine.prompts) == asked


def test_examples_without_room_are_refused(robust_world, monkeypatch):
    class Narrow(ObeyingEngine):
        def __init__(self, model, *, context_tokens):
            super().__init__(model, context_tokens=64)

    monkeypatch.setattr(opened_model, "Engine", Narrow)
    job = make_job(world_with_examples(robust_world), "2")
    with pytest.raises(ConfigError, match="the examples take"):
        ask_variants(job, "base_few_shot", [case_of("pump", "a")])


def test_a_model_that_is_no_file_is_not_taken_for_the_base_model(robust_world):
    endpoint = {"kind": "openai", "base_url": "http://localhost:1/v1", "model": "large"}
    arms = ["base_rag", "raft_rag", "llm_rag"]
    job = make_job(robust_world, "2", models={"llm": endpoint}, arms=arms)
    with pytest.raises(ConfigError, match="llm is no model in a file"):
        ask_variants(job, "llm_rag", [case_of("pump", "a")])
    assert ObeyingEngine.prompts == []


def test_a_dataset_without_examples_is_said(robust_world):
    with pytest.raises(ConfigError, match="no training row can serve as an example"):
        ask_variants(make_job(robust_world, "2"), "base_few_shot", [case_of("pump", "a")])


def test_a_model_of_the_recipe_is_asked_under_its_own_name(robust_world, monkeypatch):
    asked = compared(monkeypatch, robust_world[0])
    models = {"sft": {"kind": "file", "path": "elsewhere", "label": "Plain SFT"}}
    job = make_job(robust_world, "2", models=models, arms=["base_rag", "raft_rag", "sft_rag"])
    ObeyingEngine.biases.clear()
    result = ask_variants(job, "sft_rag", [case_of("pump", "a")])
    assert asked == ["elsewhere"]
    assert result.arm.label == "Plain SFT + retrieval"
    assert ObeyingEngine.biases == [0.0], "nothing was fitted for it"


def test_a_model_that_answers_as_raft_does_is_fitted_as_in_the_report(
    robust_world, monkeypatch
):
    compared(monkeypatch, robust_world[0])
    # The engine that the report was made with: the other one needs no fit.
    monkeypatch.setattr(opened_model, "Engine", FakeEngine)
    models = {"twin": {"kind": "file", "path": "twin.gguf", "choose_quotes": True}}
    job = make_job(robust_world, "2", models=models, arms=["base_rag", "raft_rag", "twin_rag"])
    ask_variants(job, "raft_rag", [case_of("pump", "a")])
    trained = FakeEngine.biases[-1]
    ask_variants(job, "twin_rag", [case_of("belt", "a")])
    assert FakeEngine.biases[-1] == trained != 0.0


def test_nothing_that_was_fitted_is_used_for_the_base_model(robust_world):
    ObeyingEngine.biases.clear()
    job = make_job(robust_world, "2")
    ask_variants(job, "base_rag", [case_of("pump", "a")])
    ask_variants(job, "raft_rag", [case_of("pump", "a")])
    base, trained = ObeyingEngine.biases
    assert base == 0.0
    assert trained != 0.0


def test_the_file_is_the_one_that_the_report_has_measured(robust_world):
    ObeyingEngine.opened.clear()
    job = make_job(robust_world, "2")
    ask_variants(job, "raft_rag", [case_of("pump", "a")])
    ask_variants(job, "base_rag", [case_of("pump", "a")])
    assert ObeyingEngine.opened == ["model-Q8_0.gguf", "base.gguf"]


def test_what_the_report_has_asked_is_not_asked_again(robust_world):
    root, inputs = robust_world
    job = make_job(robust_world, "2")
    chunks = {c.id: c for c in read_chunks(inputs["index"].file(KNOWLEDGE))}
    questions = read_questions(root / "questions.jsonl")
    cases = searched_cases(inputs["index"].path, questions, chunks, job.recipe)
    result = ask_variants(job, "raft_rag", cases)
    assert len(result.replies) == len(QUESTIONS)
    # Asked by another engine than this one, under the same identity.
    assert ObeyingEngine.prompts == []


def test_a_report_that_does_not_say_how_to_answer_is_refused(robust_world):
    job = make_job(robust_world, "2")
    path = job.inputs["report"].path / "report.json"
    report = read(path)
    del report["settings"]["refusal_threshold"]
    path.write_bytes(canonical_json(report))
    with pytest.raises(IntegrityError, match="does not say how the device is to answer"):
        ask_variants(job, "raft_rag", [case_of("pump", "a")])


def test_a_window_of_no_stated_length_is_that_of_the_engine(robust_world, monkeypatch):
    opened = []

    class Noting(ObeyingEngine):
        def __init__(self, model, *, context_tokens):
            opened.append(context_tokens)
            super().__init__(model, context_tokens=context_tokens)

    monkeypatch.setattr(opened_model, "Engine", Noting)
    ask_variants(make_job(robust_world, "2"), "raft_rag", [case_of("pump", "a")])
    assert opened == [4096]
