"""The same answer in other words, so that no single wording is learnt by heart."""

import hashlib

from sfta.raft.candidate import Candidate


def reworded_answer(candidate: Candidate, share: float, seed: int) -> str:
    """The answer in other words, for that share of the questions that have any; else empty."""
    ways = candidate.paraphrases or sentence_of(candidate)
    digest = hashlib.sha256(f"{seed}/reworded/{candidate.id}".encode()).digest()
    draw = int.from_bytes(digest[:8], "big")
    if not ways or draw / (1 << 64) >= share:
        return ""
    return ways[draw % len(ways)]


def sentence_of(candidate: Candidate) -> tuple[str, ...]:
    """The quoted sentence as an answer, if it is one and says more than the answer."""
    quote = candidate.quote
    if candidate.form != "span" or candidate.more or not quote.endswith(".") or "|" in quote:
        return ()
    return (quote,) if quote.rstrip(".") != candidate.answer else ()
