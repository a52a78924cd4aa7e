"""Asking: what does not fit is not counted as given, and a threshold is fitted once."""

import pytest

from evaluated_models import chunk, make_chunks, make_job, read, row
from fake_engines import CONTRACT, NOUNS, REFUSAL, FakeEngine
from sfta.evaluation.arms import arm_of
from sfta.evaluation.asking import Asker, calibrate
from sfta.evaluation.calibration import Margin, fit_bias
from sfta.evaluation.machine import processor_name
from sfta.evaluation.questions import Question, draw_evenly
from sfta.stages import evaluate
from sfta_edge.settings import AnswerSettings


def not_asked(question, texts):
    raise AssertionError("quotes that are written need no embedder")


def test_a_cut_answer_is_counted_as_truncated(evaluation_world):
    job = make_job(evaluation_world, max_answer_tokens=16)
    evaluate.run(job)
    report = read(job.out / "report.json")
    assert report["arms"]["raft_rag"]["metrics"]["truncated"] == 1.0


def test_chunks_that_do_not_fit_are_not_counted_as_given(tmp_path):
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=200)
    asker = Asker(engine, CONTRACT, AnswerSettings(max_tokens=60), not_asked)
    long = chunk("c2", "x" * 200)
    item = ("q", "What colour is the pump?", [chunk("c1", "The pump is painted red."), long])
    (reply,) = asker.ask_many(arm_of("raft_rag"), [item])
    assert reply.given == ("c1",)
    (alone,) = asker.ask_alone(arm_of("raft_rag"), [item])
    assert (alone.given, alone.completion) == (reply.given, reply.completion)
    assert alone.milliseconds >= 0.0


def test_when_the_search_finds_nothing_the_model_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeEngine, "prompts", [])
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=500)
    asker = Asker(engine, CONTRACT, AnswerSettings(max_tokens=60), not_asked)
    item = ("q", "What colour is the pump?", [])
    for ask in (asker.ask_many, asker.ask_alone):
        assert ask(arm_of("raft_rag"), [item])[0].completion == REFUSAL
    assert FakeEngine.prompts == []
    assert asker.ask_many(arm_of("raft_closed"), [item])[0].prompt_tokens > 0


def test_a_calibration_is_not_made_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeEngine, "prompts", [])
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=900)
    asker = Asker(engine, CONTRACT, AnswerSettings(), not_asked)
    chunks = {c["id"]: chunk(c["id"], c["text"]) for c in make_chunks()}
    rows = [row(f"v{n}", noun, held=n % 2 == 0) for n, noun in enumerate(NOUNS)]
    first = calibrate(asker, rows, chunks, tmp_path / "kept.json")
    asked = len(FakeEngine.prompts)
    assert calibrate(asker, rows, chunks, tmp_path / "kept.json") == first
    assert len(FakeEngine.prompts) == asked == 8
    assert first.refusal_f1 == first.answer_f1 == 1.0
    assert first.before < 1.0


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_the_fitted_bias_undoes_a_shift_and_its_threshold_means_the_same(shift):
    margins = [Margin(shift + gap, gap > 0) for gap in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)]
    found = fit_bias(margins)
    assert all((margin.gap + found.bias > 0) == margin.should_refuse for margin in margins)
    settings = AnswerSettings(refusal_threshold=found.threshold)
    assert settings.refusal_bias == pytest.approx(found.bias, abs=0.01)
    assert (found.bias == 0.0) == (shift == 0.0)


@pytest.mark.parametrize("margins", [[], [Margin(1.0, True)], [Margin(1.0, False)] * 3])
def test_rows_of_one_kind_leave_the_models_own_choice(margins):
    assert fit_bias(margins).bias == 0.0
    assert fit_bias(margins).threshold == 0.5


def test_a_draw_is_even_over_kinds_repeatable_and_in_order():
    questions = [
        Question(f"{kind}{n}", "?", ("1",), answerable=True, kind=kind)
        for kind, count in (("a", 50), ("b", 5), ("c", 50))
        for n in range(count)
    ]
    drawn = draw_evenly(questions, 20, 7)
    kinds = [question.kind for question in drawn]
    assert (kinds.count("a"), kinds.count("b"), kinds.count("c")) == (8, 5, 7)
    assert drawn == [question for question in questions if question in drawn]
    assert draw_evenly(questions, 20, 7) == drawn
    assert draw_evenly(questions, 20, 8) != drawn
    assert draw_evenly(questions, None, 7) == draw_evenly(questions, 999, 7) == questions


def test_the_processor_is_named(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: Fast CPU\n")
    assert processor_name(tmp_path / "cpuinfo") == "Fast CPU"
    assert processor_name(tmp_path / "gone")
