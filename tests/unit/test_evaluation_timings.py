"""Latency, time to the first text, tokens and memory: of every question that was asked alone."""

import json
from dataclasses import replace

import pytest

from evaluated_models import chunk
from fake_engines import CONTRACT, REFUSAL, FakeEngine
from judged_arms import evaluation, good, read_lines
from sfta.evaluation import asking, plots
from sfta.evaluation.arms import Reply, append_replies, arm_of, read_replies
from sfta.evaluation.asking import Asker
from sfta.evaluation.machine import resident_bytes
from sfta.evaluation.report import Timed, write_report
from sfta_edge.answer import answer_from_chunks, stream_from_chunks
from sfta_edge.generation import drain
from sfta_edge.settings import AnswerSettings

SETTINGS = AnswerSettings(max_tokens=60)
CHUNKS = [chunk("c1", "The pump is painted red.")]
ITEM = ("q", "What colour is the pump?", CHUNKS)


class Clock:
    """Time that passes when the engine says so."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


class SlowEngine(FakeEngine):
    """Takes a second and a half before its first text, and two more to its last."""

    clock = Clock()

    def stream(self, prompt, limits):
        done = self.generate(prompt, max_tokens=limits.max_tokens, first_token_bias={84: 0.0})
        self.clock.now += 1.5
        if self.silent:
            return replace(done, text="", token_ids=())
        yield done.text[:3]
        self.clock.now += 2.0
        yield done.text[3:]
        return done

    silent = False


@pytest.fixture
def asker(tmp_path, monkeypatch):
    (tmp_path / "m").write_bytes(b"trained")
    monkeypatch.setattr(asking, "time", SlowEngine.clock)
    engine = SlowEngine(tmp_path / "m", context_tokens=900)
    return Asker(engine, CONTRACT, SETTINGS, lambda question, texts: [0.0] * len(texts))


def test_a_question_asked_alone_has_its_time_to_the_first_and_to_the_last_text(asker):
    (reply,) = asker.ask_alone(arm_of("raft_rag"), [ITEM])
    assert (reply.first_token_ms, reply.milliseconds) == (1500.0, 3500.0)
    assert reply.resident_bytes == pytest.approx(resident_bytes(), rel=0.5)
    assert reply.prompt_tokens > 0


def test_an_answer_without_text_ends_when_it_would_have_begun(asker, monkeypatch):
    monkeypatch.setattr(SlowEngine, "silent", True)
    (reply,) = asker.ask_alone(arm_of("raft_rag"), [ITEM])
    assert reply.completion == ""
    assert reply.first_token_ms == reply.milliseconds == 1500.0


def test_questions_asked_side_by_side_and_questions_not_asked_have_no_times(asker):
    beside = asker.ask_many(arm_of("raft_rag"), [ITEM])
    unasked = asker.ask_alone(arm_of("raft_rag"), [("q", "What colour is the pump?", [])])
    for (reply,) in (beside, unasked):
        assert (reply.milliseconds, reply.first_token_ms, reply.resident_bytes) == (0.0, 0.0, 0)
    assert unasked[0].completion == REFUSAL


def test_times_survive_their_file_and_a_file_without_them_can_be_read(tmp_path):
    reply = Reply("q", "x", (), False, 5, 3, 40.0, 30.5, 1 << 30)
    append_replies(tmp_path / "a.jsonl", [reply])
    assert read_replies(tmp_path / "a.jsonl") == {"q": reply}
    facts = json.loads((tmp_path / "a.jsonl").read_text())
    del facts["first_token_ms"], facts["resident_bytes"]
    (tmp_path / "b.jsonl").write_text(json.dumps(facts) + "\n")
    assert read_replies(tmp_path / "b.jsonl")["q"].first_token_ms == 0.0


def test_an_answer_is_the_same_streamed_or_whole(tmp_path):
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=900)
    asked = (engine, CONTRACT, CHUNKS, "What colour is the pump?", SETTINGS)
    whole = answer_from_chunks(*asked)
    assert "".join(stream_from_chunks(*asked)) == whole.completion
    assert drain(stream_from_chunks(*asked)) == whole


def test_memory_is_what_the_system_says_this_process_holds(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tsfta\nVmHWM:\t  9999 kB\nVmRSS:\t  2048 kB\nThreads:\t3\n")
    assert resident_bytes(status) == 2048 * 1024
    status.write_text("Name:\tsfta\n")
    assert resident_bytes(status) == resident_bytes(tmp_path / "none") == 0


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The folder of a report with two questions timed for the trained model."""
    monkeypatch.setattr(plots, "figures", lambda *_, **__: {})
    alone = [
        Reply("a000", "x", (), False, 700, 30, 1500.0, 900.0, 400_000_000),
        Reply("a001", "x", (), False, 710, 20, 1100.0, 700.0, 420_000_000),
        Reply("a002", "x", (), False, 0, 0, 0.0),
    ]
    timed = Timed(
        {"raft_rag": [1500.0, 1100.0], "base_rag": [900.0]}, alone={"raft_rag": alone}
    )
    write_report(evaluation(good), timed, tmp_path)
    return tmp_path


def test_timings_hold_each_question_and_their_middle_and_most(written):
    arms = json.loads((written / "timings.json").read_text())["arms"]
    arm = arms["raft_rag"]
    assert arm["median_ms"] == 1300.0
    assert arm["first_token_median_ms"] == 800.0
    assert arm["first_token_p95_ms"] == pytest.approx(890.0)
    assert arm["resident_mb"] == 420.0
    assert arm["questions"] == [
        {"id": "a000", "ms": 1500.0, "first_token_ms": 900.0, "prompt_tokens": 700,
         "answer_tokens": 30, "resident_mb": 400.0},
        {"id": "a001", "ms": 1100.0, "first_token_ms": 700.0, "prompt_tokens": 710,
         "answer_tokens": 20, "resident_mb": 420.0},
    ]  # fmt: skip
    assert "questions" not in arms["base_rag"]


def test_tokens_of_every_answer_stand_in_the_answers(written):
    lines = read_lines(written / "answers.jsonl")
    assert len(lines) == 240
    assert all((line["prompt_tokens"], line["answer_tokens"]) == (700, 30) for line in lines)
    assert all(0.0 <= line["rouge_l"] <= 1.0 for line in lines)
