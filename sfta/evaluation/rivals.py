"""What the trained model gains over every other arm, question by question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.config import BASE, CANDIDATE, TRAINED
from sfta.evaluation.outcome import Evaluation
from sfta.evaluation.statistics import Drawn, Estimate, McNemar, difference, mcnemar

BASE_WORDS: Mapping[str, str] = {
    "rag": "the base model with the same chunks",
    "few_shot": "the base model with the same chunks and examples",
    "closed": "the base model without documents",
}
"""What the base model is called in a sentence, by what it is given. Oracle chunks are not among
them: nobody has them when a question is asked."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another arm, and what the trained model gains over it on the same questions."""

    name: str
    label: str
    model: str
    context: str
    gained: Mapping[str, Estimate]
    """By metric; paired."""
    right: McNemar
    """Right or wrong, the trained model first."""

    @property
    def is_base(self) -> bool:
        """What could be used in place of training."""
        return self.model == BASE and self.context in BASE_WORDS

    @property
    def is_other(self) -> bool:
        """Another model, asked as it could be asked in use."""
        return self.model not in (BASE, TRAINED) and self.context in BASE_WORDS

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "label": self.label,
            "differences": {
                key: {"value": found.value, "interval": found.interval}
                for key, found in self.gained.items()
            },
            "mcnemar": {
                "only_trained_right": self.right.only_first,
                "only_other_right": self.right.only_second,
                "p_value": self.right.p_value,
            },
        }


def rivals_of(evaluation: Evaluation, drawn: Mapping[str, Drawn]) -> Sequence[Rival]:
    """Every arm but the one of the gates, in the order of the recipe."""
    by_name = {result.arm.name: result for result in evaluation.arms}
    trained = [judged.right for judged in by_name[CANDIDATE].judgements]
    return [
        Rival(
            name=name,
            label=result.arm.label,
            model=result.arm.model,
            context=result.arm.context,
            gained={
                metric.key: difference(metric, drawn[CANDIDATE], drawn[name])
                for metric in METRICS
            },
            right=mcnemar(trained, [judged.right for judged in result.judgements]),
        )
        for name, result in by_name.items()
        if name != CANDIDATE
    ]
