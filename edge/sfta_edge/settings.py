"""How questions are answered: the part of the manifest that steers the answerer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from sfta_edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each witness of a quote counts; fitted on validation rows, part of the manifest.

    Two witnesses speak for a sentence: the model, which finds its first words likely after the
    question, and the embedder, which finds sentence and question alike. Their weighted sum is its
    mark.
    """

    likelihood: float = 1.0
    """Of the sum of the log-probabilities of the first words."""
    similarity: float = 0.0
    """Of the cosine with the question."""
    refusal_constant: float = -2.0
    """Refusal score of the best sentence: the logistic function of this number,"""
    refusal_slope: float = 0.1
    """less this times its mark."""

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if not (_is_number(value) and math.isfinite(value)):
                raise ConfigError(f"answer settings: weights.{name} is no number: {value!r}")

    @property
    def need_similarity(self) -> bool:
        """Whether an embedder has to be asked."""
        return self.similarity != 0.0


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How questions are answered; part of the signed manifest."""

    top_k: int = 4
    """Chunks given to the model."""
    candidates: int = 32
    """Chunks that each of the two searches, words and vectors, hands to the fusion."""
    max_tokens: int = 160
    """Longest answer, quotes included."""
    context_tokens: int | None = None
    """Room for prompt and answer; default: all the engine has."""
    deadline_seconds: float | None = 120.0
    """Longest time for one question, waiting included; None: no limit."""
    refusal_threshold: float = 0.5
    """Refuse if the model's refusal score exceeds this; 0.5 is the model's own choice."""
    choose_quotes: bool = False
    """The quote is chosen among the sentences of the chunks instead of written; the refusal
    score then says how little speaks even for the best of them."""
    weights: Weights = field(default_factory=Weights)
    """How quotes are chosen."""
    strict: bool = False
    """Sentences that the documents do not support are withheld, see `withholding`."""
    neighbours: int = 0
    """Chunks before and after each one found that the model may read too, as far as they fit."""

    def __post_init__(self) -> None:
        problems = [
            f"{name} must be a whole number from 1 on, not {value!r}"
            for name in ("top_k", "candidates", "max_tokens", "context_tokens")
            if not _is_count(value := getattr(self, name))
            and not (name == "context_tokens" and value is None)
        ]
        seconds, threshold = self.deadline_seconds, self.refusal_threshold
        if seconds is not None and not (_is_number(seconds) and seconds > 0):
            problems.append(f"deadline_seconds must be more than 0, not {seconds!r}")
        if not (_is_number(threshold) and 0 < threshold < 1):
            problems.append(f"refusal_threshold lies between 0 and 1, not at {threshold!r}")
        problems += [
            f"{name} must be true or false, not {value!r}"
            for name in ("choose_quotes", "strict")
            if not isinstance(value := getattr(self, name), bool)
        ]
        if not (self.neighbours == 0 or _is_count(self.neighbours)) or self.neighbours is False:
            problems.append(f"neighbours must be 0 or more, not {self.neighbours!r}")
        if problems:
            raise ConfigError("answer settings: " + "; ".join(problems))

    @classmethod
    def from_facts(cls, facts: object) -> Self:
        """Read the settings of a manifest; what is not set has its default.

        Raises:
            ConfigError: an unknown name or an unusable value.
        """
        named = _named(facts, cls)
        if "weights" in named:
            named["weights"] = Weights(**_named(named["weights"], Weights))
        return cls(**named)

    @property
    def refusal_bias(self) -> float:
        """What the threshold adds to the logit of the refusal's first token."""
        return math.log((1.0 - self.refusal_threshold) / self.refusal_threshold)


def _named(facts: object, form: type) -> dict[str, Any]:
    """Facts as arguments of a dataclass."""
    known = {each.name for each in fields(form)}
    if not isinstance(facts, Mapping) or not set(facts) <= known:
        raise ConfigError(
            f"answer settings are not readable: {facts!r}",
            hint=f"This version knows {', '.join(sorted(known))}. Update sfta-edge.",
        )
    return dict(facts)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
