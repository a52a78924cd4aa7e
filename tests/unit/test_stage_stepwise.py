"""A teacher asked in two steps: who is asked what, what comes of it, what it would cost."""

import json

import pytest

from fakes import CompletionServer, completion, serving
from sfta.core.artifact import Artifact, writing
from sfta.core.config import build
from sfta.core.stage import Runtime
from sfta.raft.candidate import Funnel
from sfta.raft.corpus import CorpusChunk
from sfta.raft.stepwise import NO_ANSWER
from sfta.recipe import Recipe
from sfta.stages import stepwise
from sfta.stages.teacher_estimate import estimate_asking
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json

CHUNKS = [
    CorpusChunk(f"c{n}", f"d{n // 3}", "Manual", 1, 0, 40, "Data", f"Pump {n} weighs {n}5 kg.")
    for n in range(6)
]


def recipe(url="http://127.0.0.1:9/v1", budget=None, questions=None, **teacher):
    settings = {
        "name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": "x"},
        "generate": {
            "teacher": {"kind": "openai", "base_url": url, "model": "m", "attempts": 1, **teacher},
            "questions": {"answered": "separately", **(questions or {})},
            "budget": budget or {},
        },
    }  # fmt: skip
    return build(Recipe, settings, name="recipe")


def replied(body, _number):
    """Two questions on a chunk, of which the chunk answers the first."""
    user = body["messages"][1]["content"]
    text = user.split("<<<\n")[1].split("\n>>>")[0]
    pump = text.split()[1]
    if "Question: " not in user:
        asked = [f"How heavy is pump {pump}?", f"How fast is pump {pump}?"]
        return completion(json.dumps({"questions": asked}), tokens=(80, 20))
    given = text.split(" weighs ")[1] if "heavy" in user.split("Question: ")[1] else ""
    reply = {"quote": text if given else "", "answer": given}
    return completion(json.dumps(reply), tokens=(60, 10))


def ask(settings, cache, chunks=CHUNKS):
    funnel = Funnel()
    teacher = settings.generate.teacher
    found = stepwise.stepwise_candidates(
        chunks, settings, teacher, Runtime(cache=cache), funnel
    )
    return found, funnel


def test_every_question_is_answered_alone_and_comes_in_the_order_of_the_chunks(tmp_path):
    server = CompletionServer(replied)
    with serving(server) as url:
        found, funnel = ask(recipe(url), tmp_path)
    assert [(c.chunk_id, c.answerable) for c in found] == [
        (chunk.id, answerable) for chunk in CHUNKS for answerable in (True, False)
    ]
    assert len(server.seen) == 6 + 12
    note = funnel.notes["teacher"]
    assert (note["chunks"], note["questions"], note["questions_with_answers"]) == (6, 12, 12)
    assert note["prompt_tokens"] == 6 * 80 + 12 * 60


def test_nothing_is_paid_for_twice_and_the_second_run_says_the_same(tmp_path):
    server = CompletionServer(replied)
    with serving(server) as url:
        first, funnel = ask(recipe(url), tmp_path)
        again, second = ask(recipe(url), tmp_path)
    assert (first, funnel.notes) == (again, second.notes)
    assert len(server.seen) == 18
    assert (funnel.facts["from_disk"], second.facts["from_disk"]) == (0, 18)


@pytest.mark.parametrize(
    ("text", "finish", "why"),
    [("no JSON", "stop", "unreadable"), ("", "content_filter", "filtered"),
     ('{"quote": "x', "length", "cut")],
)  # fmt: skip
def test_a_question_without_an_answer_is_kept_with_its_reason(tmp_path, text, finish, why):
    def broken(body, number):
        asks = "Question: " not in body["messages"][1]["content"]
        return replied(body, number) if asks else completion(text, finish)

    with serving(CompletionServer(broken)) as url:
        found, funnel = ask(recipe(url), tmp_path, CHUNKS[:1])
    assert found == []
    assert [(r.candidate.question, r.reason) for r in funnel.rejected] == [
        ("How heavy is pump 0?", NO_ANSWER), ("How fast is pump 0?", NO_ANSWER)]  # fmt: skip
    assert funnel.entered == 2
    assert funnel.notes["teacher"]["questions_without"] == {why: 2}


def test_a_chunk_whose_questions_cannot_be_read_is_kept_with_its_reply(tmp_path):
    with serving(CompletionServer(lambda *_: completion("I cannot."))) as url:
        found, funnel = ask(recipe(url), tmp_path, CHUNKS[:2])
    assert found == []
    assert [r.reason for r in funnel.rejected] == ["unreadable reply"] * 2
    assert funnel.notes["teacher"]["chunks_without"] == {"unreadable": 2}


def test_a_budget_that_ends_leaves_no_question_of_earlier_chunks_without_answer(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(stepwise, "_TOGETHER", 2)
    with serving(CompletionServer(replied)) as url:
        # Two chunks cost 2 * 100 + 4 * 70 tokens; a request is let in by its worst case.
        settings = recipe(url, {"tokens": 1650}, max_output_tokens=40, concurrency=1)
        found, funnel = ask(settings, tmp_path)
    note = funnel.notes["teacher"]
    assert note["stopped_by"] == "tokens"
    assert 0 < len(found) < 12
    assert note["prompt_tokens"] + note["completion_tokens"] <= 1650
    answered = {c.chunk_id for c in found}
    lost = {r.candidate.chunk_id for r in funnel.rejected}
    assert len(lost - answered) <= 2
    assert note["chunks_without"]["not_asked"] >= 6 - len(answered | lost)


def test_an_estimate_counts_both_steps_and_becomes_exact_as_questions_come_in(tmp_path):
    with writing(tmp_path / "corpus", "corpus", {}) as out:
        lines = [canonical_json({n: getattr(c, n) for n in c.__slots__}) for c in CHUNKS]
        (out / "chunks.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    corpus = Artifact.open(tmp_path / "corpus")
    with serving(CompletionServer(replied)) as url:
        settings = recipe(url, questions_per_chunk=3, unanswerable_per_chunk=1)
        before = estimate_asking(settings, corpus, tmp_path / "cache")
        ask(settings, tmp_path / "cache", CHUNKS[:4])
        after = estimate_asking(settings, corpus, tmp_path / "cache")
    assert (before.calls, before.on_disk) == (6 * (1 + 4), 0)
    assert (after.calls, after.on_disk) == (2 * (1 + 4), 4 * (1 + 2))


@pytest.mark.parametrize(
    ("questions", "said"),
    [({"kinds": ["factoid"]}, "kinds need answered"),
     ({"answered": "together", "personas": ["a fitter"]}, "need kinds")],
)  # fmt: skip
def test_settings_that_would_be_passed_over_are_errors(questions, said):
    with pytest.raises(ConfigError, match=said):
        recipe(questions=questions)
