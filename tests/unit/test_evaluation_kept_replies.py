"""Replies that are kept across evaluations."""

from dataclasses import replace

import pytest

from evaluated_models import chunk, make_job, read
from fake_engines import FakeEngine
from sfta.core.record_cache import RecordCache
from sfta.evaluation.arms import Reply
from sfta.evaluation.kept_replies import KeptReplies
from sfta.stages import evaluate

CHUNK = chunk("c1", "The pump is red.")


@pytest.fixture
def cache(tmp_path):
    with RecordCache(tmp_path / "replies.sqlite") as opened:
        yield opened


class Asked:
    """A model that counts what it is asked."""

    def __init__(self):
        self.items = []

    def __call__(self, items):
        self.items += items
        return [
            Reply(name, f"about {question}", tuple(c.id for c in chunks), False, 7, 3, 0.0)
            for name, question, chunks in items
        ]


def test_a_question_asked_before_is_answered_from_the_cache_under_its_new_id(cache):
    model, kept = Asked(), KeptReplies(cache, "model")
    kept.ask_many([("q1", "Which colour?", [CHUNK])], model)
    again = kept.ask_many(
        [("q9", "Which colour?", [CHUNK]), ("q2", "Which oil?", [CHUNK])], model
    )
    assert [item[0] for item in model.items] == ["q1", "q2"]
    assert [(reply.id, reply.completion) for reply in again] == [
        ("q9", "about Which colour?"),
        ("q2", "about Which oil?"),
    ]
    assert again[0].given == ("c1",)


@pytest.mark.parametrize(
    ("identity", "chunks"),
    [
        (("another model",), [CHUNK]),
        (("model", "another setting"), [CHUNK]),
        (("model",), []),
        (("model",), [replace(CHUNK, text="The pump is blue.")]),
        (("model",), [replace(CHUNK, page=2)]),
    ],
)
def test_another_model_setting_or_chunk_is_asked(cache, identity, chunks):
    model = Asked()
    KeptReplies(cache, "model").ask_many([("q1", "Which colour?", [CHUNK])], model)
    KeptReplies(cache, *identity).ask_many([("q1", "Which colour?", chunks)], model)
    assert len(model.items) == 2


def test_another_gate_asks_no_model_and_gives_the_same_figures(evaluation_world):
    first = make_job(evaluation_world, "first")
    evaluate.run(first)
    for path in first.work.iterdir():
        path.unlink()
    # The first of three timed questions is asked anew, and the calibration is fitted anew.
    FakeEngine.prompts.clear()
    second = make_job(evaluation_world, "second", min_token_f1=0.9)
    evaluate.run(second)
    assert len(FakeEngine.prompts) == 3 + 3 + 8
    arms = [read(job.out / "report.json")["arms"] for job in (first, second)]
    assert arms[0] == arms[1]
