"""Checks that turn candidates away, each with its reason. All deterministic."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sfta.raft.candidate import Candidate, Rejected, Support
from sfta.raft.corpus import CorpusChunk, key_terms, overlap, words
from sfta.raft.extraction.facts import names_its_things
from sfta.raft.row_config import FilterConfig
from sfta_edge.citation import find_quote, normalise

Outcome = tuple[list[Candidate], list[Rejected]]
Embed = Callable[[Sequence[str]], Any]
"""Texts to vectors of length one, an array of shape (texts, dimension)."""
_YES_NO = frozenset({"yes", "no"})
_SHOWN_OF_REPLY = 300  # characters


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
    if any(len(s.quote.split()) > config.quote_words for s in candidate.supports):
        return "quote length"
    if not all(_stands(support, chunks) for support in candidate.supports):
        return "quote not in chunk"
    if "\n" in candidate.answer or not supported(candidate):
        return "answer not in quote"
    # Such questions name what there is to choose from.
    told = candidate.form in ("choice", "yes_no")
    told = told or not leaks(candidate.question, candidate.answer)
    return "" if told else "answer in question"


def _stands(support: Support, chunks: Mapping[str, CorpusChunk]) -> bool:
    chunk = chunks.get(support.chunk_id)
    return chunk is not None and _holds(chunk.text, support.quote)


def supported(candidate: Candidate) -> bool:
    """Whether the quotes hold what the answer says, as far as rules can tell."""
    quotes = [support.quote for support in candidate.supports]
    if not all(_holds(support.quote, support.evidence) for support in candidate.more):
        return False

    def held(part: str) -> bool:
        return any(_holds(quote, part) for quote in quotes)

    answer = candidate.answer
    if candidate.form == "span" and not candidate.more:
        return _holds(candidate.quote, answer)
    if candidate.form == "free":
        return True
    if candidate.form == "yes_no":
        return normalise(answer) in _YES_NO and _holds(candidate.quote, candidate.evidence)
    if candidate.form == "list":
        return all(held(part) for part in answer.split("; "))
    if candidate.form == "correction":
        right, parted, wrong = answer.rpartition(", not ")
        return bool(parted) and held(right) and not held(wrong)
    return held(answer)


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


def drop_semantic_duplicates(
    candidates: list[Candidate], embed: Embed, config: FilterConfig
) -> Outcome:
    """Keep the first of questions of one chunk with one answer that mean the same.

    Only there: two questions whose vectors are close but whose answers differ are near
    misses of each other, and worth having. Unanswerable questions count as one answer.
    """
    if config.semantic_duplicate is None:
        return candidates, []
    together: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for place, candidate in enumerate(candidates):
        chunks = candidate.oracle_ids or (candidate.chunk_id,)
        together.setdefault((chunks, _plain(candidate.answer)), []).append(place)
    compared = [place for places in together.values() if len(places) > 1 for place in places]
    if not compared:
        return candidates, []
    vectors = embed([candidates[place].question for place in compared])
    vector = {place: vectors[row] for row, place in enumerate(compared)}
    twins = {
        place
        for places in together.values()
        if len(places) > 1
        for place in _near(places, vector, config.semantic_duplicate)
    }
    kept = [c for place, c in enumerate(candidates) if place not in twins]
    lost = [Rejected(candidates[at], "semantic duplicate question") for at in sorted(twins)]
    return kept, lost


def _near(places: Sequence[int], vector: Mapping[int, Any], least: float) -> list[int]:
    """Places of questions that are close to an earlier one that stays."""
    kept: list[int] = []
    lost: list[int] = []
    for place in places:
        if any(float(vector[place] @ vector[other]) >= least for other in kept):
            lost.append(place)
        else:
            kept.append(place)
    return lost


def unreadable_reply(reply: str, chunk_id: str, teacher: str) -> Rejected:
    """What a model wrote instead of questions, on record like any other loss."""
    begin = " ".join(reply.split())[:_SHOWN_OF_REPLY]
    return Rejected(Candidate(begin, "reply", chunk_id, teacher=teacher), "unreadable reply")


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
