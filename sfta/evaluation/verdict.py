"""Gates and the verdict: what the intervals allow to be said, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.baselines import BASELINES
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.opinion import about_fine_tuning, about_others, hardest_base, may_gain
from sfta.evaluation.rivals import Rival
from sfta.evaluation.statistics import Estimate

ALWAYS = frozenset({"beat_baseline", "beat_trivial", "quotes_hold"})
"""Gates of every report: no recipe can leave them out."""
HALF = 0.5
"""More of the quotes than this must be shown to hold, whatever a recipe says."""


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
    rivals: Sequence[Rival] = ()
    """Every other arm."""


def judge_gates(config: EvaluateConfig, found: Comparison) -> list[Gate]:
    """Every gate that is set, and those of `ALWAYS`."""
    strongest = _strongest(found)
    words, gained = hardest_base(found.gained, found.rivals)
    compared = [
        _above(
            "beat_baseline",
            gained["token_f1"].low if gained else None,
            f"lower end of the token F1 gained over {words}",
        ),
        _above(
            "beat_trivial",
            found.over_trivial[strongest].low,
            f"lower end of the overall F1 gained over {BASELINES[strongest].label}",
        ),
        _quotes_hold(found.candidate["quote_validity"]),
    ]
    measured = [
        _metric_gate("min_token_f1", "token_f1", config.min_token_f1, found),
        _metric_gate("min_refusal_f1", "refusal_f1", config.min_refusal_f1, found),
        _metric_gate("max_over_refusal", "over_refusal", config.max_over_refusal, found),
        _metric_gate("min_quote_validity", "quote_validity", config.min_quote_validity, found),
    ]
    return [*(gate for gate in measured if gate is not None), *compared]


def verdict(gates: list[Gate], found: Comparison) -> str:
    """A few sentences: what was learned about fine-tuning, then whether it may ship."""
    failed = [gate for gate in gates if not gate.passed]
    if any(gate.name == "beat_trivial" for gate in failed):
        others = [_spell(gate) for gate in failed if gate.name != "beat_trivial"]
        also = f" Not passed either: {', '.join(others)}." if others else ""
        return f"{_about_trivial(found)}{_about_quotes(failed, found)}{also}"
    said = about_fine_tuning(found.gained, found.rivals, found.questions)
    said += about_others(found.rivals) + _about_quotes(failed, found)
    if not failed:
        return f"{said} All gates are passed."
    return f"{said} It must not ship: {', '.join(_spell(gate) for gate in failed)}."


def _metric_gate(name: str, key: str, bound: float | None, found: Comparison) -> Gate | None:
    if bound is None:
        return None
    metric, value = BY_KEY[key], found.candidate[key].value
    if value is None:
        passed = False
    else:
        passed = value >= bound if metric.higher_is_better else value <= bound
    return Gate(name, value, bound, passed, metric.meaning)


def _above(name: str, value: float | None, meaning: str, bound: float = 0.0) -> Gate:
    return Gate(name, value, bound, value is not None and value > bound, meaning)


def _quotes_hold(validity: Estimate) -> Gate:
    """A citation is a promise to the reader: what mostly forges them never ships."""
    meaning = "lower end of the share of quotes that stand in the chunk they name"
    if validity.value is None:
        return _above(
            "quotes_hold", 1.0, f"{meaning}; it quotes nothing, so forges nothing", HALF
        )
    return _above("quotes_hold", validity.low, meaning, HALF)


def _strongest(found: Comparison) -> str:
    """The trivial baseline that the model beats by least."""
    # Of equals the first in the order of the baselines: the simplest to name.
    order = list(BASELINES)
    return min(
        found.over_trivial,
        key=lambda key: (found.over_trivial[key].low or 0.0, order.index(key)),
    )


def _about_trivial(found: Comparison) -> str:
    """Which systems without a model do as well, or may."""
    unbeaten = {
        BASELINES[key].label: gained
        for key, gained in found.over_trivial.items()
        if gained.low is None or gained.low <= 0
    }
    names = " or ".join(unbeaten)
    if any(may_gain(gained) for gained in unbeaten.values()):
        return (
            f"Do not ship yet: {found.questions} questions cannot show that the trained model "
            f"is better than {names}."
        )
    return (
        f"Do not ship: on {found.questions} questions the trained model is not better "
        f"than {names}."
    )


def _about_quotes(failed: Sequence[Gate], found: Comparison) -> str:
    validity = found.candidate["quote_validity"].value
    if validity is None or all(gate.name != "quotes_hold" for gate in failed):
        return ""
    return (
        f" Its quotes cannot be trusted: {1 - validity:.0%} of them do not stand in the chunk "
        "they name."
    )


def _spell(gate: Gate) -> str:
    if gate.value is None:
        return f"{gate.name} cannot be measured"
    if gate.name.startswith("beat_"):
        return f"{gate.name} is not shown"
    relation = "above" if gate.name.startswith("max_") else "below"
    return f"{gate.name} is {gate.value:.3f}, {relation} {gate.bound:g}"
