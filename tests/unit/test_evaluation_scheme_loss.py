"""A scheme's loss is measured against 16 bits, question by question."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.evaluation.aggregate import COLUMNS
from sfta.evaluation.ladder_plot import picture
from sfta.evaluation.scheme_loss import (
    COMPARED,
    Answered,
    losses,
    smallest_without_loss,
    verdict,
)
from sfta.evaluation.statistics import Resampling

COUNT = 60
LIMIT = {"mean_kl": 0.05, "top1": 0.9, "greedy": 0.0}
RUNGS = [
    {"scheme": name, "mean_kl": kl, "top1": 0.9, "greedy": 0.8, "tolerance": LIMIT}
    for name, kl in (("adapter", 0.0), ("F16", 1e-6), ("Q8_0", 0.003), ("Q4_0", 0.1))
]


def table(f1, refused_held=0.0):
    """Answerable questions whose answer is in the context."""
    result = np.zeros((COUNT, len(COLUMNS)))
    ones = dict.fromkeys(("questions", "answerable", "held", "quotes", "quotes_valid"), 1.0)
    for name, value in {**ones, "f1": f1, "overall": f1, "refused_held": refused_held}.items():
        result[:, COLUMNS.index(name)] = value
    return result


def resampling():
    return Resampling([f"q{n}" for n in range(COUNT)], 1000, 7)


def spread(mean):
    return np.clip(mean + np.linspace(-0.3, 0.3, COUNT), 0, 1)


def found(*files):
    return losses([Answered(*one) for one in files], resampling())


def test_what_is_answered_alike_has_lost_nothing():
    whole, same = found(("F16", 200, table(spread(0.5))), ("Q8_0", 100, table(spread(0.5))))
    assert whole["differences"] == {}
    assert same["differences"]["overall_f1"] == {"value": 0.0, "interval": [0.0, 0.0]}
    assert whole["lost"] == same["lost"] == []
    assert whole["questions"] == same["questions"] == COUNT


def test_a_loss_on_every_question_is_measurable_and_named():
    worse = table(spread(0.5) * 0.7)
    _, lost = found(("F16", 200, table(spread(0.5))), ("Q2_K", 50, worse))
    assert lost["lost"] == ["overall_f1", "token_f1"]
    assert lost["differences"]["overall_f1"]["interval"][1] < 0


def test_more_refusals_of_what_could_be_answered_are_a_loss():
    refused = (np.arange(COUNT) % 3 == 0).astype(float)
    _, lost = found(("F16", 200, table(0.5)), ("Q4_0", 50, table(0.5, refused)))
    assert lost["lost"] == ["over_refusal"]


def test_a_gain_is_no_loss():
    _, better = found(("F16", 200, table(spread(0.4))), ("Q8_0", 50, table(spread(0.6))))
    assert better["lost"] == []


def test_the_smallest_without_a_loss_is_chosen_by_size_and_not_by_place():
    same, worse = table(spread(0.5)), table(spread(0.5) * 0.5)
    rows = found(
        ("F16", 200, same), ("Q4_0", 60, same), ("Q8_0", 100, same), ("Q2_K", 40, worse)
    )
    assert smallest_without_loss(rows)["scheme"] == "Q4_0"
    said = verdict(rows, COUNT)
    assert said.startswith("Q4_0 is the smallest that loses nothing measurable with 60 quest")
    assert "30% of the size of F16" in said
    assert "lower by up to 0.000" in said


def test_where_everything_loses_16_bits_are_what_is_left():
    rows = found(("F16", 200, table(spread(0.5))), ("Q2_K", 40, table(spread(0.5) * 0.5)))
    assert verdict(rows, COUNT).startswith("Every smaller file than F16 loses something")


def test_a_metric_that_no_question_counts_for_is_no_loss():
    rows = found(("F16", 200, table(0.5)), ("Q8_0", 100, table(0.5)))
    assert rows[1]["metrics"]["refusal_f1"] == {"value": None, "interval": None}
    assert "refusal_f1" not in rows[1]["lost"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=COUNT, max_size=COUNT))
def test_no_file_loses_against_itself(values):
    rows = found(("F16", 2, table(np.array(values))), ("Q8_0", 1, table(np.array(values))))
    assert rows[1]["lost"] == []
    assert set(rows[1]["differences"]) == set(COMPARED)


@pytest.mark.parametrize("schemes", [["F16"], ["F16", "Q8_0", "Q4_0"]])
def test_the_picture_is_a_png_and_the_same_again(schemes):
    rows = found(*((name, 100 - n, table(spread(0.5))) for n, name in enumerate(schemes)))
    one = picture(RUNGS, rows)
    assert one.startswith(b"\x89PNG")
    assert one == picture(RUNGS, rows)


def test_the_picture_shows_what_answered_fewer_questions():
    rows = found(("F16", 100, table(spread(0.5))), ("Q8_0", 90, table(spread(0.5))))
    few = {**rows[1], "scheme": "merged", "questions": 10}
    assert picture(RUNGS, [*rows, few]) != picture(RUNGS, [*rows, {**few, "questions": COUNT}])
