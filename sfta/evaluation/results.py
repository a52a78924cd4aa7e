"""Everything the report says, as plain data: the same answers give the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sfta.evaluation.aggregate import BY_KEY, METRICS, Array, columns, sums_of
from sfta.evaluation.baselines import BASELINES, judge_baseline
from sfta.evaluation.cases import Case
from sfta.evaluation.caveats import warnings
from sfta.evaluation.clusters import clusters_of
from sfta.evaluation.config import BASELINE, CANDIDATE
from sfta.evaluation.outcome import Evaluation
from sfta.evaluation.retrieval import retrieval_figures
from sfta.evaluation.rivals import rivals_of
from sfta.evaluation.statistics import (
    CONFIDENCE,
    Drawn,
    Estimate,
    Resampling,
    difference,
    estimate,
    mcnemar,
)
from sfta.evaluation.verdict import Comparison, judge_gates, verdict

SCHEMA = "sfta.report/1"


def results(evaluation: Evaluation) -> dict[str, Any]:
    """The content of report.json.

    Metrics and intervals are rounded to six digits; a metric no question counts for is null.
    """
    clusters = clusters_of(evaluation.cases, evaluation.config.cluster)
    resampling = evaluation.resampling()
    tables: dict[str, Array] = {result.arm.name: result.table for result in evaluation.arms}
    drawn: dict[str, Drawn] = {name: resampling.sums(table) for name, table in tables.items()}
    trivial = _trivial(evaluation, resampling)
    found = _comparison(evaluation, drawn, trivial)
    gates = judge_gates(evaluation.config, found)
    labels = {result.arm.name: result.arm.label for result in evaluation.arms}
    gained = (found.gained or {}).items()
    return {
        **evaluation.further,
        "schema": SCHEMA,
        "n": _counts(evaluation.cases, resampling),
        "arms": {name: {"label": labels[name], **_facts(drawn[name])} for name in labels},
        "baselines": {
            key: {"label": BASELINES[key].label, **_facts(trivial[key])} for key in trivial
        },
        "differences": {
            key: {"value": value.value, "interval": value.interval} for key, value in gained
        },
        "mcnemar": _mcnemar(evaluation),
        "against": {rival.name: rival.facts() for rival in found.rivals},
        "retrieval": retrieval_figures(evaluation.cases, resampling),
        "slices": _slices(evaluation, tables, resampling),
        "leakage": evaluation.leakage.facts(),
        "gates": [gate.facts() for gate in gates],
        "passed": all(gate.passed for gate in gates),
        "verdict": verdict(gates, found),
        "warnings": warnings(evaluation, clusters),
        "settings": {
            **evaluation.settings,
            "cluster": clusters.level,
            "seed": evaluation.seed,
            "confidence": CONFIDENCE,
        },
    }


def _trivial(evaluation: Evaluation, resampling: Resampling) -> dict[str, Drawn]:
    cases, contract = evaluation.cases, evaluation.contract
    return {
        key: resampling.sums(
            columns([judged.tally for judged in judge_baseline(baseline, cases, contract)])
        )
        for key, baseline in BASELINES.items()
    }


def _comparison(
    evaluation: Evaluation, drawn: Mapping[str, Drawn], trivial: Mapping[str, Drawn]
) -> Comparison:
    overall, model = BY_KEY["overall_f1"], drawn[CANDIDATE]
    gained = None
    if BASELINE in drawn:
        gained = {m.key: difference(m, model, drawn[BASELINE]) for m in METRICS}
    return Comparison(
        candidate=_estimates(model),
        gained=gained,
        over_trivial={key: difference(overall, model, t) for key, t in trivial.items()},
        questions=len(evaluation.cases),
        rivals=rivals_of(evaluation, drawn),
    )


def _estimates(drawn: Drawn) -> dict[str, Estimate]:
    return {metric.key: estimate(metric, drawn) for metric in METRICS}


def _facts(drawn: Drawn) -> dict[str, Any]:
    found = _estimates(drawn)
    sums = sums_of(drawn.point)
    return {
        "metrics": {key: value.value for key, value in found.items()},
        "intervals": {key: value.interval for key, value in found.items()},
        "counted": {metric.key: int(metric.counted(sums)) for metric in METRICS},
    }


def _counts(cases: Sequence[Case], resampling: Resampling) -> dict[str, int]:
    answerable = [case for case in cases if case.question.answerable]
    return {
        "questions": len(cases),
        "answerable": len(answerable),
        "unanswerable": len(cases) - len(answerable),
        "oracle_known": sum(bool(case.oracle.ids) for case in answerable),
        "clusters": resampling.clusters,
    }


def _mcnemar(evaluation: Evaluation) -> dict[str, Any] | None:
    """Right or wrong, candidate against baseline, over all questions."""
    by_name = {result.arm.name: result for result in evaluation.arms}
    if BASELINE not in by_name:
        return None
    right = [[j.right for j in by_name[name].judgements] for name in (CANDIDATE, BASELINE)]
    test = mcnemar(right[0], right[1])
    return {
        "only_trained_right": test.only_first,
        "only_base_right": test.only_second,
        "p_value": test.p_value,
    }


def _slices(
    evaluation: Evaluation, tables: Mapping[str, Array], resampling: Resampling
) -> list[dict[str, Any]]:
    """Overall F1 by kind of question, by place of the oracle chunk, by leakage, by test set."""
    seen = evaluation.leakage.ids
    labels = {
        "kind": [case.question.kind for case in evaluation.cases],
        "place of the answer": [_place(case) for case in evaluation.cases],
        "in training data": [
            "seen" if case.question.id in seen else "not seen" for case in evaluation.cases
        ],
    }
    if any(case.question.test_set for case in evaluation.cases):
        # Reading documents one was trained on and reading new ones are two abilities.
        labels["test set"] = [case.question.test_set or "none" for case in evaluation.cases]
    found = []
    for dimension, names in labels.items():
        for name in sorted(set(names)):
            mask = np.array([float(other == name) for other in names])[:, None]
            arms = {
                arm: asdict(estimate(BY_KEY["overall_f1"], resampling.sums(table * mask)))
                for arm, table in tables.items()
            }
            found.append({"by": dimension, "name": name, "n": int(mask.sum()), "arms": arms})
    return found


def _place(case: Case) -> str:
    if not case.question.answerable:
        return "no answer in the corpus"
    if not case.oracle.ids:
        return "oracle not known"
    for number, chunk in enumerate(case.retrieved, 1):
        if chunk.id in case.oracle.ids:
            return f"chunk {number:02d}"
    return "not retrieved"
