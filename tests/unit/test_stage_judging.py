"""The judge in the stage: tried first, then asked; kinds asked of a model arrive as rows' kinds."""

import json

import pytest

from sfta.adapters.teacher_openai import Usage
from sfta.adapters.teacher_replies import Reply
from sfta.core.config import build
from sfta.raft.candidate import Candidate, Funnel
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import Setting
from sfta.raft.judging import PAIRS
from sfta.recipe import Recipe
from sfta.stages.judging import judge_of
from sfta.stages.written import written_candidates
from sfta_edge.errors import ConfigError

TEXT = "The safety valve SV-1 opens at 3.7 bar."
CHUNK = CorpusChunk("c", "d", "Manual", 1, 0, len(TEXT), "1 Valve", TEXT)
GOOD = Candidate("At what pressure does SV-1 open?", "value", "c", TEXT, "3.7 bar")
BAD = Candidate("At what temperature does SV-1 open?", "value", "c", TEXT, "3.7 bar")
ENDPOINT = {"base_url": "http://127.0.0.1:9/v1", "model": "judge"}


def recipe(**generate):
    return build(
        Recipe,
        {"name": "pumps", "ingest": {"sources": ["docs"]}, "model": {"base": "x"},
         "generate": generate},
        name="recipe",
    )  # fmt: skip


def setting(made):
    return Setting({"c": CHUNK}, {"c": "train"}, made.generate, PromptConfig(), 2, 7)


def answering(monkeypatch, answer):
    """An endpoint whose replies come from a function of the question's prompt."""
    asked = []

    def ask_all(endpoint, prompts, replies, *, schema):
        usage, found = Usage(), []
        for prompt in prompts:
            asked.append((endpoint, schema, prompt))
            found.append(Reply("ok", answer(prompt[1]["content"]), 10, 5))
            usage.add(found[-1])
        return found, usage

    monkeypatch.setattr("sfta.adapters.teacher_openai.ask_all", ask_all)
    return asked


def honest(user):
    for pair in PAIRS:
        if pair.question in user and f"Answer: {pair.answer or '(none)'}" in user:
            return verdict(pair.clear, pair.answered, pair.correct)
    return "what?" if "unsure" in user else verdict("pressure" in user, True, True)


def verdict(clear, answered, correct):
    return json.dumps({"clear": clear, "answered": answered, "correct": correct})


def judged(made, monkeypatch, tmp_path, candidates):
    asked, funnel = answering(monkeypatch, honest), Funnel()
    judge = judge_of(made, setting(made), tmp_path, funnel)
    kept, lost = judge(candidates, {c.id: [] for c in candidates})
    return kept, lost, funnel.notes["judge"], asked


def test_there_is_no_judge_unless_one_is_named(tmp_path):
    made = recipe()
    assert judge_of(made, setting(made), tmp_path, Funnel()) is None


def test_the_judge_is_tried_on_planted_pairs_and_then_sees_every_candidate(
    monkeypatch, tmp_path
):
    kept, lost, note, asked = judged(recipe(judge=ENDPOINT), monkeypatch, tmp_path, [GOOD, BAD])
    assert kept == [GOOD]
    assert [(r.candidate, r.reason) for r in lost] == [(BAD, "judge: question not clear")]
    assert len(asked) == len(PAIRS) + 2
    assert all(endpoint.temperature == 0.0 and schema for endpoint, schema, _ in asked)
    assert TEXT in asked[-1][2][1]["content"]
    assert note["judged"] == 2
    assert note["self_test"]["share"] == 1.0
    assert note["is_the_teacher"] is False


@pytest.mark.parametrize(("policy", "stays"), [("reject", False), ("keep", True)])
def test_an_unreadable_verdict_is_counted_whatever_becomes_of_it(
    monkeypatch, tmp_path, policy, stays
):
    unsure = Candidate("Is the unsure SV-1 one?", "value", "c", TEXT, "3.7 bar")
    made = recipe(judge={**ENDPOINT, "unreadable": policy})
    kept, lost, note, _ = judged(made, monkeypatch, tmp_path, [unsure])
    assert (kept == [unsure]) is stays
    assert note["unreadable"] == 1
    assert [r.reason for r in lost] == ([] if stays else ["judge: unreadable verdict"])


def test_a_judge_that_cannot_tell_right_from_wrong_judges_nothing(monkeypatch, tmp_path):
    asked = answering(monkeypatch, lambda _: verdict(True, True, True))
    made = recipe(judge=ENDPOINT)
    with pytest.raises(ConfigError, match=r"judge kept .* planted right pairs"):
        judge_of(made, setting(made), tmp_path, Funnel())
    assert len(asked) == len(PAIRS)
    weak = recipe(judge={**ENDPOINT, "self_test": 0.0})
    assert judge_of(weak, setting(weak), tmp_path, Funnel()) is not None


def test_a_judge_needs_address_and_model():
    with pytest.raises(ConfigError, match="needs base_url and model"):
        recipe(judge={"model": "m"})


def test_kinds_asked_for_come_back_with_their_kind(monkeypatch, tmp_path):
    items = [
        {"number": 1, "question": "Does SV-1 open at 3.7 bar?", "quotes": [TEXT],
         "evidence": "3.7 bar", "reason": "It says 3.7 bar.", "answer": "Yes",
         "other_answers": []},
        {"number": 7},
    ]  # fmt: skip
    asked = answering(monkeypatch, lambda _: json.dumps({"items": items}))
    teacher = {"kind": "openai", **ENDPOINT, "questions_per_chunk": 1}
    made = recipe(teacher=teacher, questions={"kinds": ["yes_no"]})
    funnel = Funnel()
    (found,) = written_candidates([CHUNK], made, tmp_path, funnel)
    assert (found.kind, found.form, found.answer) == ("yes_no", "yes_no", "Yes")
    assert [r.reason for r in funnel.rejected] == ["unreadable item"]
    assert funnel.entered == 1
    assert "yes or no" in asked[0][2][1]["content"]
