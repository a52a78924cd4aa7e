"""Metrics of an arm: ratios of sums over its questions.

Every metric is a formula over column sums. So the same formula gives the value of the whole
benchmark and, on resampled sums, its interval.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sfta.evaluation.judgement import Tally

Array = NDArray[np.float64]
Sums = Mapping[str, Array]
COLUMNS = tuple(column.name for column in fields(Tally))


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of an arm."""

    key: str
    label: str
    meaning: str
    formula: Callable[[Sums], Array]
    """From sums of any shape; NaN where no question counts."""
    counted: Callable[[Sums], Array]
    """How many cases the ratio stands on."""
    higher_is_better: bool = True


def columns(tallies: Sequence[Tally]) -> Array:
    """One row per question, one column per field of `Tally`."""
    rows = [astuple(tally) for tally in tallies]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))


def sums_of(table: Array) -> Sums:
    """Sums by column name; leading axes stay, so resampled tables give arrays."""
    return {name: table[..., index] for index, name in enumerate(COLUMNS)}


def ratio(part: Array, whole: Array) -> Array:
    """Part by whole; NaN where the whole is nothing."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _share(part: str, whole: str) -> tuple[Callable[[Sums], Array], Callable[[Sums], Array]]:
    return (lambda s: ratio(s[part], s[whole])), (lambda s: s[whole])


def _unheld(s: Sums) -> Array:
    return s["questions"] - s["held"]


def _answered(s: Sums) -> Array:
    return s["questions"] - s["refused"]


def _refused_unheld(s: Sums) -> Array:
    return s["refused"] - s["refused_held"]


def _refusal_f1(s: Sums) -> Array:
    both = np.where(_unheld(s) > 0, s["refused"] + _unheld(s), 0.0)
    return ratio(2 * _refused_unheld(s), both)


def _answer_f1(s: Sums) -> Array:
    both = np.where(s["held"] > 0, _answered(s) + s["held"], 0.0)
    return ratio(2 * (s["held"] - s["refused_held"]), both)


def _question_refusal_f1(s: Sums) -> Array:
    unanswerable = s["questions"] - s["answerable"]
    both = np.where(unanswerable > 0, s["refused"] + unanswerable, 0.0)
    return ratio(2 * (s["refused"] - s["refused_answerable"]), both)


METRICS: tuple[Metric, ...] = (
    Metric(
        "token_f1",
        "Token F1",
        "answerable questions; overlap of the final answer with the best accepted answer",
        *_share("f1", "answerable"),
    ),
    Metric(
        "exact_match",
        "Exact match",
        "answerable questions; the final answer is an accepted answer",
        *_share("exact", "answerable"),
    ),
    Metric(
        "contains",
        "Contains the answer",
        "answerable questions; an accepted answer stands anywhere in the output",
        *_share("contains", "answerable"),
    ),
    Metric(
        "rouge_l",
        "ROUGE-L",
        "answerable questions; longest common run of words, gaps allowed, with the best reference",
        *_share("rouge", "answerable"),
    ),
    Metric(
        "overall_f1",
        "Overall F1 (SQuAD 2.0)",
        "all questions; a right refusal of an unanswerable question counts 1",
        *_share("overall", "questions"),
    ),
    Metric(
        "token_f1_in_context",
        "Token F1, answer in context",
        "questions whose oracle chunk was in the context",
        *_share("f1_held", "held"),
    ),
    Metric(
        "token_f1_in_form",
        "Token F1, in the answer form",
        "answerable questions; an answer without its marker counts 0",
        *_share("f1_formed", "answerable"),
    ),
    Metric(
        "refusal_f1",
        "Refusal F1",
        "refusing exactly where the context does not hold the answer",
        _refusal_f1,
        _unheld,
    ),
    Metric(
        "refusal_precision",
        "Refusal precision",
        "refusals that were right, of all refusals",
        lambda s: ratio(_refused_unheld(s), s["refused"]),
        lambda s: s["refused"],
    ),
    Metric(
        "refusal_recall",
        "Refusal recall",
        "refused, of the questions whose answer is not in the context",
        lambda s: ratio(_refused_unheld(s), _unheld(s)),
        _unheld,
    ),
    Metric(
        "f1_gr",
        "Grounded refusal F1",
        "mean of refusal F1 and the same for answering (Trust-Score's F1 GR)",
        lambda s: (_refusal_f1(s) + _answer_f1(s)) / 2,
        lambda s: s["questions"],
    ),
    Metric(
        "refusal_f1_by_question",
        "Refusal F1, by question",
        "the same, if only questions that the corpus cannot answer should be refused",
        _question_refusal_f1,
        lambda s: s["questions"] - s["answerable"],
    ),
    Metric(
        "over_refusal",
        "Over-refusal",
        "refused although the answer was in the context",
        *_share("refused_held", "held"),
        higher_is_better=False,
    ),
    Metric(
        "over_refusal_by_question",
        "Over-refusal, by question",
        "refused although the corpus holds the answer",
        *_share("refused_answerable", "answerable"),
        higher_is_better=False,
    ),
    Metric(
        "unsupported_answers",
        "Unsupported answers",
        "answered although the context does not hold the answer",
        lambda s: ratio(_unheld(s) - _refused_unheld(s), _unheld(s)),
        _unheld,
        higher_is_better=False,
    ),
    Metric(
        "quote_validity",
        "Quote validity",
        "quotes that stand word for word in the chunk they name",
        *_share("quotes_valid", "quotes"),
    ),
    Metric(
        "supported_answers",
        "Answers with valid quotes",
        "of the answers given, those with a quote and no invalid one",
        lambda s: ratio(s["supported"], _answered(s)),
        _answered,
    ),
    Metric(
        "citation_precision",
        "Citation precision",
        "cited chunks that are oracle chunks",
        *_share("cited_oracle", "cited"),
    ),
    Metric(
        "citation_recall",
        "Citation recall",
        "where the context holds the answer: cited, of the oracle chunks that the answer needs",
        *_share("citable_hit", "citable"),
    ),
    Metric(
        "exact_refusals",
        "Refusals in the exact sentence",
        "refusals that are the contract's sentence and nothing else",
        *_share("refused_exactly", "refused"),
    ),
    Metric(
        "format_failures",
        "Format failures",
        "neither a marked final answer nor the refusal sentence alone",
        *_share("ill_formed", "questions"),
        higher_is_better=False,
    ),
    Metric(
        "truncated",
        "Truncated",
        "cut at the longest answer",
        *_share("truncated", "questions"),
        higher_is_better=False,
    ),
)
BY_KEY: Mapping[str, Metric] = {metric.key: metric for metric in METRICS}
