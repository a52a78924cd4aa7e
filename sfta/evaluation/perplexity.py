"""How much the right answers surprise a model: perplexity per token, under the shipped prompt.

Perplexity is the exponential of the mean negative log-probability over all tokens of all answers
(Jelinek et al., 1977); a long answer weighs more than a short one. It says how likely the model
finds the right words and not whether it would say them: secondary, no gate reads it. Per token it
can be compared between models with one tokenizer only; bits per byte can between all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, log
from typing import Any, Protocol

import numpy as np

from sfta.evaluation.aggregate import Array, ratio
from sfta.evaluation.arms import Arm
from sfta.evaluation.cases import Case
from sfta.evaluation.outcome import gained
from sfta.evaluation.questions import draw_evenly
from sfta.evaluation.statistics import Drawn, Resampling, estimates
from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError, Limits
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import ScoringEngine
from sfta_edge.request import TextEngine, make_request
from sfta_edge.settings import AnswerSettings

_COLUMNS = ("kept", "loss", "tokens", "bytes", "answer_loss", "answer_tokens")


class ComparingEngine(TextEngine, ScoringEngine, Protocol):
    """An engine that says how likely a text is; `sfta_edge.engine.Engine` is one."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """What the right answers cost one arm."""

    table: Array
    """(questions, columns); zeros for a question that was not measured."""
    too_long: int = 0
    """Questions whose answer did not fit behind the prompt."""
    problem: str = ""
    """Why nothing was measured."""


def measured_questions(cases: Sequence[Case], most: int, seed: int) -> frozenset[str]:
    """Ids of the answerable questions that are measured, drawn evenly over the kinds."""
    answerable = [case.question for case in cases if case.question.answerable]
    return frozenset(question.id for question in draw_evenly(answerable, most, seed))


def arm_surprise(
    engine: ComparingEngine,
    contract: PromptContract,
    settings: AnswerSettings,
    arm: Arm,
    cases: Sequence[Case],
    chosen: frozenset[str],
) -> Surprise:
    """The loss of each chosen question's first accepted answer, as the contract spells it.

    The arm's prompt is the one it answers from. No answer is written.
    """
    table, too_long = np.zeros((len(cases), len(_COLUMNS))), 0
    for place, case in enumerate(cases):
        question = case.question
        if question.id not in chosen:
            continue
        completion = contract.completion([], question.answers[0])
        try:
            request = make_request(
                engine, contract, arm.chunks(case), question.question, settings
            )
            losses = _losses(
                engine, request.prompt, contract.completion_ids(completion, engine.tokenize)
            )
        except ContextOverflowError:
            too_long += 1
            continue
        except ConfigError as error:
            return Surprise(np.zeros_like(table), problem=str(error))
        behind = losses[_marker_tokens(engine, contract, completion) :]
        size = len(completion.encode())
        table[place] = 1, fsum(losses), len(losses), size, fsum(behind), len(behind)
    return Surprise(table, too_long)


def text_surprise(
    engine: ComparingEngine, contract: PromptContract, texts: Sequence[str]
) -> dict[str, Any]:
    """Perplexity of the documents' own words, each text read alone at the start of the user's turn.

    A text that does not fit into the context is left out and counted.
    """
    prefix = contract.prompt_ids([], "?", engine.tokenize)[0]
    room = engine.context_tokens - len(prefix)
    losses, size, too_long = list[float](), 0, 0
    for text in texts:
        ids = engine.tokenize(text)
        if len(ids) > room:
            too_long += 1
        elif ids:
            losses += _losses(engine, [prefix], ids)
            size += len(text.encode())
    found = _figures(np.array([1.0, fsum(losses), len(losses), size, 0.0, 0.0]))
    return {
        "texts": len(texts) - too_long,
        "too_long": too_long,
        "tokens": len(losses),
        "perplexity": _rounded(found["perplexity"]),
        "bits_per_byte": _rounded(found["bits_per_byte"]),
    }


def perplexity_figures(arms: Mapping[str, Surprise], resampling: Resampling) -> dict[str, Any]:
    """Perplexities with intervals, by arm, and the trained model's as a share of the base's."""
    drawn = {
        name: resampling.sums(found.table) for name, found in arms.items() if not found.problem
    }
    return {
        "arms": {
            name: _facts(drawn[name], found) if name in drawn else {"problem": found.problem}
            for name, found in arms.items()
        },
        "difference": gained(_figures, "answer_perplexity", drawn),
    }


def _losses(
    engine: ScoringEngine, prompt: list[list[int]], option: Sequence[int]
) -> list[float]:
    (scores,) = engine.score(prompt, [option], Limits(1)).options
    return [-score for score in scores]


def _marker_tokens(engine: TextEngine, contract: PromptContract, completion: str) -> int:
    """How many tokens the completion shares with its marker; what follows is the answer."""
    whole, marker = engine.tokenize(completion), engine.tokenize(contract.answer_marker)
    same = (one == other for one, other in zip(whole, marker, strict=False))
    return next((place for place, equal in enumerate(same) if not equal), len(marker))


def _facts(drawn: Drawn, found: Surprise) -> dict[str, Any]:
    return {
        "n": int(drawn.point[0]),
        "too_long": found.too_long,
        **{name: value.facts() for name, value in estimates(_figures, drawn).items()},
    }


def _figures(table: Array) -> dict[str, Array]:
    sums = {name: table[..., place] for place, name in enumerate(_COLUMNS)}
    return {
        "perplexity": np.exp(ratio(sums["loss"], sums["tokens"])),
        "answer_perplexity": np.exp(ratio(sums["answer_loss"], sums["answer_tokens"])),
        "bits_per_byte": ratio(sums["loss"], sums["bytes"]) / log(2),
    }


def _rounded(value: Array) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
