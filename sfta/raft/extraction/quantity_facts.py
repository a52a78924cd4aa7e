"""Facts with a number: limits, settings, durations, intervals, counts, torques, masses."""

import re
from collections.abc import Iterator
from dataclasses import replace

from sfta.raft.corpus import bag
from sfta.raft.extraction.clauses import Clause
from sfta.raft.extraction.count_facts import count_facts, interval_facts, maximum_facts
from sfta.raft.extraction.facts import Fact, fact
from sfta.raft.extraction.lexicon import PREPOSITIONS
from sfta.raft.extraction.nouns import bare, lower_first
from sfta.raft.extraction.quantities import (
    Quantity,
    find_quantities,
    in_relative,
    joined,
    kept_after,
)
from sfta.raft.extraction.segments import Segment

_BIG = {
    "pressure": "high", "temperature": "high", "length": "large", "mass": "heavy",
    "time": "long", "voltage": "high", "percentage": "high", "power": "high", "flow": "large",
    "speed": "high", "resistance": "high", "current": "high", "torque": "high",
}  # fmt: skip
_SIZES = {
    "pressure": "high", "temperature": "high", "voltage": "high", "speed": "high", "gap": "wide",
    "distance": "large", "delay": "long", "time": "long", "interval": "long", "power": "high",
    "current": "high", "level": "high", "altitude": "high", "length": "great", "offset": "large",
}  # fmt: skip
_EVENTS = bag(
    "reading deviation difference rise fall consumption loss time standstill sample stop"
)
_AFTER_VALUE = bag("long high wide deep thick apart once while higher away")
_OF = re.compile(r"^(?P<head>.*?)(?:an?|the) (?P<noun>(?:[\w-]+ ){0,2}[\w-]+) of$")
_PLAIN = frozenset({"length", "volume", "mass", "percentage"})  # "to what value", not "length"
_TIMES = {
    "for": "for how long", "": "how long", "after": "after what time",
    "within": "within what time", "in": "within what time",
}  # fmt: skip
_PREPOSITION = {
    "at": "at what {kind}", "to": "to what {kind}", "above": "above what {kind}",
    "below": "below what {kind}", "from": "from what {kind}", "with": "with what {kind}",
    "under": "under what {kind}", "of": "of what {kind}", "over": "over what {kind}",
    "through": "through what {kind}",
}  # fmt: skip


def quantity_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """Facts of the first value and the first interval of a clause."""
    yield from interval_facts(segment, clause, main)
    yield from maximum_facts(segment, clause, main)
    yield from count_facts(segment, clause, main)
    found = [q for q in find_quantities(main) if not in_relative(main[: q.start])]
    if clause.negative:
        return
    if found:
        yield from _value(segment, clause, main, found[0])
    yield from _gapped(segment, clause, main)
    yield from _contents(segment, clause, main)
    yield from _subject_value(segment, clause, main)


def _gapped(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """The second half of "is set to 6.8 bar and the unload point to 7.5 bar"."""
    match = re.search(
        r" and (?P<subject>the [\w -]+?) (?P<how>to|at|an? \w+ of) (?P<value>.+)$", main
    )
    values = find_quantities(match["value"]) if match else []
    if match is None or not values or values[0].start or find_quantities(match["subject"]):
        return
    first = find_quantities(main[: match.start()])
    if len(first) != 1 or not main[: first[0].start].rstrip().endswith(match["how"]):
        return
    rest = f"{main[: first[0].start]}{match['value']}"
    yield from _value(segment, replace(clause, subject=match["subject"]), rest,
                      find_quantities(rest)[0])  # fmt: skip


def _contents(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """Further values of a list: "contains 3,900 kg of steel, 210 kg of copper"."""
    if clause.verb not in ("contain", "hold", "deliver", "need"):
        return
    for value in find_quantities(main)[1:]:
        match = re.match(r" of (?P<what>[a-z]+(?: [a-z]+)?)(?=,| and |$)", main[value.end :])
        if match and re.search(r"(?:,| and) $", main[: value.start]):
            yield fact("wh", segment.source.chunk, segment.quote, value.text,
                       wh=f"how much {match['what']}", inverted=clause.inverted(""),
                       declared=clause.declared(""), label="value")  # fmt: skip


def _subject_value(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """Values inside the subject: "A receiver of at least 3,000 litres should be connected"."""
    values = find_quantities(clause.subject)
    if len(values) != 1:
        return
    value, chunk = values[0], segment.source.chunk
    head, tail = clause.subject[: value.start].strip(), clause.subject[value.end :].strip()
    if not head and not tail and main:
        singular_clause = (
            replace(clause, auxiliary="is") if clause.auxiliary == "are" else clause
        )
        yield fact("subject", chunk, segment.quote, value.text, who=f"what {value.kind}",
                   predicate=singular_clause.predicate(main), label="value")  # fmt: skip
        return
    named = r"(?:an?|the)? ?(?P<thing>[\w -]+?)(?: with an? (?P<attr>[\w -]+))? of$"
    match = re.match(named, lower_first(head))
    if match is None or tail.startswith("of ") or _EVENTS & set(match["thing"].split()):
        return
    kind = match["attr"] or {"time": "duration"}.get(value.kind, value.kind)
    thing = match["thing"].strip()
    own = thing if value.kind in thing else f"{kind} of the {thing}"
    where = tail if tail.split()[:1] and tail.split()[0] in PREPOSITIONS else ""
    subject = joined(f"the {own}", where)
    yield fact("value", chunk, segment.quote, value.text, subject=subject, bare=bare(subject),
               be="is", has="has", big=_size_word(subject), label="value")  # fmt: skip


def _value(segment: Segment, clause: Clause, main: str, value: Quantity) -> Iterator[Fact]:
    head, tail = main[: value.start].strip(), kept_after(main[value.end :])
    if re.search(r"[,;:]|\band\b|\bby \w+ing\b", head.replace("between", "")):
        return
    plain = clause.auxiliary in ("is", "are") and not clause.verb
    if thing := re.match(r"an? .+? with an? (?P<noun>[\w -]+) of$", head):
        if plain:
            yield _has_value(segment, clause, thing["noun"], value)
        return
    opens = tail.split()[0] if tail else ""
    if opens and opens not in PREPOSITIONS and opens not in _AFTER_VALUE:
        return
    if not head and (plain or (not clause.verb and clause.adverbs.endswith("be"))):
        yield from _plain_value(segment, clause, tail, value)
    elif not (plain and head) and (made := _question_word(head, value, clause)):
        yield _asked_value(segment, clause, tail, value, made)


def _asked_value(
    segment: Segment, clause: Clause, tail: str, value: Quantity, made: tuple[str, str, str]
) -> Fact:
    word, before, label = made
    chunk, quote, subject = segment.source.chunk, segment.quote, lower_first(clause.subject)
    if label == "torque":
        return fact("torque", chunk, quote, value.text, thing=subject, bare=bare(subject))
    if label == "mass" and clause.verb == "have":
        return mass_fact(segment, clause.subject, value.text, plural=clause.plural)
    if tail.startswith("of ") and word.startswith("what "):
        amount, _, tail = tail[3:].partition(" at ")
        share = value.kind == "percentage"
        word = f"what percentage of {amount}" if share else f"how much {amount}"
        tail = f"at {tail}" if tail else ""
    rest = joined(before, tail)
    return fact("wh", chunk, quote, value.text, wh=word, inverted=clause.inverted(rest),
                declared=clause.declared(rest), label=label)  # fmt: skip


def _has_value(segment: Segment, clause: Clause, noun: str, value: Quantity) -> Fact:
    """From "is an oil with a flash point of 238 °C": what flash point it has."""
    does, have = ("do", "have") if clause.plural else ("does", "has")
    subject = lower_first(clause.subject)
    return fact("wh", segment.source.chunk, segment.quote, value.text, wh=f"what {noun}",
                inverted=f"{does} {subject} have", declared=f"{subject} {have}",
                label="value")  # fmt: skip


def mass_fact(segment: Segment, subject: str, value: str, *, plural: bool) -> Fact:
    """What a thing weighs."""
    return fact("mass", segment.source.chunk, segment.quote, value, thing=lower_first(subject),
                bare=bare(subject), be="are" if plural else "is",
                does="do" if plural else "does", pronoun="they" if plural else "it")  # fmt: skip


def _plain_value(
    segment: Segment, clause: Clause, tail: str, value: Quantity
) -> Iterator[Fact]:
    subject = lower_first(clause.subject)
    full = joined(subject, tail) if len(tail.split()) <= 5 else subject
    full = joined(full, lower_first(clause.intro)) if clause.intro else full
    if clause.adverbs and clause.adverbs != "be":
        return
    if clause.adverbs == "be":
        if tail.split()[:1] and tail.split(maxsplit=1)[0] in (
            "long",
            "high",
            "wide",
            "deep",
            "thick",
        ):
            word, _, tail = tail.partition(" ")
            yield fact("wh", segment.source.chunk, segment.quote, value.text, label="limit",
                       wh=f"how {word}", inverted=clause.inverted(tail),
                       declared=clause.declared(tail))  # fmt: skip
            return
        yield fact("wh", segment.source.chunk, segment.quote, value.text,
                   wh=f"how {_BIG.get(value.kind, 'large')}", inverted=clause.inverted(tail),
                   declared=clause.declared(tail), label="limit")  # fmt: skip
        return
    yield fact("value", segment.source.chunk, segment.quote, value.text, subject=full,
               bare=bare(full), be=clause.auxiliary, has="have" if clause.plural else "has",
               big=_size_word(full), label="value")  # fmt: skip


def _size_word(subject: str) -> str:
    """What one asks of a quantity: "How high is the pressure?"; empty when unsure."""
    head = re.split(r" (?:of|at|in|between|for|without|to|on) ", subject)[0].split()[-1]
    return _SIZES.get(head, "")


def _question_word(head: str, value: Quantity, clause: Clause) -> tuple[str, str, str] | None:
    """Question word, what is left of the words before the value, and a label."""
    of = _OF.match(head)
    if of and len(of["noun"].split()) <= 3:
        opening = of["head"].split()
        if opening and opening[-1] in ("at", "to", "with", "by", "of", "from", "for", "in"):
            return f"{opening[-1]} what {of['noun']}", " ".join(opening[:-1]), "value"
        return f"what {of['noun']}", of["head"], "mass" if of["noun"] == "mass" else "value"
    *words, last = head.split() or [""]
    before = " ".join(words)
    if value.kind == "time" and last in _TIMES:
        takes = clause.verb in ("take", "last", "wait", "need", "run", "live")
        return (_TIMES[last], before, "duration") if last or takes else None
    if last == "to" and value.kind == "torque" and clause.verb == "tightened":
        return None if before else ("", "", "torque")
    if last == "by":
        return None if clause.passive else ("by how much", before, "value")
    if last in _PREPOSITION and last != "of":
        kind = "value" if last == "to" and value.kind in _PLAIN else value.kind
        return _PREPOSITION[last].format(kind=kind), before, "value"
    return None if head else _object_word(value, clause)


def _object_word(value: Quantity, clause: Clause) -> tuple[str, str, str] | None:
    """Question word for a value that is the object itself."""
    if clause.verb in ("lie", "stand"):
        if value.text.startswith("between"):
            return "between which values", "", "value"
        return ("how far", "", "value") if value.kind == "length" else None
    active = clause.verb not in ("", "remain", "stay", "keep") and not clause.passive
    if active and clause.auxiliary in ("", "must", "may", "can"):
        return f"what {value.kind}", "", "value"
    return None
