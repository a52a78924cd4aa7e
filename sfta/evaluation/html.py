"""The report as one HTML file that needs nothing else: style and figures are inside.

Questions, outputs and document texts are untrusted. The template escapes all of them, and a
content security policy forbids scripts and every request.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.outcome import ArmResult, Evaluation

_CAPTIONS = {
    "metrics": "Metrics of each arm with 95 % intervals.",
    "differences": "What the trained model gains over the base model with the same chunks. "
    "An interval that crosses the line shows no difference.",
    "slices": "Overall F1 by kind of question, with 95 % intervals.",
    "latency": "Time of one answer, asked alone on the machine named below.",
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Figures by name, in both appearances."""

    light: Mapping[str, bytes]
    dark: Mapping[str, bytes]


def render_html(
    evaluation: Evaluation,
    report: Mapping[str, Any],
    timings: Mapping[str, Any],
    pictures: Pictures,
) -> str:
    """The whole page."""
    # Autoescape is on for every value: nothing below marks foreign text as safe.
    environment = Environment(
        loader=BaseLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "interval": _interval, "signed": _signed}
    source = files("sfta.evaluation").joinpath("report.html.j2").read_text("utf-8")
    style = files("sfta.evaluation").joinpath("report.css").read_text("utf-8")
    return environment.from_string(source).render(
        report=report,
        timings=timings,
        metrics=METRICS,
        style=Markup(style),  # noqa: S704 our own file
        figures=_figures(report, pictures),
        slices=_by_dimension(report["slices"]),
        examples=_examples(evaluation),
        title=report["settings"]["name"],
    )


def _figures(report: Mapping[str, Any], pictures: Pictures) -> dict[str, dict[str, str]]:
    return {
        name: {
            "light": _data_uri(pictures.light[name]),
            "dark": _data_uri(pictures.dark[name]),
            "caption": _CAPTIONS[name],
            "alt": _alternative(name, report),
        }
        for name in pictures.light
    }


def _alternative(name: str, report: Mapping[str, Any]) -> str:
    """What a reader who cannot see the figure is told."""
    if name == "differences":
        gained = report["differences"]["token_f1"]
        return (
            f"Dots with intervals. Token F1: {_signed(gained['value'])}, "
            f"interval {_interval(gained['interval'], signed=True)}."
        )
    arms = ", ".join(
        f"{arm['label']}: token F1 {_number(arm['metrics']['token_f1'])}"
        for arm in report["arms"].values()
    )
    kind = "Histogram" if name == "latency" else "Bars with intervals"
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


def _by_dimension(slices: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Slices in groups; a group of one says nothing and is left out."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for part in slices:
        grouped.setdefault(part["by"], []).append(part)
    return {name: parts for name, parts in grouped.items() if len(parts) > 1}


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.3f}".replace("-", "\u2212")


def _interval(pair: Sequence[float | None] | None, *, signed: bool = False) -> str:
    if pair is None or pair[0] is None or pair[1] is None:
        return ""
    if signed:
        return f"{_signed(pair[0])} to {_signed(pair[1])}"
    return f"{pair[0]:.3f} to {pair[1]:.3f}"
