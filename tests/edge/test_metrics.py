"""Counters for Prometheus: what was answered, what was not, and how things stand."""

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from sfta_edge.api.calls import set_caller
from sfta_edge.api.metrics import Metrics, add_metrics
from sfta_edge.guard import protect
from sfta_edge.reply import Answer


def answer(**changes):
    facts = {
        "question": "q", "answer": "a", "refused": False, "well_formed": True, "citations": (),
        "completion": "c", "finish_reason": "stop",
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "reused_tokens": 2},
        "timings_ms": {"retrieve": 5.0, "total": 1500.0},
    }  # fmt: skip
    return Answer(**{**facts, **changes})


@pytest.fixture(name="metrics")
def _metrics():
    return Metrics(lambda: {"chunks": 12.0, "worker_up": 1.0}, {"bundle": "manuals"})


def values(metrics):
    """Every sample by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "answered"),
        ({"refused": True}, "refused"),
        ({"finish_reason": "deadline"}, "deadline"),
        ({"finish_reason": "cancelled"}, "cancelled"),
        ({"finish_reason": "length"}, "length"),
    ],
)
def test_an_answer_is_counted_by_how_it_ended(metrics, changes, outcome):
    metrics.answered(answer(**changes))
    assert values(metrics)[("sfta_questions_total", outcome)] == 1


def test_tokens_and_times_are_counted(metrics):
    metrics.answered(answer())
    metrics.answered(answer())
    found = values(metrics)
    assert found[("sfta_tokens_total", "prompt")] == 14
    assert found[("sfta_tokens_total", "reused")] == 4
    assert found[("sfta_answer_seconds_sum", "total")] == pytest.approx(3.0)
    assert found[("sfta_answer_seconds_bucket", "1.0", "total")] == 0
    assert found[("sfta_answer_seconds_bucket", "2.0", "total")] == 2


@pytest.mark.parametrize("outcome", ["busy", "failed", "left"])
def test_a_question_without_an_answer_is_counted(metrics, outcome):
    metrics.failed(outcome)
    assert values(metrics)[("sfta_questions_total", outcome)] == 1


def test_how_things_stand_is_read_when_asked(metrics):
    found = values(metrics)
    assert found[("sfta_chunks",)] == 12
    assert found[("sfta_info", "manuals")] == 1


@pytest.fixture(name="client")
def _client(metrics):
    app = Flask("measured")
    protect(app, frozenset({"localhost"}))
    app.before_request(lambda: set_caller(None))
    add_metrics(app, metrics)
    return app.test_client()


def test_this_machine_reads_them_without_a_token(client):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code == 200


@pytest.mark.parametrize("address", ["10.1.2.3", "", "somebody"])
def test_nobody_else_does(client, address):
    done = client.get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert done.status_code in (401, 403)
