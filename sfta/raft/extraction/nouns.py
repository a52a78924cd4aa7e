"""Noun phrases: their number, and their spelling inside a sentence."""

import re

from sfta.raft.corpus import singular
from sfta.raft.extraction.lexicon import DETERMINERS, PREPOSITIONS, PRONOUNS, RELATIVE

CODE_TOKEN = re.compile(r"^[A-Z][A-Za-z]{0,4}-?\d[\w-]*$|^[A-Z]{2,}\d*$|^[A-Z]+\d+$")
"""A word that is a name by its looks: FX-3, PT-1, E-104, START."""


def is_plural(subject: str) -> bool:
    """Number of a noun phrase, by its head noun."""
    tokens = subject.replace(",", " ,").split()
    if not tokens:
        return False
    first = tokens[0].lower()
    if first in ("a", "an", "each", "every", "another", "either", "one", "this"):
        return False
    if first in ("both", "several", "many", "few", "these", "all", "two", "three", "four"):
        return True
    head: list[str] = []
    for word in tokens:
        low = word.lower()
        if low in PREPOSITIONS or low in RELATIVE or word == ",":
            break
        head.append(word)
    if "and" in head:
        return True
    if not head:
        return False
    last = head[-1]
    if CODE_TOKEN.match(last) and len(head) > 1:
        last = head[-2] if not head[-2].isupper() else last
    if last.lower() in ("people", "data", "staff"):
        return True
    return last[-1:] == "s" and singular(last.lower()) != last.lower()


def lower_first(text: str) -> str:
    """Start a phrase in the middle of a sentence; names and codes keep their capital."""
    first, _, tail = text.partition(" ")
    keep = (
        CODE_TOKEN.match(first.rstrip(",")) is not None
        or first.isupper()
        or any(char.isdigit() for char in first)
        or (first[:1].isupper() and first[1:] != first[1:].lower())
    )
    known = first.lower() in DETERMINERS | PREPOSITIONS | PRONOUNS
    titled = re.match(r"[A-Z][a-z]|\d", tail) is not None
    if (keep or titled) and not known:
        return text
    if first == "A":
        return "a" + (f" {tail}" if tail else "")
    return text[:1].lower() + text[1:] if not keep or known else text


def upper_first(text: str) -> str:
    """Start a sentence with a phrase."""
    return text[:1].upper() + text[1:]


def bare(phrase: str) -> str:
    """A noun phrase without its article, as one types it into a search box."""
    return re.sub(r"^(?:the|an?|each|every|both|all) ", "", lower_first(phrase))
