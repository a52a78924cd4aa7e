"""What a thousand questions cost with each arm: tokens, seconds on this machine, money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sfta.evaluation.outcome import Evaluation

PER = 1000
"""Questions that the figures are for."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an endpoint counted for all answers of one arm."""

    prompt_tokens: int
    completion_tokens: int
    money: float | None = None
    """None: no price is known."""
    currency: str = ""
    """ISO 4217 code."""


def costs(
    evaluation: Evaluation,
    milliseconds: Mapping[str, Sequence[float]],
    spent: Mapping[str, Spent],
) -> dict[str, dict[str, Any]]:
    """Figures for `PER` questions by arm; an arm that counted no token is left out.

    Args:
        evaluation: whose replies say how many tokens a local model read and wrote.
        milliseconds: of the questions that were asked alone, by arm.
        spent: of arms behind an endpoint, by arm; takes the place of what the replies say.
    """
    found = {}
    for result in evaluation.arms:
        counted = spent.get(result.arm.name) or Spent(
            sum(reply.prompt_tokens for reply in result.replies),
            sum(reply.answer_tokens for reply in result.replies),
        )
        if not counted.prompt_tokens:
            continue
        share = PER / len(result.replies)
        single = milliseconds.get(result.arm.name)
        found[result.arm.name] = {
            "tokens_in": round(counted.prompt_tokens * share),
            "tokens_out": round(counted.completion_tokens * share),
            # The device answers one question after the other.
            "seconds": round(fmean(single) * PER / 1000, 1) if single else None,
            "money": None if counted.money is None else round(counted.money * share, 6),
            "currency": counted.currency,
        }
    return found
