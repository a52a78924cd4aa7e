"""The report as one HTML file that needs nothing else: style and figures are inside."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sfta.evaluation.further_tables import further_sections
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.page import Figure, Pictures, figure, render
from sfta.evaluation.report_tables import (
    against_table,
    baseline_table,
    cost_table,
    metric_tables,
    retrieval_table,
    slice_tables,
    time_table,
)
from sfta.evaluation.spelling import interval, number, signed

_CAPTIONS = {
    "metrics": "Metrics of each arm with 95 % intervals.",
    "differences": "What the trained model gains over the base model with the same chunks. "
    "A hollow dot has an interval that crosses the line: no difference is shown.",
    "against": "What the trained model gains over each other arm on the same questions.",
    "slices": "Overall F1 by kind of question, with 95 % intervals; of more than four arms the "
    "best four.",
    "latency": "Time of one answer, asked alone on the machine named below; the dot is the "
    "median.",
}


def render_html(
    evaluation: Evaluation,
    report: Mapping[str, Any],
    timings: Mapping[str, Any],
    pictures: Pictures,
) -> str:
    """The whole page."""
    return render(
        "report.html.j2",
        title=report["settings"]["name"],
        report=report,
        timings=timings,
        figures=_figures(report, pictures),
        metrics=metric_tables(report),
        against=against_table(report),
        baselines=baseline_table(report),
        retrieval=retrieval_table(report),
        slices=slice_tables(report),
        further=further_sections(report),
        times=time_table(report, timings),
        costs=cost_table(report, timings),
        examples=_examples(evaluation),
    )


def _figures(report: Mapping[str, Any], pictures: Pictures) -> dict[str, Figure]:
    return {
        name: figure(pictures, name, _CAPTIONS[name], _alternative(name, report))
        for name in pictures.light
    }


def _alternative(name: str, report: Mapping[str, Any]) -> str:
    """What a reader who cannot see the figure is told."""
    if name == "differences":
        gained = report["differences"]["token_f1"]
        return (
            f"Dots with intervals. Token F1: {signed(gained['value'])}, "
            f"interval {interval(gained['interval'], sign=True)}."
        )
    if name == "against":
        gains = ", ".join(
            f"{other['label']}: {signed(other['differences']['token_f1']['value'])}"
            for other in report["against"].values()
        )
        return f"Dots with intervals. Token F1 gained over {gains}."
    arms = ", ".join(
        f"{arm['label']}: token F1 {number(arm['metrics']['token_f1'])}"
        for arm in report["arms"].values()
    )
    kind = "Marks for single answers" if name == "latency" else "Dots with intervals"
    return f"{kind}; the numbers are in the tables. {arms}."


def _examples(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Questions with every arm's raw output: drawn by a hash, so nobody picked them."""
    order = sorted(
        range(len(evaluation.cases)),
        key=lambda place: hashlib.sha256(
            f"{evaluation.seed}/{evaluation.cases[place].question.id}".encode()
        ).digest(),
    )
    return [
        {
            "question": evaluation.cases[place].question,
            "outputs": [_output(result, place) for result in evaluation.arms],
            "chunks": evaluation.cases[place].retrieved,
            "oracle_ids": evaluation.cases[place].oracle.ids,
        }
        for place in order[: evaluation.config.examples]
    ]


def _output(result: ArmResult, place: int) -> dict[str, Any]:
    judged = result.judgements[place]
    return {
        "label": result.arm.label,
        "completion": result.replies[place].completion,
        "right": judged.right,
        "refused": judged.refused,
        "well_formed": judged.well_formed,
        "truncated": result.replies[place].truncated,
        "f1": judged.tally.f1 if judged.tally.answerable else None,
        "quotes": judged.quotes,
    }
