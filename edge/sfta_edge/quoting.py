"""Quotes that cannot be wrong: they are chosen among the sentences that are there.

A small model knows better where an answer stands than how to copy it: it garbles a number or
names the neighbouring chunk. So it does not write quotes. Every sentence, list item and table
row of its chunks is a candidate, and two witnesses speak for each: the model's own probability
of its first words behind the prompt, and the embedder's cosine with the question. Each is
right about half of the time and wrong about other sentences than the other. The model then
writes the answer behind the best.

The same figures tell when to refuse: if little speaks even for the best candidate, the chunks
do not hold the answer.
"""

import math
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits, Prompt, Scored, Timings
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import CitableChunk
from sfta_edge.request import tokenize_all
from sfta_edge.sentences import sentences
from sfta_edge.settings import AnswerSettings, Weights

Similar = Callable[[str, Sequence[str]], Sequence[float]]
"""``(question, texts) -> cosine of each text with the question``."""

DECISIVE_TOKENS = 12
"""The choice is made in a quote's first words; what follows is copying, and adds noise."""

_FEWEST_CHARACTERS = 3
_MARKER = re.compile(r"^(?:\(?\d{1,3}[.)]|[-*\u2022])\s+")
_RULE = re.compile(r"^[-|:\s]+$")


class HeadedChunk(Protocol):
    """What candidates are made of."""

    @property
    def heading(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One text that may be quoted."""

    number: int
    """Which of the chunks, from 1."""
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one candidate."""

    tokens: tuple[float, ...]
    """Natural logarithm of the probability of each of its first tokens, at least one."""
    similarity: float = 0.0
    """Cosine with the question."""

    @property
    def likelihood(self) -> float:
        """Logarithm of the probability of all of them."""
        return math.fsum(self.tokens)


@dataclass(frozen=True, slots=True)
class Choice:
    """What would be quoted."""

    index: int
    """Which candidate."""
    refusal_score: float
    """How little speaks even for it: 0 to 1."""


class ScoringEngine(Protocol):
    """An engine that compares texts before it writes."""

    def tokenize(self, text: str, special: bool = False) -> list[int]: ...  # noqa: FBT001, FBT002 prompt.Tokenize

    def score(
        self, prompt: Prompt, options: Sequence[Sequence[int]], limits: Limits
    ) -> Scored: ...

    def stream(self, prompt: Prompt, limits: Limits) -> Generator[str, None, Generation]: ...


@dataclass(frozen=True, slots=True)
class Quoting:
    """What an answer with a chosen quote is made from."""

    contract: PromptContract
    prompt: list[list[int]]
    chunks: Sequence[CitableChunk]
    question: str
    settings: AnswerSettings
    similar: Similar | None = None
    """Needed if the weights count similarity."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """All candidates with what speaks for them."""

    candidates: tuple[Candidate, ...]
    ids: tuple[list[int], ...]
    """Each as the beginning of an answer."""
    evidence: tuple[Evidence, ...]
    """Empty if the comparison was interrupted."""
    scored: Scored


def weigh(engine: ScoringEngine, asked: Quoting, limits: Limits) -> Weighed | None:
    """Ask both witnesses about every candidate that an answer has room for; None: there is none.

    Raises:
        ConfigError: the weights count similarity, and there is no embedder to ask.
    """
    found = candidates(asked.chunks)
    ids = tokenize_all(engine, [opening(candidate, asked.contract) for candidate in found])
    options = [
        pair for pair in zip(found, ids, strict=True) if len(pair[1]) < limits.max_tokens
    ]
    if not options:
        return None
    fit, openings = zip(*options, strict=True)
    scored = engine.score(asked.prompt, [each[:DECISIVE_TOKENS] for each in openings], limits)
    if scored.interrupted:
        return Weighed(fit, openings, (), scored)
    similar = _similarities(asked, [candidate.text for candidate in fit])
    pairs = zip(scored.options, similar, strict=True)
    return Weighed(fit, openings, tuple(Evidence(*pair) for pair in pairs), scored)


def write_with_quote(
    engine: ScoringEngine, asked: Quoting, limits: Limits
) -> Generator[str, None, Generation]:
    """Choose a quote or refuse, then let the model write the answer behind the quote.

    The refusal score stands in `Generation.first_token_scores`, under the refusal's first
    token, where it stands for quotes that the model writes.
    """
    weighed = weigh(engine, asked, limits)
    if weighed is None:
        return (yield from engine.stream(asked.prompt, limits))
    scored = weighed.scored
    before = Timings(prefill_ms=scored.milliseconds)
    if scored.interrupted:
        return Generation("", (), scored.interrupted, scored.prompt_tokens, timings=before)
    choice = choose(weighed.evidence, asked.settings.weights)
    refusal = engine.tokenize(asked.contract.refusal)
    scores = {refusal[0]: choice.refusal_score}
    count, reused = scored.prompt_tokens, scored.reused_tokens
    if choice.refusal_score > asked.settings.refusal_threshold:
        text = asked.contract.refusal
        yield text
        return Generation(text, tuple(refusal), "stop", count, reused, before, scores)
    ids = weighed.ids[choice.index]
    text = opening(weighed.candidates[choice.index], asked.contract)
    yield text
    left = replace(limits, max_tokens=limits.max_tokens - len(ids), first_token_bias={})
    rest = yield from engine.stream([*asked.prompt, ids], left)
    return replace(
        rest,
        text=text + rest.text,
        token_ids=(*ids, *rest.token_ids),
        prompt_tokens=count,
        reused_tokens=reused,
        timings=Timings(before.prefill_ms + rest.timings.prefill_ms, rest.timings.decode_ms),
        first_token_scores=scores,
    )


def candidates(chunks: Sequence[HeadedChunk]) -> list[Candidate]:
    """Sentences, list items and table rows of the chunks, in their order, each once a chunk.

    A heading names what is said below it, and is no quote.
    """
    found: dict[Candidate, None] = {}
    for number, chunk in enumerate(chunks, 1):
        headings = set(chunk.heading.split(" > "))
        for start, end in sentences(chunk.text):
            text = _bare(chunk.text[start:end])
            # A quote is one line, and not the rule below a table's head.
            one_line = len(text) >= _FEWEST_CHARACTERS and [text] == text.splitlines()
            if one_line and text.removesuffix(" \u2026") not in headings:
                found[Candidate(number, text)] = None
    return [candidate for candidate in found if not _RULE.match(candidate.text)]


def opening(candidate: Candidate, contract: PromptContract) -> str:
    """The beginning of an answer that quotes the candidate, up to where the answer follows."""
    return contract.completion([(candidate.number, candidate.text)], "").rstrip()


def choose(evidence: Sequence[Evidence], weights: Weights) -> Choice:
    """The candidate for which most speaks; the first of equals.

    Args:
        evidence: of at least one candidate.
        weights: how much each witness counts.
    """
    marks = [mark(each, weights) for each in evidence]
    index = max(range(len(marks)), key=lambda i: (marks[i], -i))
    gap = weights.refusal_constant - weights.refusal_slope * marks[index]
    # In the form that cannot overflow.
    return Choice(index, 0.5 * (1.0 + math.tanh(gap / 2)))


def mark(evidence: Evidence, weights: Weights) -> float:
    """How much speaks for a candidate; only differences mean something."""
    return weights.likelihood * evidence.likelihood + weights.similarity * evidence.similarity


def _similarities(asked: Quoting, texts: Sequence[str]) -> Sequence[float]:
    if not asked.settings.weights.need_similarity:
        return [0.0] * len(texts)
    if asked.similar is None:
        raise ConfigError(
            "quotes are chosen by their similarity to the question, which needs an embedder",
            hint="Give the embedder that the index was made with.",
        )
    return [float(value) for value in asked.similar(asked.question, texts)]


def _bare(text: str) -> str:
    """Without the marker of a list item and the outer bars of a table row."""
    text = _MARKER.sub("", text)
    return text.strip("| ") if text.startswith("|") or text.endswith("|") else text
