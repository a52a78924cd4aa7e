"""What was asked, what each arm answered, and how it was judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.evaluation.aggregate import Array, columns
from sfta.evaluation.arms import Arm, Reply
from sfta.evaluation.cases import Case
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.judgement import Judgement
from sfta.evaluation.leakage import Leakage
from sfta_edge.prompt import PromptContract


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm's replies, judged; in the order of the cases."""

    arm: Arm
    replies: Sequence[Reply]
    judgements: Sequence[Judgement]

    @property
    def table(self) -> Array:
        """(questions, columns)."""
        return columns([judgement.tally for judgement in self.judgements])


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was asked and answered."""

    cases: Sequence[Case]
    arms: Sequence[ArmResult]
    contract: PromptContract
    leakage: Leakage
    config: EvaluateConfig
    settings: Mapping[str, Any]
    """Scheme, top_k, digests of the inputs: what a reader needs to do it again."""
    seed: int
