"""Facts of how often and how many, and of values that must not be exceeded."""

import re
from collections.abc import Iterator

from sfta.raft.extraction.clauses import Clause
from sfta.raft.extraction.facts import Fact, fact
from sfta.raft.extraction.lexicon import NUMBER_WORDS, PREPOSITIONS
from sfta.raft.extraction.nouns import bare, lower_first
from sfta.raft.extraction.quantities import (
    EVERY,
    find_quantities,
    in_relative,
    joined,
    kept_after,
)
from sfta.raft.extraction.segments import Segment

_COUNT = re.compile(
    rf"^(?P<number>(?:up to |at most |at least |about |the last |more than |not more than )?"
    rf"(?:{'|'.join(NUMBER_WORDS[1:])}|\d{{1,4}}))\s+(?P<noun>[a-z][\w-]*(?: [a-z][\w-]*)*)"
)


def interval_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """How often something is done."""
    match = EVERY.search(main)
    if match is None or clause.negative or in_relative(main[: match.start()]):
        return
    rest = joined(main[: match.start()], kept_after(main[match.end() :]))
    if len(find_quantities(rest)) > 1 or re.search(r"\b(?:or|and)$", rest):
        return
    yield fact("wh", segment.source.chunk, segment.quote, match.group(), wh="how often",
               inverted=clause.inverted(rest), declared=clause.declared(rest),
               label="interval")  # fmt: skip


def maximum_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """The value that must not be exceeded."""
    values = find_quantities(main)
    if clause.verb != "exceed" or not clause.negative or not values or values[0].start:
        return
    subject = joined(lower_first(clause.subject), kept_after(main[values[0].end :]))
    yield fact("maximum", segment.source.chunk, segment.quote, values[0].text, subject=subject,
               bare=bare(subject))  # fmt: skip


def count_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """How many of something there are."""
    match = _COUNT.match(main)
    if match is None or clause.passive or not clause.verb or clause.auxiliary in ("is", "are"):
        return
    noun = _noun_phrase(match["noun"])
    if not noun or not noun.endswith("s") or find_quantities(main[: match.end()]):
        return
    tail = main[match.start("noun") + len(noun) :]
    if kind := re.match(r" of [\w-]+", tail):
        noun, tail = noun + kind[0], tail[kind.end() :]
    rest = kept_after(tail)
    yield fact("wh", segment.source.chunk, segment.quote, match["number"],
               wh=f"how many {noun}", inverted=clause.inverted(rest),
               declared=clause.declared(rest), label="count")  # fmt: skip


def _noun_phrase(text: str) -> str:
    """The nouns at the front of a text."""
    taken: list[str] = []
    for word in text.split():
        if (
            word in PREPOSITIONS
            or word in ("and", "or", "that", "which")
            or word.endswith("ed")
        ):
            break
        taken.append(word)
        if word.endswith("s") and not word.endswith("ss"):
            break
    return " ".join(taken)
