"""What a sentence, step or row states, ready to be asked for."""

import re
from dataclasses import dataclass, replace

from sfta.raft.corpus import CorpusChunk, Phrasebook, bag, singular
from sfta.raft.extraction.lexicon import (
    DETERMINERS,
    PERSONS,
    PREPOSITIONS,
    PRONOUNS,
    is_verb_form,
)
from sfta.raft.extraction.nouns import lower_first

CODE = re.compile(r"\b(?:[A-Z][A-Za-z]{0,4}-?\d[\w-]*|\d{4}-\d{3,})\b")
_ANAPHORA = re.compile(
    r"\b(?:it|its|they|them|their|this|these|those|such|latter|former|following|"
    r"above(?! (?:\d|the|an?|it|\w+ (?:level|point)|all))|"
    r"he|she|his|her|one of|(?:larger|smaller|lower|higher|new|good|second|first|grey) ones?|"
    r"the two|the other|the others|"
    r"the same|that case|(?<!one )another|each other)\b",
    re.IGNORECASE,
)
_SHORTENED = re.compile(r"\b(?:[A-Za-z]\.){2,}$")  # U.S.
_GENERIC = bag("value values address speed range tolerance limit distance rise fall deviation "
               "difference result cause reason case part unit number")  # fmt: skip
_REFERENCES = re.compile(
    r"\b(?:figure|table|section|chapter|page|see|paragraph)\b \d", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement: the bank that words its questions, what fills them, and the answer."""

    kind: str
    """Name of a bank of phrasings."""
    slots: tuple[tuple[str, str], ...]
    """What the phrasings are filled with."""
    answer: str
    """Verbatim part of the quote."""
    quote: str
    """Verbatim sentence, step or row."""
    chunk: CorpusChunk
    label: str = ""
    """Kind shown in reports; the bank's name when empty."""

    @property
    def shown_kind(self) -> str:
        """Kind of question for balance and reports."""
        return self.label or self.kind


def fact(
    kind: str, chunk: CorpusChunk, quote: str, answer: str, *, label: str = "", **slots: str
) -> Fact:
    """Build a fact; edge punctuation of the answer is cut."""
    filled = tuple(sorted((name, " ".join(value.split())) for name, value in slots.items()))
    cut = answer.strip().rstrip(";:,")
    cut = cut if _SHORTENED.search(cut) else cut.rstrip(".;:,").strip()
    if cut.startswith('"') and cut.count('"') == 2 and cut.endswith('"'):
        cut = cut.strip('"')
    return Fact(kind, filled, cut, quote, chunk, label)


def names_its_things(question: str) -> bool:
    """Whether a question can be understood without the page it was made from.

    A pronoun may point back to a noun inside the question itself ("when it unloads"), but
    not open it.
    """
    if _REFERENCES.search(question):
        return False
    for match in _ANAPHORA.finditer(question):
        before = question[: match.start()].split()
        after = question[match.end() :].split()[:1]
        owns = match.group().lower() in ("its", "their")
        acts = match.group().lower() in ("it", "they") and after and is_verb_form(after[0])
        if (owns or acts) and len(before) >= 4:
            continue
        return False
    return True


def anchored(phrase: str, chunk: CorpusChunk, book: Phrasebook) -> str | None:
    """A noun phrase that stands for one thing in the whole corpus, or None.

    "the element" in the section "4.5 Breather BR-8" becomes "the element of the breather BR-8";
    where no heading helps, there is no anchor.
    """
    tokens = phrase.split()
    if not tokens or tokens[0].lower() in PRONOUNS - {"both"}:
        return None
    if _ANAPHORA.search(phrase):
        return None
    if is_generic(phrase):
        return None
    noun = bare_noun(tokens)
    if noun is None or noun.isupper() or singular(noun.lower()) in PERSONS:
        return phrase
    # "A request", "Hoses": said of all of them, wherever one reads it.
    if tokens[0].lower() not in ("the", "this") or not book.ambiguous(noun):
        return phrase
    thing = topic_thing(chunk)
    if thing is None:
        return None
    if noun.casefold() in thing.casefold().split():
        return f"the {lower_first(thing)}"
    return f"{phrase} of the {lower_first(thing)}"


def is_generic(phrase: str) -> bool:
    """Whether a phrase ends in a word like value or speed and does not say of what."""
    return re.search(r"\b(?:of|in|at|between|on|from|for)\b", phrase) is None and (
        phrase.rsplit(maxsplit=1)[-1].lower() in _GENERIC and CODE.search(phrase) is None
    )


def bare_noun(tokens: list[str]) -> str | None:
    """The noun of "the valve", "a valve" or "valves"; None for anything longer."""
    rest = tokens[1:] if tokens[0].lower() in DETERMINERS else tokens
    while rest and (rest[0].lower() in DETERMINERS or rest[0][0].isdigit()):
        rest = rest[1:]
    if rest and rest[0].lower() in ("new", "whole", "other", "old", "second", "only", "first"):
        rest = rest[1:]
    head = []
    for token in rest:
        if token.lower() in PREPOSITIONS or token.lower() in ("that", "which", "who"):
            return None
        head.append(token)
    return head[0] if len(head) == 1 and not CODE.search(head[0]) else None


def topic_thing(chunk: CorpusChunk) -> str | None:
    """The deepest heading that names one thing: it holds a code."""
    for topic in reversed(chunk.topics):
        if CODE.search(topic) and len(topic.split()) <= 6 and " and " not in topic:
            return topic
    return None


def topic_phrase(chunk: CorpusChunk) -> str:
    """Headings as words that say where one is: "Oil filter OF-4", "Coupling, alignment"."""
    topics = chunk.topics
    if not topics:
        return chunk.title
    leaf = topics[-1]
    if len(topics) > 1 and len(leaf.split()) < 3 and not CODE.search(leaf):
        return f"{topics[-2]}, {lower_first(leaf)}"
    return leaf


def with_chunk(item: Fact, chunk: CorpusChunk) -> Fact:
    """The same fact, found in another chunk."""
    return replace(item, chunk=chunk)
