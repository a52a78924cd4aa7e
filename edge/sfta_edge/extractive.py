"""Answers without a generator: the sentences of the chunks that come nearest to the question.

Two witnesses speak for a sentence: the embedder's cosine with the question, and the share of the
question's words, numbers and codes that stand in the sentence, its heading or its title. Without
an embedder the second speaks alone. If little speaks even for the best sentence, the answer is
the refusal.

Every quote is a sentence of a document to the letter, so all of it is supported; whether it
answers the question is for the reader to say. The thresholds were fitted on the quickstart's
questions, see docs/decisions/0047-answers-people-can-check.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sfta_edge.citation import ParsedAnswer, Quote
from sfta_edge.plain_text import plain_text
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import Candidate, candidates
from sfta_edge.reply import Answer, CitableChunk, Locate, cite
from sfta_edge.terms import Terms, found_in, terms_of
from sfta_edge.withholding import marked

Opinion = Callable[[str, Sequence[str]], Sequence[float] | None]
"""``(question, texts) -> cosine of each text with the question``; None: nobody to ask."""

MOST_QUOTES = 3
"""A page of quotes is a search result, not an answer."""

_CODE_COUNTS = 3.0  # as much as three words: a code names one thing


@dataclass(frozen=True, slots=True)
class Border:
    """From which mark on a sentence is near enough."""

    near: float
    slope: float
    """How fast the refusal score changes around it."""
    lead: float
    """Further quotes may be so much worse than the best."""

    def refusal_score(self, mark: float) -> float:
        """From 0 to 1; above 0.5 the answer is the refusal."""
        return 0.5 * (1.0 + math.tanh(self.slope * (self.near - mark) / 2))


BOTH = Border(near=0.49, slope=12.0, lead=0.1)
"""For the mean of cosine and share."""
WORDS = Border(near=0.51, slope=8.5, lead=0.1)
"""For the share alone."""


def extractive_answer(
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    opinion: Opinion,
    locate: Locate | None = None,
) -> Answer:
    """The best sentences of the chunks as quotes, or the refusal.

    Args:
        contract: says how the refusal is spelt.
        chunks: what was found, best first.
        question: what was asked.
        opinion: asks the embedder.
        locate: where quotes stand on their pages.
    """
    found = candidates(chunks)
    marks, border = _marks(question, found, chunks, opinion)
    best = max(marks, default=0.0)
    score = border.refusal_score(best)
    chosen = _chosen(found, marks, best - border.lead) if score <= 0.5 else []
    said = ParsedAnswer(
        tuple(Quote(candidate.number, candidate.text) for candidate in chosen),
        "\n".join(plain_text(candidate.text) for candidate in chosen) or contract.refusal,
        refused=not chosen,
        well_formed=True,
    )
    answer = Answer(
        question=question,
        answer=said.answer,
        refused=said.refused,
        well_formed=True,
        citations=cite(said, chunks, locate),
        completion="",
        finish_reason="stop",
        refusal_score=score,
        usage={"prompt_tokens": 0, "completion_tokens": 0, "reused_tokens": 0},
        mode="extractive",
    )
    return marked(answer, chunks)


def shares(question: str, texts: Sequence[str]) -> list[float]:
    """Which share of the question's words and codes stands in each text, from 0 to 1."""
    asked = terms_of(question)
    return [_share(asked, terms_of(text)) for text in texts]


def _marks(
    question: str,
    found: Sequence[Candidate],
    chunks: Sequence[CitableChunk],
    opinion: Opinion,
) -> tuple[list[float], Border]:
    about = [f"{chunk.title}\n{chunk.heading}" for chunk in chunks]
    texts = [f"{about[each.number - 1]}\n{each.text}" for each in found]
    words = shares(question, texts)
    cosines = opinion(question, [each.text for each in found]) if found else None
    if cosines is None:
        return words, WORDS
    pairs = zip(cosines, words, strict=True)
    return [(float(cosine) + share) / 2 for cosine, share in pairs], BOTH


def _chosen(
    found: Sequence[Candidate], marks: Sequence[float], least: float
) -> list[Candidate]:
    """The best of each chunk that is good enough, best first; the first of equals."""
    order = sorted(range(len(found)), key=lambda at: (-marks[at], at))
    best: dict[int, Candidate] = {}
    for at in order:
        if marks[at] >= least:
            best.setdefault(found[at].number, found[at])
    return list(best.values())[:MOST_QUOTES]


def _share(asked: Terms, there: Terms) -> float:
    words = [word for word in asked.words if not word.startswith("@")]
    known = there.codes | there.names
    weight = found = 0.0
    for word in words:
        weight += 1.0
        found += found_in(word, there.words | there.measures)
    for code in asked.codes | {str(each.value) for each in asked.quantities}:
        weight += _CODE_COUNTS
        held = code in known or any(each.value == code for each in there.quantities)
        found += _CODE_COUNTS * held
    return found / weight if weight else 0.0
