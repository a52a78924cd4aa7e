"""Values inside relative clauses: "a regulator that is set to 4.8 bar"."""

import re
from collections.abc import Iterator
from dataclasses import replace

from sfta.raft.extraction.clauses import Clause, analyse
from sfta.raft.extraction.facts import Fact, names_its_things, topic_phrase
from sfta.raft.extraction.quantity_facts import quantity_facts
from sfta.raft.extraction.segments import Segment, cut_tail, first_predicate

_RELATIVE = re.compile(
    r"\b(?P<article>an?|the) (?P<thing>(?:[\w-]+ ){0,3}[\w-]+),? (?:that|which) (?P<rest>.+)$"
)
_NOT_A_THING = re.compile(r"\b(?:of|in|at|with|by|to|and|or|from|for|on|after|same|way|one)\b")


def relative_facts(segment: Segment, clause: Clause) -> Iterator[Fact]:
    """Values stated of a thing in passing, asked with the section as context."""
    for match in _RELATIVE.finditer(clause.rest):
        thing = re.split(_NOT_A_THING, match["thing"])[-1].strip()
        if not thing or len(thing.split()) > 4:
            continue
        inner = analyse(f"The {thing} {match['rest']}")
        if inner is None or inner.subject != f"The {thing}" or not names_its_things(inner.rest):
            continue
        main = first_predicate(cut_tail(inner.rest)[0])
        about = topic_phrase(segment.source.chunk)
        for item in quantity_facts(segment, inner, main):
            yield replace(item, slots=(("about", about), *item.slots))
