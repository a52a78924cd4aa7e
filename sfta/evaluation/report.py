"""Writing a report: report.html, report.json, answers.jsonl, metrics.csv, timings.json, PNGs.

All but timings.json, and what report.html shows of it, have the same bytes for the same
answers.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.arms import Reply
from sfta.evaluation.clusters import clusters_of
from sfta.evaluation.config import CANDIDATE
from sfta.evaluation.costs import Spent, costs
from sfta.evaluation.html import render_html
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.page import Pictures
from sfta.evaluation.results import results
from sfta_edge.manifest import canonical_json, write_durably


@dataclass(frozen=True, slots=True)
class Timed:
    """Measured on this machine, and different on every other."""

    milliseconds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Of single answers, by arm."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Processor, threads and versions."""
    alone: Mapping[str, Sequence[Reply]] = field(default_factory=dict)
    """Replies to the questions that were asked alone, by arm."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """What endpoints counted, by arm."""


def write_report(evaluation: Evaluation, timed: Timed, out: Path) -> dict[str, Any]:
    """Write every file of the report into a folder; return the content of report.json."""
    # Loaded here because matplotlib takes seconds.
    from sfta.evaluation.plots import THEMES, figures

    report, timings = results(evaluation), _timings(evaluation, timed)
    pictures = Pictures(
        light=figures(report, timed.milliseconds, THEMES["light"]),
        dark=figures(report, timed.milliseconds, THEMES["dark"]),
    )
    for name, png in pictures.light.items():
        write_durably(out / f"{name}.png", png)
    write_durably(out / "report.json", _indented(report))
    write_durably(out / "timings.json", _indented(timings))
    write_durably(out / "metrics.csv", _csv(report).encode())
    lines = [canonical_json(line) + b"\n" for line in _answers(evaluation)]
    write_durably(out / "answers.jsonl", b"".join(lines))
    page = render_html(evaluation, report, timings, pictures)
    write_durably(out / "report.html", page.encode())
    return report


def _timings(evaluation: Evaluation, timed: Timed) -> dict[str, Any]:
    arms = {}
    for result in evaluation.arms:
        single = timed.milliseconds.get(result.arm.name)
        if single:
            arms[result.arm.name] = {
                "answers": len(single),
                "median_ms": round(float(np.median(single)), 1),
                "p95_ms": round(float(np.quantile(single, 0.95)), 1),
                "prompt_tokens": _mean([reply.prompt_tokens for reply in result.replies]),
                "answer_tokens": _mean([reply.answer_tokens for reply in result.replies]),
                **_alone(timed.alone.get(result.arm.name, ())),
            }
    return {
        "arms": arms,
        "costs": costs(evaluation, timed.milliseconds, timed.spent),
        "environment": dict(timed.environment),
    }


def _alone(replies: Sequence[Reply]) -> dict[str, Any]:
    """Time to the first text and memory, of the questions asked alone and of each of them."""
    asked = [reply for reply in replies if reply.prompt_tokens]
    if not asked:
        return {}
    first = [reply.first_token_ms for reply in asked]
    return {
        "first_token_median_ms": round(float(np.median(first)), 1),
        "first_token_p95_ms": round(float(np.quantile(first, 0.95)), 1),
        "resident_mb": _megabytes(max(reply.resident_bytes for reply in asked)),
        "questions": [
            {
                "id": reply.id,
                "ms": reply.milliseconds,
                "first_token_ms": reply.first_token_ms,
                "prompt_tokens": reply.prompt_tokens,
                "answer_tokens": reply.answer_tokens,
                "resident_mb": _megabytes(reply.resident_bytes),
            }
            for reply in asked
        ],
    }


def _megabytes(size: int) -> float | None:
    return round(size / 1e6, 1) if size else None


def _mean(numbers: Sequence[int]) -> float:
    return round(sum(numbers) / len(numbers), 1)


def _answers(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """One line per question and arm, in the order of the benchmark."""
    clusters = clusters_of(evaluation.cases, evaluation.config.cluster).names
    for place, case in enumerate(evaluation.cases):
        for result in evaluation.arms:
            yield {
                "id": case.question.id,
                "arm": result.arm.name,
                "question": case.question.question,
                "answers": list(case.question.answers),
                "answerable": case.question.answerable,
                "kind": case.question.kind,
                "cluster": clusters[place],
                **_answer(result, place),
            }


def _answer(result: ArmResult, place: int) -> dict[str, Any]:
    reply, judged = result.replies[place], result.judgements[place]
    return {
        "completion": reply.completion,
        "answer": judged.answer,
        "refused": judged.refused,
        "right": judged.right,
        "well_formed": judged.well_formed,
        "truncated": reply.truncated,
        "prompt_tokens": reply.prompt_tokens,
        "answer_tokens": reply.answer_tokens,
        "quotes": [asdict(quote) for quote in judged.quotes],
        "token_f1": round(judged.tally.f1, 6),
        "exact_match": bool(judged.tally.exact),
        "contains": bool(judged.tally.contains),
        "rouge_l": round(judged.tally.rouge, 6),
        "answer_in_context": bool(judged.tally.held),
        "context": list(reply.given),
        # Every metric is a ratio of sums of these, so two reports can be compared in pairs.
        "tally": {name: round(value, 6) for name, value in asdict(judged.tally).items()},
    }


def _csv(report: Mapping[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "metric", "value", "low", "high", "counted"])
    for name, arm in {**report["arms"], **report["baselines"]}.items():
        for metric in METRICS:
            key = metric.key
            interval = arm["intervals"][key] or [None, None]
            writer.writerow([name, key, arm["metrics"][key], *interval, arm["counted"][key]])
    against = {f"{CANDIDATE} - {n}": o["differences"] for n, o in report["against"].items()}
    for name, differences in {"difference": report["differences"], **against}.items():
        for key, gained in differences.items():
            interval = gained["interval"] or [None, None]
            writer.writerow([name, key, gained["value"], *interval, report["n"]["questions"]])
    return text.getvalue()


def _indented(value: object) -> bytes:
    """For people: the same value always has the same bytes."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()
