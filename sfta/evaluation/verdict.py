"""Gates and the verdict: what the intervals allow to be said, in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.baselines import BASELINES
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.statistics import Estimate

ALWAYS = frozenset({"beat_baseline", "beat_trivial"})
"""Gates of every report: no recipe can leave them out."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The least, or the most, a number may be."""

    name: str
    value: float | None
    """None: it could not be measured, and the gate is not passed."""
    bound: float
    passed: bool
    meaning: str

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What gates and verdict are made from."""

    candidate: Mapping[str, Estimate]
    """Metrics of the trained model."""
    gained: Mapping[str, Estimate] | None
    """Differences to the base model with the same chunks; None: that arm was not asked."""
    over_trivial: Mapping[str, Estimate]
    """Overall F1 gained over each trivial baseline."""
    questions: int


def judge_gates(config: EvaluateConfig, found: Comparison) -> list[Gate]:
    """Every gate that is set, and those of `ALWAYS`."""
    strongest = _strongest(found)
    compared = [
        _above_zero(
            "beat_baseline",
            found.gained["token_f1"].low if found.gained else None,
            "lower end of the token F1 gained over the base model",
        ),
        _above_zero(
            "beat_trivial",
            found.over_trivial[strongest].low,
            f"lower end of the overall F1 gained over {BASELINES[strongest].label}",
        ),
    ]
    measured = [
        _metric_gate("min_token_f1", "token_f1", config.min_token_f1, found),
        _metric_gate("min_refusal_f1", "refusal_f1", config.min_refusal_f1, found),
        _metric_gate("max_over_refusal", "over_refusal", config.max_over_refusal, found),
        _metric_gate("min_quote_validity", "quote_validity", config.min_quote_validity, found),
    ]
    return [*(gate for gate in measured if gate is not None), *compared]


def verdict(gates: list[Gate], found: Comparison) -> str:
    """One or two sentences: what was learned about fine-tuning, then whether it may ship."""
    failed = [gate for gate in gates if not gate.passed]
    if any(gate.name == "beat_trivial" for gate in failed):
        label = BASELINES[_strongest(found)].label
        return (
            f"Do not ship: on {found.questions} questions the trained model is not better "
            f"than {label}."
        )
    comparison = _about_fine_tuning(found)
    if not failed:
        return f"{comparison} All gates are passed."
    names = ", ".join(_spell(gate) for gate in failed)
    return f"{comparison} It must not ship: {names}."


def _metric_gate(name: str, key: str, bound: float | None, found: Comparison) -> Gate | None:
    if bound is None:
        return None
    metric, value = BY_KEY[key], found.candidate[key].value
    if value is None:
        passed = False
    else:
        passed = value >= bound if metric.higher_is_better else value <= bound
    return Gate(name, value, bound, passed, metric.meaning)


def _above_zero(name: str, value: float | None, meaning: str) -> Gate:
    return Gate(name, value, 0.0, value is not None and value > 0, meaning)


def _strongest(found: Comparison) -> str:
    """The trivial baseline that the model beats by least."""
    return min(found.over_trivial, key=lambda key: (found.over_trivial[key].low or 0.0, key))


def _about_fine_tuning(found: Comparison) -> str:
    if found.gained is None:
        return "The base model was not asked, so nothing is known about the gain of training."
    answers, refusals = found.gained["token_f1"], found.gained["refusal_f1"]
    measured = (
        f"token F1 {_signed(answers.value)} "
        f"(95 % interval {_signed(answers.low)} to {_signed(answers.high)})"
    )
    opinion = {
        (1, 1): "Fine-tuning helps: it answers and refuses better than the base model",
        (1, 0): "Fine-tuning helps: it answers better than the base model",
        (1, -1): "Fine-tuning helps answering and hurts refusing",
        (0, 1): "Fine-tuning helps refusing only; its answers are as good as the base model's",
        (0, 0): "Do not fine-tune: the base model with the same chunks is as good",
        (0, -1): "Do not fine-tune: it hurts refusing and does not help answering",
        (-1, 1): "Fine-tuning trades answers for refusals",
        (-1, 0): "Do not fine-tune: the base model with the same chunks answers better",
        (-1, -1): "Do not fine-tune: the base model answers and refuses better",
    }[_sign(answers), _sign(refusals)]
    return f"{opinion}, as far as {found.questions} questions can tell: {measured}."


def _sign(gained: Estimate) -> int:
    """1 or -1 where the interval leaves out zero, 0 where it does not."""
    if gained.low is None or gained.high is None:
        return 0
    return int(gained.low > 0) - int(gained.high < 0)


def _signed(value: float | None) -> str:
    return "not measurable" if value is None else f"{value:+.3f}"


def _spell(gate: Gate) -> str:
    if gate.value is None:
        return f"{gate.name} cannot be measured"
    if gate.name.startswith("beat_"):
        return f"{gate.name} is not shown"
    relation = "below" if gate.name.startswith("min_") else "above"
    return f"{gate.name} is {gate.value:.3f}, {relation} {gate.bound:g}"
