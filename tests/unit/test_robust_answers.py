"""Who answers the variants: the file and settings of the report, and nobody twice."""

from dataclasses import replace

import pytest

from evaluated_models import QUESTIONS, chunk, make_job, read
from fake_engines import COLOURS, NOUNS
from robust_world import ObeyingEngine
from sfta.evaluation.cases import Case
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import Question
from sfta.stages import opened_model
from sfta.stages.robust_answers import ask_variants
from sfta_edge.errors import IntegrityError
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
    from sfta.evaluation.oracles import read_chunks
    from sfta.evaluation.questions import read_questions
    from sfta.stages.benchmark import searched_cases
    from sfta.stages.index import KNOWLEDGE

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
