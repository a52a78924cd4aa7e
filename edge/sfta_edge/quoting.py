"""Quotes that cannot be wrong: the model chooses among the sentences it was given.

A small model knows better where an answer stands than how to copy it: it garbles a number or
names the neighbouring chunk. So it does not write quotes. Every sentence, list item and table
row of its chunks is put after the prompt, and the model's own probabilities of the first words
say which one comes; then it writes the answer behind it.

The same figures tell when to refuse. If not even the best candidate is a likely continuation,
the chunks do not hold the answer.
"""

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sfta_edge.generation import Generation, Limits, Prompt, Scored, Timings
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import CitableChunk
from sfta_edge.sentences import sentences

TokenScores = Sequence[float]
"""Natural logarithm of the probability of each token of one option."""

DECISIVE_TOKENS = 8
"""The choice is made in a quote's first words; what follows is copying, and adds noise."""

_FEWEST_CHARACTERS = 3
_MARKER = re.compile(r"^(?:\(?\d{1,3}[.)]|[-*\u2022])\s+")
_RULE = re.compile(r"^[-|:\s]+$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One text that may be quoted."""

    number: int
    """Which of the chunks, from 1."""
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model would quote."""

    index: int
    """Which candidate."""
    refusal_score: float
    """How unlikely even the likeliest candidate is: 0 to 1."""


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
    refusal_threshold: float


def write_with_quote(
    engine: ScoringEngine, asked: Quoting, limits: Limits
) -> Generator[str, None, Generation]:
    """Choose a quote or refuse, then let the model write the answer behind the quote.

    The refusal score stands in `Generation.first_token_scores`, under the refusal's first
    token, where it stands for quotes that the model writes.
    """
    options = [
        (c, engine.tokenize(opening(c, asked.contract))) for c in candidates(asked.chunks)
    ]
    options = [(c, ids) for c, ids in options if len(ids) < limits.max_tokens]
    if not options:
        return (yield from engine.stream(asked.prompt, limits))
    scored = engine.score(asked.prompt, [ids[:DECISIVE_TOKENS] for _, ids in options], limits)
    before = Timings(prefill_ms=scored.milliseconds)
    if scored.interrupted:
        return Generation("", (), scored.interrupted, scored.prompt_tokens, timings=before)
    choice = choose(scored.options)
    refusal = engine.tokenize(asked.contract.refusal)
    scores = {refusal[0]: choice.refusal_score}
    count, reused = scored.prompt_tokens, scored.reused_tokens
    if choice.refusal_score > asked.refusal_threshold:
        text = asked.contract.refusal
        yield text
        return Generation(text, tuple(refusal), "stop", count, reused, before, scores)
    candidate, ids = options[choice.index]
    text = opening(candidate, asked.contract)
    yield text
    left = replace(limits, max_tokens=limits.max_tokens - len(ids), first_token_bias={})
    rest = yield from engine.stream([*asked.prompt, ids], left)
    prefill = before.prefill_ms + rest.timings.prefill_ms
    return replace(
        rest,
        text=text + rest.text,
        token_ids=(*ids, *rest.token_ids),
        prompt_tokens=count,
        reused_tokens=reused,
        timings=Timings(prefill, rest.timings.decode_ms),
        first_token_scores=scores,
    )


def candidates(chunks: Sequence[CitableChunk]) -> list[Candidate]:
    """Sentences, list items and table rows of the chunks, in their order, each once a chunk."""
    found: dict[Candidate, None] = {}
    for number, chunk in enumerate(chunks, 1):
        for start, end in sentences(chunk.text):
            text = _bare(chunk.text[start:end])
            # A quote is one line, and not the rule below a table's head.
            if len(text) >= _FEWEST_CHARACTERS and [text] == text.splitlines():
                found[Candidate(number, text)] = None
    return [candidate for candidate in found if not _RULE.match(candidate.text)]


def opening(candidate: Candidate, contract: PromptContract) -> str:
    """The beginning of an answer that quotes the candidate, up to where the answer follows."""
    return contract.completion([(candidate.number, candidate.text)], "").rstrip()


def choose(scores: Sequence[TokenScores]) -> Choice:
    """The likeliest candidate, by the scores of its first tokens; the first of equals.

    Args:
        scores: one sequence per candidate, at least one, none of them empty.
    """
    sums = [math.fsum(tokens[:DECISIVE_TOKENS]) for tokens in scores]
    index = max(range(len(sums)), key=lambda i: (sums[i], -i))
    mean = sums[index] / len(scores[index][:DECISIVE_TOKENS])
    return Choice(index, 1.0 - math.exp(min(0.0, mean)))


def _bare(text: str) -> str:
    """Without the marker of a list item and the outer bars of a table row."""
    text = _MARKER.sub("", text)
    return text.strip("| ") if text.startswith("|") or text.endswith("|") else text
