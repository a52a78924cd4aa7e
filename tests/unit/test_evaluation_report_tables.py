"""Tables of the report: every metric once, every arm a row, nothing made up."""

import csv
import json
from dataclasses import replace

import pytest

from full_reports import ARMS, full_evaluation, timed
from judged_arms import evaluation, good, weak
from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.costs import Spent, costs
from sfta.evaluation.further_tables import further_sections
from sfta.evaluation.plots import THEMES, figures, slice_arms
from sfta.evaluation.report import Timed, write_report
from sfta.evaluation.report_tables import (
    against_table,
    cost_table,
    metric_tables,
    slice_tables,
    time_table,
)
from sfta.evaluation.results import results
from sfta.evaluation.spelling import bound, clear, interval, number, probability, signed, whole


@pytest.fixture(scope="module")
def report():
    return results(full_evaluation(10))


def test_every_metric_of_every_arm_stands_in_one_table_with_its_meaning(report):
    tables = metric_tables(report)
    columns = [column for table in tables for column in table.columns]
    assert sorted(columns) == sorted(metric.label for metric in METRICS)
    for table in tables:
        assert len(table.columns) <= 7  # what paper holds
        assert [row.label for row in table.rows] == [
            arm["label"] for arm in report["arms"].values()
        ]
        assert [row.chosen for row in table.rows] == [name == "raft_rag" for name in ARMS]
        assert [name for name, _ in table.meanings] == list(table.columns)
        assert all(len(row.cells) == len(table.columns) for row in table.rows)


def test_what_is_better_lower_says_so(report):
    meanings = {name: said for table in metric_tables(report) for name, said in table.meanings}
    for metric in METRICS:
        assert meanings[metric.label].endswith("lower is better") != metric.higher_is_better


def test_the_trained_model_stands_against_every_other_arm(report):
    table = against_table(report)
    assert [row.label for row in table.rows] == [
        arm["label"] for name, arm in report["arms"].items() if name != "raft_rag"
    ]
    first = table.rows[0].cells[0]
    assert first.clear
    assert first.value == signed(report["differences"]["token_f1"]["value"])
    assert table.rows[0].cells[-1].value == "< 0.0001"


def test_an_arm_alone_stands_against_nobody():
    assert against_table(results(evaluation(good, None))) is None


def test_slices_have_arms_as_rows_and_a_slice_of_one_is_left_out(report):
    tables = slice_tables(report)
    assert [table.caption for table in tables] == [
        "Overall F1 by kind.",
        "Overall F1 by place of the answer.",
    ]
    assert all(len(table.rows) == 10 for table in tables)


def test_the_picture_of_slices_keeps_the_two_arms_of_the_gates_and_the_best(report):
    names = slice_arms(report)
    assert len(names) == 4
    assert {"base_rag", "raft_rag"} <= set(names)
    others = {n: report["arms"][n]["metrics"]["overall_f1"] for n in ARMS}
    best = sorted(set(ARMS) - {"base_rag", "raft_rag"}, key=lambda n: -others[n])[:2]
    assert set(best) == set(names) - {"base_rag", "raft_rag"}
    assert slice_arms(results(evaluation(good))) == ["base_rag", "raft_rag"]


def test_ten_arms_and_hostile_labels_have_every_figure_in_both_themes(report):
    arms = {n: a | {"label": f"$x^{{2$ {a['label']}"} for n, a in report["arms"].items()}
    milliseconds = {name: [1.0, 2.0, 900.0] for name in arms}
    for theme in THEMES.values():
        drawn = figures(report | {"arms": arms}, milliseconds, theme)
        assert set(drawn) == {"metrics", "differences", "against", "slices", "latency"}


def test_secondary_figures_are_there_only_if_they_were_measured(report):
    assert further_sections(results(evaluation(good))) == []
    sections = {section.key: section for section in further_sections(report)}
    assert list(sections) == ["cosine", "perplexity", "judge", "forgetting"]
    assert len(sections["cosine"].table.rows) == 10
    # The endpoint's arm has no losses: it is not in the table, and the text says why.
    assert len(sections["perplexity"].table.rows) == 9
    assert "llm + retrieval was not measured" in sections["perplexity"].said[-1]
    assert "McNemar's p is 0.4500" in sections["forgetting"].said[1]
    assert [row.label for row in sections["forgetting"].table.rows] == [
        "all", "arithmetic", "common sense",
    ]  # fmt: skip


def test_a_judge_that_cannot_judge_is_named_and_shows_no_verdicts(report):
    unfit = report | {"judge": {"usable": False, "self_test": {"share": 0.5}}}
    (section,) = [s for s in further_sections(unfit) if s.key == "judge"]
    assert section.table is None
    assert "not asked" in section.said[0]
    assert "50%" in section.said[0]


def test_a_judge_tells_what_it_cannot_tell(report):
    (section,) = [s for s in further_sections(report) if s.key == "judge"]
    assert section.table.rows[0].cells[2].value == "n/a"
    assert "column is empty" in section.said[-1]


def test_costs_are_those_of_a_thousand_questions():
    found = costs(evaluation(good), {"raft_rag": [1500.0, 500.0]}, {})
    assert found["raft_rag"] == {
        "tokens_in": 700_000, "tokens_out": 30_000, "seconds": 1000.0, "money": None,
        "currency": "",
    }  # fmt: skip
    assert found["base_rag"]["seconds"] is None


def test_what_an_endpoint_counted_takes_the_place_of_what_replies_say():
    spent = {"base_rag": Spent(60_000, 2_400, 0.24, "EUR")}
    found = costs(evaluation(good), {}, spent)["base_rag"]
    assert (found["tokens_in"], found["tokens_out"]) == (500_000, 20_000)
    assert (found["money"], found["currency"]) == (2.0, "EUR")


def test_an_arm_that_counted_no_token_has_no_cost():
    asked = evaluation(good)
    silent = [replace(reply, prompt_tokens=0) for reply in asked.arms[0].replies]
    arms = [replace(asked.arms[0], replies=silent), asked.arms[1]]
    assert list(costs(replace(asked, arms=arms), {}, {})) == ["raft_rag"]


def test_columns_that_nobody_measured_are_left_out(report):
    bare = {"answers": 8, "median_ms": 900.0, "p95_ms": 1200.0, "prompt_tokens": 700.0,
            "answer_tokens": 30.0}  # fmt: skip
    table = time_table(report, {"arms": {"raft_rag": bare}})
    assert table.columns == ["Questions", "Median", "95 % are faster than", "Prompt tokens",
                             "Answer tokens"]  # fmt: skip
    more = bare | {"first_token_median_ms": 310.0, "first_token_p95_ms": 400.0,
                   "resident_mb": None}  # fmt: skip
    table = time_table(report, {"arms": {"raft_rag": more}})
    assert table.columns[3:5] == ["First token, median", "First token, 95 %"]
    assert [cell.value for cell in table.rows[0].cells[1:4]] == ["0.90", "1.20", "0.31"]
    assert time_table(report, {"arms": {}}) is None
    assert cost_table(report, {"arms": {}}) is None


def test_the_files_of_a_report_hold_costs_clusters_and_tallies(tmp_path):
    write_report(full_evaluation(10), timed(10), tmp_path)
    timings = json.loads((tmp_path / "timings.json").read_text())
    assert timings["costs"]["llm_rag"]["currency"] == "EUR"
    assert timings["costs"]["llm_rag"]["seconds"] is None
    line = json.loads((tmp_path / "answers.jsonl").read_text().splitlines()[1])
    assert line["tally"]["questions"] == 1.0
    assert line["cluster"]
    with (tmp_path / "metrics.csv").open() as stream:
        systems = {row["system"] for row in csv.DictReader(stream)}
    assert {"base_few_shot", "llm_rag", "difference", "raft_rag - llm_rag"} <= systems


def test_a_report_without_times_says_so(tmp_path):
    asked = evaluation(good, weak, examples=1)
    write_report(asked, Timed(), tmp_path)
    assert "Time of one answer" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("spelled", "text"),
    [
        (number(None), "n/a"),
        (number(0.12345), "0.123"),
        (signed(-0.5), "\u22120.500"),
        (signed(None), "n/a"),
        (interval([0.1, 0.2]), "0.100 to 0.200"),
        (interval([-0.1, 0.2], sign=True), "\u22120.100 to +0.200"),
        (interval(None), ""),
        (interval([None, None]), ""),
        (whole(1234567.4), "1\u202f234\u202f567"),
        (whole(None), "n/a"),
        (probability(0.00004), "< 0.0001"),
        (probability(0.5), "0.5000"),
        (bound({"name": "max_over_refusal", "bound": 0.3}), "at most 0.300"),
        (bound({"name": "min_token_f1", "bound": 0.3}), "at least 0.300"),
        (bound({"name": "quotes_hold", "bound": 0.5}), "more than 0.500"),
    ],
)
def test_numbers_are_written_in_one_way(spelled, text):
    assert spelled == text


def test_only_an_interval_without_zero_is_clear():
    assert clear([0.1, 0.2])
    assert clear([-0.2, -0.1])
    assert not clear([0.0, 0.2])
    assert not clear(None)
    assert not clear([None, None])
