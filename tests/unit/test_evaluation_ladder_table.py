"""The table of a ladder has every rung once, from the adapter down."""

import csv

from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.ladder_table import rungs_in_order, table
from sfta.evaluation.scheme_loss import COMPARED


def rung(name):
    return {"scheme": name, "mean_kl": 0.01, "max_kl": 1.0, "top1": 0.9, "greedy": 0.8}


def measured(name, change=None, lost=()):
    figure = {"value": 0.5, "interval": [0.4, 0.6]}
    return {
        "scheme": name, "size": 10, "questions": 40, "lost": list(lost),
        "metrics": dict.fromkeys(COMPARED, figure),
        "differences": dict.fromkeys(COMPARED, change) if change else {},
    }  # fmt: skip


def names(parity, figures):
    order = rungs_in_order([rung(name) for name in parity], [measured(n) for n in figures])
    return [name for name, *_ in order]


def test_the_merged_model_stands_below_what_it_was_made_of():
    parity = ["adapter", "adapter.gguf", "F16", "Q8_0"]
    assert names(parity, ["F16", "merged"]) == [*parity[:2], "merged", *parity[2:]]


def test_the_merged_model_is_the_first_where_nothing_was_merged():
    assert names(["F16", "Q8_0"], ["merged"]) == ["merged", "F16", "Q8_0"]


def test_a_rung_without_answers_has_parity_alone():
    ((_, parity, figures),) = rungs_in_order([rung("adapter")], [])
    assert parity["top1"] == 0.9
    assert figures is None


NAMES = st.lists(st.sampled_from(["adapter", "F16", "Q8_0", "ONNX int4"]), unique=True)


@given(NAMES, NAMES)
def test_no_rung_is_lost_or_doubled(parity, figures):
    found = names(parity, figures)
    assert len(found) == len(set(found))
    assert set(found) == {*parity, *figures}
    assert [name for name in found if name in parity] == parity


def test_a_line_has_figures_changes_and_intervals_and_what_is_lost():
    change = {"value": -0.1, "interval": [-0.2, -0.05]}
    text = table([rung("F16"), rung("Q2_K")], [measured("F16"),
                 measured("Q2_K", change, ["token_f1", "over_refusal"])])  # fmt: skip
    whole, lost = csv.DictReader(text.splitlines())
    assert (whole["token_f1"], whole["token_f1_change"]) == ("0.5", "")
    assert lost["token_f1_interval"] == "[-0.2, -0.05]"
    assert lost["lost"] == "token_f1 over_refusal"
    assert (lost["questions"], lost["bytes"], lost["mean_kl"]) == ("40", "10", "0.01")


def test_cells_without_a_figure_are_empty():
    _, line = csv.reader(table([rung("adapter")], []).splitlines())
    assert line[0] == "adapter"
    assert set(line[5:]) == {""}
