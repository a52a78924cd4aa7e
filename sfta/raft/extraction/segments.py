"""Sentences cut into clauses that can be asked about, with pronouns put back into words."""

import re
from dataclasses import dataclass

from sfta.raft.extraction.blocks import Block, Sentence
from sfta.raft.extraction.clauses import Clause, analyse, analyse_command
from sfta.raft.extraction.lexicon import (
    AUXILIARIES,
    DETERMINERS,
    THIRD,
    VERBS,
    is_verb_form,
)
from sfta.raft.extraction.nouns import is_plural, lower_first

_JOINT = re.compile(r"(?:,| and)(?: (?:and|but|so|while))? (?=[a-z\"A-Z])")
_TAIL = re.compile(
    r",? (?P<word>because|so that|otherwise|if|when|whenever|unless|until|while|as soon as|"
    r"even if|even though|although)\b |, (?P<since>since) |(?P<which>, (?:which|where|who|of which"
    r"|not|regardless|including|even|without|with|after|before|measured|seen|as)\b )|(?P<so>, so )"
    r"|(?P<colon>: )| (?P<time>after|before) (?=the|an?|its|all|each|it|they)"
)
_LEADING = re.compile(
    r"^(?P<word>If|When|Whenever|As soon as) (?P<condition>.+?), (?P<main>.+)$"
)
_MARKS = re.compile(r"(?:\[\d{1,3}\])+")  # of an article's sources
_IT = re.compile(r"^(?P<word>It|Its) ")


@dataclass(frozen=True, slots=True)
class Segment:
    """One clause of a sentence, with the sentence as its quote."""

    text: str
    """The clause, pronoun replaced."""
    quote: str
    """The sentence as it is written."""
    source: Sentence


def segments(blocks: list[Block]) -> list[Segment]:
    """Clauses of all sentences, in order."""
    found: list[Segment] = []
    before: Sentence | None = None
    for block in blocks:
        if not isinstance(block, Sentence):
            before = None
            continue
        text = _MARKS.sub("", _resolved(block, before))
        found += [Segment(part, block.text, block) for part in split_clauses(text)]
        before = block
    return found


def _resolved(sentence: Sentence, before: Sentence | None) -> str:
    """Put the subject of the sentence before in the place of "It" and "Its"."""
    match = _IT.match(sentence.text)
    if not match or before is None or before.chunk != sentence.chunk:
        return sentence.text
    earlier = analyse(split_clauses(before.text)[0])
    if earlier is None or is_plural(earlier.subject) or len(earlier.subject.split()) > 6:
        return sentence.text
    if not earlier.subject.startswith(("The ", "A ", "An ")) and " " in earlier.subject:
        return sentence.text
    rest = sentence.text[match.end() :]
    subject = re.sub(r"^An? ", "The ", earlier.subject)
    if match["word"] == "It":
        return f"{subject} {rest}"
    own = analyse(f"The {rest}")
    if own is None or not re.match(r"^The [\w-]+(?: [\w-]+)?$", own.subject):
        return sentence.text
    owned = f"{own.subject} of {lower_first(subject)}"
    return f"The {rest}".replace(own.subject, owned, 1)


def split_clauses(sentence: str) -> list[str]:
    """Parts of a sentence that each have a subject and a verb of their own."""
    text = sentence.rstrip(".")
    if "; " in text:
        left, right = text.split("; ", 1)
        return [*split_clauses(left), *split_clauses(_capital(right))]
    if _LEADING.match(text):
        return [text]
    for match in _JOINT.finditer(text):
        left, right = text[: match.start()], text[match.end() :]
        opens = right.split(" ", 1)[0].lower()
        starts_clause = opens in DETERMINERS or right[:1].isupper()
        if starts_clause and _stands_alone(left) and _stands_alone(_capital(right)):
            return [left, *split_clauses(_capital(right))]
    return [text]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stands_alone(text: str) -> bool:
    return analyse(text) is not None or analyse_command(text) is not None


@dataclass(frozen=True, slots=True)
class Tail:
    """A subordinate clause at the end: the word that opens it and what it says."""

    word: str
    text: str


def cut_tail(rest: str) -> tuple[str, Tail | None]:
    """The part of a predicate before its first subordinate clause, and that clause."""
    match = next((m for m in _TAIL.finditer(f" {rest}") if _opens_clause(m, rest)), None)
    if match is None:
        return rest, None
    at = max(match.start() - 1, 0)
    word = next(name for name in match.groups() if name)
    return rest[:at].strip(), Tail(word.strip(" ,"), f" {rest}"[match.end() :].strip())


def _opens_clause(match: re.Match[str], rest: str) -> bool:
    """Tell "after the supply is cut" from "after the stop", which is no clause."""
    words = f" {rest}"[match.end() :].split(",", 1)[0].split()
    return match["time"] is None or any(is_verb_form(word) for word in words[:12])


def first_predicate(main: str) -> str:
    """A predicate up to the next verb of the same subject ("opens V1 and closes V2")."""
    pieces = re.split(r"(,? and |, (?:or |then )?)", main)
    kept = pieces[0]
    for joint, piece in zip(pieces[1::2], pieces[2::2], strict=False):
        word = piece.split(" ", 1)[0] if piece else ""
        if word in AUXILIARIES or word in THIRD or (word in VERBS and "and" in joint):
            break
        kept += joint + piece
    return kept.strip(" ,")


def leading_condition(text: str) -> tuple[str, str, str] | None:
    """``(if, condition, main clause)`` of a sentence that opens with its condition."""
    match = _LEADING.match(text.rstrip("."))
    if match is None:
        return None
    condition, main = match["condition"], match["main"]
    while not _says_something(condition) or not _main_clause(main):
        if "," not in main:
            return None
        more, main = main.split(",", 1)
        condition, main = f"{condition}, {more.strip()}", main.strip()
    return match["word"].lower(), condition, main


def _says_something(condition: str) -> bool:
    """Whether a condition is complete: "the pump" is not, "the pump stops" is."""
    words = condition.split()
    return any(map(is_verb_form, words[1:])) or any(word in VERBS for word in words[2:])


def _main_clause(main: str) -> bool:
    text = _capital(main.removeprefix("first "))
    if text.split(" ", 1)[0].lower() in ("and", "or", "it", "they", "the"):
        return text.startswith(("The ", "It ", "They ")) and _has_verb(text)
    return _stands_alone(text)


def _has_verb(text: str) -> bool:
    tokens = text.split()[1:12]
    return any(token in AUXILIARIES or token in THIRD or token in VERBS for token in tokens)


def clause_end(text: str) -> str:
    """A condition or reason without what is said after it."""
    cut = re.split(r"; |: |, (?:and|because|which|since|so) ", text)[0]
    return re.split(r" and \w+ (?=when |if )", cut)[0]


def end_of_phrase(text: str) -> str:
    """A phrase up to the comma, bracket or "and" that begins another predicate."""
    path = re.match(r"(?:at|in|under) [A-Z][\w]+(?:, [A-Z]\w+)+", text)
    if path:
        return path[0]
    stop = (
        r"(?:, | so that | without | together with | and (?=(?:is|are|must|may|can|has|it)\b))"
    )
    cut = re.split(stop, text, maxsplit=1)[0]
    words = cut.split()
    for at in range(1, len(words) - 1):
        if words[at] == "and" and (words[at + 1] in THIRD):
            return " ".join(words[:at])
    return cut


def is_reported(clause: Clause) -> bool:
    """Whether the clause is about the document itself ("This manual describes ...")."""
    return (
        re.match(
            r"(?:(?:The|This) (?:manual|handbook|table|figure|list)|(?:Table|Figure) \d)",
            clause.subject,
        )
        is not None
    )
