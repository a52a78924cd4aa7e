"""Facts of one predicate: places, means, tasks, objects, colours, and who or what it is said of."""

import re
from collections.abc import Iterator
from dataclasses import replace

from sfta.raft.corpus import bag, singular
from sfta.raft.extraction.clauses import Clause
from sfta.raft.extraction.facts import CODE, Fact, fact
from sfta.raft.extraction.lexicon import PERSONS, PREPOSITIONS, third_person
from sfta.raft.extraction.nouns import bare, lower_first
from sfta.raft.extraction.quantities import find_quantities
from sfta.raft.extraction.segments import Segment, end_of_phrase

_PLACE = bag(
    "mounted fitted located fixed placed installed riveted kept stored hung attached screwed "
    "recorded shown chosen entered written found marked printed earthed laid stand stands sits "
    "sit hangs hang lies lie corrected sent set displayed plugged inserted earthed connected "
    "taken measured described deleted changed reset selected corrected started"
)
_WHERE = ("in front of", "on", "in", "at", "behind", "below", "above", "beside", "under",
          "inside", "between", "near", "next to", "outside", "into", "onto", "to")  # fmt: skip
_NOT_ASKED_FOR = bag("each every all both only some any no")
_COLOURS = bag("red green blue yellow orange black white grey gray brown amber violet pink")
_OBJECT_VERBS = bag(
    "hold contain show state list report cover include need carry display store name compress "
    "drive protect lubricate require mark produce convert transfer suppress monitor measure "
    "compare follow select request isolate ventilate neutralise displace destroy attack damage "
    "dissolve cause trigger record lock join bridge shorten reduce scratch concentrate open "
    "close lead suppress issue give save restore"
)
_TASKS = bag(
    "prevent hold compress convert drive protect monitor regulate control open close keep limit "
    "lubricate measure compare send vent collect remove separate support guide seal lock "
    "suppress show list store record raise lower reduce shorten bridge switch supply dry cool "
    "heat filter rotate decide calculate trip transfer isolate ventilate connect disconnect move "
    "relieve signal test check unlock request empty release neutralise repeat silence stop "
    "take convert load bridge restore block delay"
)


def place_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """Where something is."""
    verb = clause.verb if clause.passive else clause.finite
    if verb not in _PLACE or (not clause.passive and verb not in ("stands", "stand", "sits",
                              "sit", "hangs", "hang", "lies", "lie")):  # fmt: skip
        return
    places = tuple(w for w in _WHERE if w not in ("to", "into", "onto"))
    if verb in ("fixed", "attached", "screwed", "riveted", "sent", "connected", "written"):
        places = _WHERE
    if not main.startswith(tuple(f"{w} " for w in places)):
        return
    place = end_of_phrase(main)
    if re.match(
        r"(?:at|in|on|to) (?:least|most|full|once|series|order|any|time|all|case|the order|turn|"
        r"proportion)\b", place
    ):  # fmt: skip
        return
    if (
        any(char.isdigit() for char in place)
        and not CODE.search(place)
        and "Settings" not in place
    ):
        return
    yield fact("wh", segment.source.chunk, segment.quote, place, wh="where", label="place",
               inverted=clause.inverted(""), declared=clause.declared(""))  # fmt: skip


def means_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """By, with, of, from or for what something is done."""
    if not clause.passive:
        return
    match = re.match(r"(by|with|of|from|for|against|as) (.+)$", main)
    if match is None:
        if clause.verb in ("used", "needed", "intended") and main.startswith("to "):
            yield fact("wh", segment.source.chunk, segment.quote, end_of_phrase(main), wh="what",
                       inverted=clause.inverted("for"), declared=clause.declared("for"),
                       label="purpose")  # fmt: skip
        return
    preposition, text = match[1], end_of_phrase(match[2])
    first = text.split()[0]
    if preposition in ("by", "from", "for") and first.endswith("ing") and preposition == "by":
        yield fact("how", segment.source.chunk, segment.quote, f"by {text}", label="means",
                   inverted=clause.inverted(""), declared=clause.declared(""))  # fmt: skip
        return
    if preposition == "by" and re.match(
        r"(?:about|at|up|more|less|\d|one|two|three|an? \w+ turn)", text
    ):
        return
    if re.match(
        r"[\d\W]|described|shown|set out|about|at |the same|all |it\b|this\b|more|less|least",
        text,
    ) or (
        preposition == "for"
        and re.search(r"\b(?:hours?|minutes?|seconds?|years?|time)\b", text)
    ):
        return
    wh = "who" if preposition == "by" and _person(text) else "what"
    yield fact("wh", segment.source.chunk, segment.quote, text, wh=wh, label="means",
               inverted=clause.inverted(preposition),
               declared=clause.declared(preposition))  # fmt: skip


def _person(phrase: str) -> bool:
    head = re.split(r" (?:who|of|from|in|at|with|that) |, ", phrase)[0].split()
    return bool(head) and singular(head[-1].lower()) in PERSONS


def subject_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """Who or what a predicate is true of."""
    main = re.split(r", (?=the |an? )", main)[0]
    main = main.split(", ")[0] if len(main.split(", ")[0].split()) > 3 else main
    words_after = [w for w in main.split() if w.lower() not in PREPOSITIONS]
    if (
        main.endswith("only")
        or len(words_after) < 3
        or clause.intro
        or not (clause.verb or clause.passive)
    ):
        return
    first = clause.subject.split()[0].lower()
    if len(clause.subject.split()) > 8 or first in _NOT_ASKED_FOR:
        return
    if re.match(r"(?:If|When|Whenever)\b", clause.subject) or clause.verb in ("mean", "have"):
        return
    singular_clause = clause
    if clause.auxiliary in ("are", "were"):
        singular_clause = replace(clause, auxiliary="is")
    elif not clause.auxiliary:
        singular_clause = replace(clause, finite=third_person(clause.verb))
    who = "who" if _person(clause.subject) else "what"
    yield fact("subject", segment.source.chunk, segment.quote, clause.subject, who=who,
               predicate=singular_clause.predicate(main), label=who)  # fmt: skip


def function_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """What a device does."""
    if clause.auxiliary or clause.intro or clause.verb not in _TASKS or clause.plural:
        return
    if _person(clause.subject) or not clause.subject.startswith("The "):
        return
    first = main.split(maxsplit=1)[0] if main else ""
    if len(main.split()) < 3 or len(clause.subject.split()) > 6 or find_quantities(main[:24]):
        return
    if first in PREPOSITIONS or (clause.verb in ("hold", "show", "list") and first != "back"):
        return
    yield fact("function", segment.source.chunk, segment.quote, f"{clause.finite} {main}",
               subject=lower_first(clause.subject), bare=bare(clause.subject))  # fmt: skip


def object_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """What something holds, shows, opens or protects."""
    verb = clause.verb
    if (
        clause.passive
        or verb not in _OBJECT_VERBS
        or clause.auxiliary not in ("", "can", "may", "must")
    ):
        return
    if not re.match(
        r"(?:the|an?|its|their|all|every|only|both|[a-z]+[a-z]) ", main
    ) or re.match(
        r"(?:no|that|when|if|on|off|up|by|at|in|out|with|to|through|only|back|from|for|up)\b",
        main,
    ):
        return
    values = find_quantities(main)
    if not 2 <= len(main.split()) <= 22 or (values and values[0].start > 0):
        return
    yield fact("wh", segment.source.chunk, segment.quote, main, wh="what", label="object",
               inverted=clause.inverted(""), declared=clause.declared(""))  # fmt: skip


def colour_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """What colour something is."""
    word = main.split(" ", maxsplit=1)[0].rstrip(",;")
    if clause.auxiliary in ("is", "are") and not clause.verb and word in _COLOURS:
        yield fact("wh", segment.source.chunk, segment.quote, word, wh="what colour",
                   inverted=clause.inverted(""), declared=clause.declared(""),
               label="colour")  # fmt: skip


def reference_facts(segment: Segment, clause: Clause, main: str) -> Iterator[Fact]:
    """In which manual and section something is described."""
    match = re.search(
        r"\b(?:as (?:set out|described|shown|explained) |is (?:described|explained) |stands? )"
        r"in (the [A-Z][\w ]+?, (?:section|chapter) [\d.]+)", segment.quote
    )  # fmt: skip
    if match and clause.passive:
        before = main.split(" as ", maxsplit=1)[0]
        if before.startswith("in the"):
            before = ""
        yield fact("reference", segment.source.chunk, segment.quote, match[1],
                   declared=clause.declared(before))  # fmt: skip
