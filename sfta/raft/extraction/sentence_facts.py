"""Facts of declarative sentences: what a clause states, and what its conditions and reasons do."""

import re
from collections.abc import Iterator
from dataclasses import replace

from sfta.raft.corpus import Phrasebook
from sfta.raft.extraction.blocks import Sentence, Step
from sfta.raft.extraction.clauses import Clause, analyse, analyse_command
from sfta.raft.extraction.facts import (
    CODE,
    Fact,
    anchored,
    bare_noun,
    fact,
    is_generic,
    names_its_things,
    topic_phrase,
)
from sfta.raft.extraction.lexicon import PRONOUNS, VERBS, is_verb_form
from sfta.raft.extraction.nouns import bare, lower_first, upper_first
from sfta.raft.extraction.predicate_facts import (
    colour_facts,
    function_facts,
    means_facts,
    object_facts,
    place_facts,
    reference_facts,
    subject_facts,
)
from sfta.raft.extraction.quantity_facts import quantity_facts
from sfta.raft.extraction.relative_facts import relative_facts
from sfta.raft.extraction.segments import (
    Segment,
    clause_end,
    cut_tail,
    first_predicate,
    is_reported,
    leading_condition,
)

_SIGN = re.compile(r"^(?:to |that |for |from )?(?P<cause>.+)$")


def sentence_facts(segment: Segment, book: Phrasebook) -> Iterator[Fact]:
    """All facts of one clause."""
    condition = leading_condition(segment.text)
    if condition is not None:
        yield from _condition_facts(segment, *condition[1:])
        return
    clause = analyse(segment.text)
    if clause is None or is_reported(clause) or analyse_command(segment.text):
        return
    chunk = segment.source.chunk
    if clause.intro and len(clause.intro.split()) > 8:
        return
    subject = anchored(clause.subject, chunk, book)
    if subject is not None:
        yield from _clause_facts(segment, replace(clause, subject=subject))
    elif names_its_things(clause.subject) and (
        bare_noun(clause.subject.split()) or is_generic(clause.subject)
    ):
        about = topic_phrase(chunk)
        for item in _clause_facts(segment, clause):
            if item.kind not in ("subject", "naming"):
                yield replace(item, slots=(("about", about), *item.slots))


def _clause_facts(segment: Segment, clause: Clause) -> Iterator[Fact]:
    whole, tail = cut_tail(clause.rest)
    main = first_predicate(whole)
    yield from _further_predicates(segment, clause, whole[len(main) :])
    yield from relative_facts(segment, clause)
    if tail is not None and main == whole:
        yield from _tail_facts(segment, clause, main, tail.word, tail.text)
    yield from quantity_facts(segment, clause, main)
    yield from _definition(segment, clause)
    yield from _sign(segment, clause)
    if clause.subject in segment.quote and (not clause.negative or clause.passive):
        yield from subject_facts(segment, clause, main)
    if not clause.negative:
        yield from place_facts(segment, clause, main)
        yield from means_facts(segment, clause, main)
        yield from function_facts(segment, clause, main)
        yield from object_facts(segment, clause, main)
        yield from colour_facts(segment, clause, main)
    yield from reference_facts(segment, clause, main)


def _further_predicates(segment: Segment, clause: Clause, text: str) -> Iterator[Fact]:
    """Facts of "and closes at 3 bar" with the subject of the predicate before it."""
    match = re.match(r",? (?:and |or )?(?:then )?(?P<predicate>\w.*)$", text)
    again = analyse(f"{clause.subject} {match['predicate']}") if match else None
    if again is not None and again.subject == clause.subject:
        yield from _clause_facts(segment, again)


def checked_facts(step: Step) -> Iterator[Fact]:
    """What a step says must be so ("Check that the gap lies between ..."), or do in a case."""
    condition = leading_condition(step.text)
    if condition is not None:
        segment = Segment(step.text, step.text, Sentence(step.text, step.chunk))
        for item in _condition_facts(segment, *condition[1:]):
            yield replace(item, slots=(("about", topic_phrase(step.chunk)), *item.slots))
    match = re.match(r"(?:Check|Make sure|Verify|Watch) that (?P<clause>.+)$", step.text)
    if match is None:
        return
    text = upper_first(re.split(r" and that |; ", match["clause"])[0])
    clause = analyse(text)
    if clause is None or not names_its_things(clause.subject):
        return
    segment = Segment(text, step.text, Sentence(step.text, step.chunk))
    about = topic_phrase(step.chunk)
    for item in quantity_facts(segment, clause, cut_tail(clause.rest)[0]):
        yield replace(item, slots=(("about", about), *item.slots))


def _condition_facts(segment: Segment, condition: str, main: str) -> Iterator[Fact]:
    chunk, quote = segment.source.chunk, segment.quote
    if condition.split(maxsplit=1)[0].lower() in PRONOUNS | {"necessary", "possible"}:
        return
    if len(condition.split()) > 18:
        return
    condition = lower_first(condition)
    if analyse_command(upper_first(main.removeprefix("first "))):
        yield fact("condition_action", chunk, quote, main, condition=condition)
        return
    if re.search(r"\b(?:must|should|has to|have to) (?:not )?(?:be )?\w+", main):
        yield fact("condition_action", chunk, quote, main, condition=condition)
    elif re.search(
        r"\bmeans? that\b|\bpoints? to\b|\bis (?:restricted|the suspect|at fault)", main
    ):
        yield fact("condition_meaning", chunk, quote, main, condition=condition)
    else:
        yield fact("condition_result", chunk, quote, main, condition=condition)
    code = re.search(r"\b(?:code|warning|trip) ([A-Z]-?\d{2,4})\b", main)
    if code:
        yield fact("wh", chunk, quote, code[1], wh="which code", inverted=f"appears if {condition}",
                   declared=f"appears if {condition}", label="code_when")  # fmt: skip


def _tail_facts(
    segment: Segment, clause: Clause, main: str, word: str, text: str
) -> Iterator[Fact]:
    chunk, quote = segment.source.chunk, segment.quote
    cut = clause_end(text)
    if word in ("because", "since", "so that"):
        if clause.negative and f", {word}" not in segment.quote:
            return  # "is not done because ..." may deny the reason instead of the deed
        answer = f"{word} {cut}" if word != "since" else cut
        yield fact("why", chunk, quote, answer, inverted=clause.inverted(main),
                   declared=clause.declared(main))  # fmt: skip
    elif re.search(r"\b(?:only|also|not|or|and)$|\b(?:that|which|who)\b|, and ", main) or not (
        any(is_verb_form(token.rstrip(",")) or token in VERBS for token in cut.split())
    ):
        return
    elif word in ("if", "when", "whenever", "as soon as", "unless"):
        yield fact("wh", chunk, quote, f"{word} {cut}", wh="when", label="when",
                   inverted=clause.inverted(main), declared=clause.declared(main))  # fmt: skip
    elif word == "until" and main:
        yield fact("wh", chunk, quote, f"until {cut}", wh="until when", label="when",
                   inverted=clause.inverted(main), declared=clause.declared(main))  # fmt: skip


def _definition(segment: Segment, clause: Clause) -> Iterator[Fact]:
    if clause.auxiliary not in ("is", "are") or clause.verb or clause.intro or clause.adverbs:
        return
    rest = re.split(r", (?!which|who|where)|; |: | so that | because ", clause.rest)[0]
    if not re.match(r"(?:an?|the) \w+", rest) or len(rest.split()) < 4:
        return
    if len(clause.subject.split()) > 5 or " of the " in clause.subject[:18]:
        return
    if re.search(r"\b(?:usual|common|main|normal|best|first|last)\b", clause.subject):
        return
    chunk, subject = segment.source.chunk, lower_first(clause.subject)
    if re.match(r"(?:an?|the) (?:same|only|most|usual|common|cause|duty|part of)\b", rest):
        return
    yield fact("definition", chunk, segment.quote, rest, subject=subject, bare=bare(subject),
               be=clause.auxiliary)  # fmt: skip
    named = CODE.search(clause.subject) or not re.search(r"\b(?:that|which|of|between)\b", rest)
    if (
        len(rest.split()) >= 7
        and not named
        and not re.search(r"\b(?:it|its|they|their)\b", rest)
    ):
        yield fact("naming", chunk, segment.quote, clause.subject, description=rest)


def _sign(segment: Segment, clause: Clause) -> Iterator[Fact]:
    if (
        clause.subject.startswith("The ")
        or clause.verb not in ("mean", "point", "indicate", "suggest")
        or clause.auxiliary
    ):
        return
    match = _SIGN.match(clause_end(clause.rest))
    if not match or (clause.verb == "point" and not clause.rest.startswith("to ")):
        return
    if clause.subject.lower().startswith(("the left", "the right")):
        return
    subject = lower_first(clause.subject)
    if len(subject.split()) > 14 or re.match(r"the (?:number|value|letter)\b", subject):
        return
    kind = "sign" if clause.verb == "point" else "reading"
    yield fact(kind, segment.source.chunk, segment.quote, match["cause"], subject=subject,
               bare=bare(subject), does="do" if clause.plural else "does")  # fmt: skip
