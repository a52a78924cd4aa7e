"""The judge in the stage: tried first, then asked about every candidate, and paid for once."""

import json

import pytest

from fakes import CompletionServer, completion, serving
from sfta.core.config import build
from sfta.core.stage import Runtime
from sfta.raft.candidate import Candidate, Funnel
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import Setting
from sfta.raft.judging import PAIRS
from sfta.recipe import Recipe
from sfta.stages.generate import STAGE
from sfta.stages.judging import judge_of
from sfta_edge.errors import ConfigError, ToolError

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


def answering(answer):
    """An endpoint whose replies come from a function of the question's prompt."""
    return CompletionServer(
        lambda body, _: completion(answer(body["messages"][1]["content"]), tokens=(10, 5))
    )


def honest(user):
    for pair in PAIRS:
        if pair.question in user and f"Answer: {pair.answer or '(none)'}" in user:
            return verdict(pair.clear, pair.answered, pair.correct)
    return "what?" if "unsure" in user else verdict("pressure" in user, True, True)


def verdict(clear, answered, correct):
    return json.dumps({"clear": clear, "answered": answered, "correct": correct})


def judged(tmp_path, candidates, **judge):
    server, funnel = answering(honest), Funnel()
    with serving(server) as url:
        made = recipe(judge={**ENDPOINT, "base_url": url, "concurrency": 1, **judge})
        ask = judge_of(made, setting(made), tmp_path, funnel)
        kept, lost = ask(candidates, {c.id: [] for c in candidates})
    return kept, lost, funnel.notes["judge"], server.seen


def test_there_is_no_judge_unless_one_is_named(tmp_path):
    made = recipe()
    assert judge_of(made, setting(made), tmp_path, Funnel()) is None


def test_the_judge_is_tried_on_planted_pairs_and_then_sees_every_candidate(tmp_path):
    kept, lost, note, asked = judged(tmp_path, [GOOD, BAD])
    assert kept == [GOOD]
    assert [(r.candidate, r.reason) for r in lost] == [(BAD, "judge: question not clear")]
    assert len(asked) == len(PAIRS) + 2
    assert all(body["temperature"] == 0.0 and body["response_format"] for body in asked)
    assert TEXT in asked[-1]["messages"][1]["content"]
    assert note["judged"] == 2
    assert note["self_test"]["share"] == 1.0
    assert note["is_the_teacher"] is False


def test_a_verdict_is_paid_for_once_and_the_record_of_it_stays_the_same(tmp_path):
    server = answering(honest)
    with serving(server) as url:
        made, notes = recipe(judge={**ENDPOINT, "base_url": url}), []
        for _ in range(2):
            funnel = Funnel()
            judge_of(made, setting(made), tmp_path, funnel)([GOOD], {GOOD.id: []})
            notes.append(funnel.notes)
    assert len(server.seen) == len(PAIRS) + 1
    assert notes[0] == notes[1]


@pytest.mark.parametrize(("policy", "stays"), [("reject", False), ("keep", True)])
def test_an_unreadable_verdict_is_counted_whatever_becomes_of_it(tmp_path, policy, stays):
    unsure = Candidate("Is the unsure SV-1 one?", "value", "c", TEXT, "3.7 bar")
    kept, lost, note, _ = judged(tmp_path, [unsure], unreadable=policy)
    assert (kept == [unsure]) is stays
    assert note["unreadable"] == 1
    assert [r.reason for r in lost] == ([] if stays else ["judge: unreadable verdict"])


def test_a_judge_that_cannot_tell_right_from_wrong_judges_nothing(tmp_path):
    server = answering(lambda _: verdict(True, True, True))
    with serving(server) as url:
        made = recipe(judge={**ENDPOINT, "base_url": url})
        with pytest.raises(ConfigError, match=r"judge kept .* planted right pairs"):
            judge_of(made, setting(made), tmp_path, Funnel())
        assert len(server.seen) == len(PAIRS)
        weak = recipe(judge={**ENDPOINT, "base_url": url, "self_test": 0.0})
        assert judge_of(weak, setting(weak), tmp_path, Funnel()) is not None


def test_a_judge_that_is_not_there_is_found_before_anything_runs():
    (problem,) = STAGE.check(recipe(judge=ENDPOINT), Runtime())
    assert problem.startswith("judge: http://127.0.0.1:9/v1 does not answer")


def test_what_a_judges_endpoint_refuses_names_the_judge(tmp_path):
    server = answering(honest)
    server.answers = [(401, {"error": "no"}, {})] * len(PAIRS)
    with serving(server) as url:
        made = recipe(judge={**ENDPOINT, "base_url": url})
        with pytest.raises(ToolError, match="the judge answered HTTP 401") as failed:
            judge_of(made, setting(made), tmp_path, Funnel())
    assert "generate.judge" in failed.value.hint


def test_a_judges_address_holds_no_secret():
    with pytest.raises(ConfigError, match="user name or password"):
        recipe(judge={**ENDPOINT, "base_url": "https://me:pass@x/v1"})


def test_a_judge_needs_address_and_model():
    with pytest.raises(ConfigError, match="needs base_url and model"):
        recipe(judge={"model": "m"})
