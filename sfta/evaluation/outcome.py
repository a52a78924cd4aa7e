"""What was asked, what each arm answered, and how it was judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sfta.evaluation.aggregate import Array, columns
from sfta.evaluation.arms import Arm, Reply
from sfta.evaluation.cases import Case
from sfta.evaluation.clusters import clusters_of
from sfta.evaluation.config import BASELINE, CANDIDATE, EvaluateConfig
from sfta.evaluation.judgement import Judgement
from sfta.evaluation.leakage import Leakage
from sfta.evaluation.statistics import Drawn, Figures, Resampling, contrast
from sfta_edge.prompt import PromptContract


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm's replies, judged; in the order of the cases."""

    arm: Arm
    replies: Sequence[Reply]
    judgements: Sequence[Judgement]
    remarks: Sequence[str] = ()
    """What a reader must know of how it was asked; one sentence each."""

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
    further: Mapping[str, Any] = field(default_factory=dict)
    """Secondary figures by name: cosine, judge, perplexity. No gate reads them."""

    def resampling(self) -> Resampling:
        """The draws behind every interval; the same each time, so that all are paired."""
        clusters = clusters_of(self.cases, self.config.cluster)
        return Resampling(clusters.names, self.config.resamples, self.seed)


def gained(figures: Figures, name: str, drawn: Mapping[str, Drawn]) -> dict[str, Any] | None:
    """What the trained model has more than the base model with the same chunks, for the report.

    None: one of the two was not asked.
    """
    if BASELINE not in drawn or CANDIDATE not in drawn:
        return None
    return contrast(figures, name, drawn[CANDIDATE], drawn[BASELINE]).facts()
