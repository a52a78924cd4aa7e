"""Checks that turn candidates away, each with its reason. All deterministic."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from sfta.raft.candidate import Candidate, Rejected
from sfta.raft.config import FilterConfig
from sfta.raft.corpus import CorpusChunk, key_terms, overlap, words
from sfta.raft.extraction.facts import names_its_things
from sfta_edge.citation import find_quote, normalise

Outcome = tuple[list[Candidate], list[Rejected]]


def check_each(
    candidates: Iterable[Candidate], chunks: Mapping[str, CorpusChunk], config: FilterConfig
) -> Outcome:
    """Length, quote, answer, leakage and self-containedness of every candidate alone."""
    kept: list[Candidate] = []
    lost: list[Rejected] = []
    for candidate in candidates:
        reason = why_unusable(candidate, chunks, config)
        if reason:
            lost.append(Rejected(candidate, reason))
        else:
            kept.append(candidate)
    return kept, lost


def why_unusable(
    candidate: Candidate, chunks: Mapping[str, CorpusChunk], config: FilterConfig
) -> str:
    """The reason to reject one candidate; empty if there is none."""
    fewest, most = config.question_words
    if not fewest <= len(candidate.question.split()) <= most:
        return "question length"
    # A wording of the rules may say "it" of a thing it names; a model's may not.
    if not candidate.template and not names_its_things(candidate.question):
        return "not self-contained"
    if not candidate.answerable:
        return ""
    if len(candidate.answer.split()) > config.answer_words:
        return "answer length"
    if len(candidate.quote.split()) > config.quote_words:
        return "quote length"
    chunk = chunks.get(candidate.chunk_id)
    if chunk is None or not _holds(chunk.text, candidate.quote):
        return "quote not in chunk"
    if "\n" in candidate.answer or not _holds(candidate.quote, candidate.answer):
        return "answer not in quote"
    return "answer in question" if leaks(candidate.question, candidate.answer) else ""


@lru_cache(maxsize=1 << 14)  # the wordings of one fact share quote and answer
def _holds(text: str, part: str) -> bool:
    return find_quote(part, text) is not None


def leaks(question: str, answer: str) -> bool:
    """Whether the question gives the answer away."""
    if f" {' '.join(words(answer))} " in f" {' '.join(words(question))} ":
        return True
    said = set(key_terms(answer))
    return len(said) >= 3 and len(said & set(key_terms(question))) / len(said) >= 0.8


def drop_ambiguous(candidates: list[Candidate]) -> Outcome:
    """One question with two different answers is no question: all of them go."""
    answers: dict[str, set[str]] = {}
    for candidate in candidates:
        answers.setdefault(_plain(candidate.question), set()).add(_plain(candidate.answer))
    kept = [c for c in candidates if len(answers[_plain(c.question)]) == 1]
    lost = [c for c in candidates if len(answers[_plain(c.question)]) > 1]
    return kept, [Rejected(c, "ambiguous question") for c in lost]


def drop_duplicates(candidates: list[Candidate], config: FilterConfig) -> Outcome:
    """Keep the first of questions that are the same, or nearly, with the same answer."""
    kept: list[Candidate] = []
    lost: list[Rejected] = []
    by_answer: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for candidate in candidates:
        plain, bag = _plain(candidate.question), frozenset(words(candidate.question))
        earlier = by_answer.setdefault(_plain(candidate.answer), [])
        if any(plain == text for text, _ in earlier):
            lost.append(Rejected(candidate, "duplicate question"))
        elif any(overlap(bag, other) > config.near_duplicate for _, other in earlier):
            lost.append(Rejected(candidate, "near duplicate question"))
        else:
            earlier.append((plain, bag))
            kept.append(candidate)
    return kept, lost


def round_trip(
    candidates: list[Candidate],
    rank_of: Callable[[Candidate], int | None],
    config: FilterConfig,
) -> tuple[Outcome, int]:
    """Whether the retriever finds the oracle chunk; also returns the number of misses.

    An unanswerable question has no oracle chunk and always passes.
    """
    if config.round_trip == "off":
        return (candidates, []), 0
    kept: list[Candidate] = []
    lost: list[Rejected] = []
    for candidate in candidates:
        rank = rank_of(candidate) if candidate.answerable else 1
        if rank is not None and rank <= config.round_trip_top:
            kept.append(candidate)
        else:
            lost.append(Rejected(candidate, "not found by the retriever"))
    if config.round_trip == "count":
        return (candidates, []), len(lost)
    return (kept, lost), len(lost)


def _plain(text: str) -> str:
    return " ".join(words(text)) or normalise(text)
