"""How many rows of which sort a dataset gets, from its shares and from what there is."""

import math
from dataclasses import dataclass

from sfta.raft.config import GenerateConfig
from sfta.raft.row_config import ContextConfig


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rows of which sort."""

    with_oracle: int
    without_oracle: int
    near_miss: int
    paired: int
    """Rows without oracle that repeat the question of a row with it."""

    @property
    def questions(self) -> int:
        """Answerable questions that are needed."""
        return self.with_oracle + self.without_oracle - self.paired


def answered_share(config: ContextConfig) -> float:
    """Share of the rows without oracle whose target is the answer all the same."""
    return {"refuse": 0.0, "answer": 1.0, "mixed": config.answered_without}[
        config.without_oracle
    ]


def make_plan(
    config: GenerateConfig, answerable: int, unanswerable: int, *, cap: Plan | None = None
) -> Plan:
    """Split the rows that can be made into sorts, by the shares of the configuration.

    With `cap`, no sort gets more rows than there.
    """
    fraction = config.context.oracle_fraction
    answered = answered_share(config.context)
    refusals = config.refusal_share

    def plan_for(total: float) -> Plan:
        # Of the questions with an answer, these get it as their target.
        told = fraction + (1 - fraction) * answered
        asked = min(total * (1 - refusals) / told, total) if told > 0 else total
        with_oracle = round(asked * fraction)
        without = round(asked) - with_oracle
        near = max(0, round(total) - with_oracle - without)
        paired = min(round(without * config.paired), with_oracle)
        return Plan(with_oracle, without, min(near, unanswerable), paired)

    most = config.max_rows or (answerable + unanswerable) * 2
    low, high = 0, most
    while low < high:  # the largest total whose questions are there
        middle = math.ceil((low + high) / 2)
        low, high = (
            (middle, high) if plan_for(middle).questions <= answerable else (low, middle - 1)
        )
    plan = plan_for(low)
    if cap is not None:
        plan = Plan(min(plan.with_oracle, cap.with_oracle),
                    min(plan.without_oracle, cap.without_oracle),
                    min(plan.near_miss, cap.near_miss), min(plan.paired, cap.paired))  # fmt: skip
    return plan
