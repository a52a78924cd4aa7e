"""Finding the finite verb of a clause, where nouns and verbs share their spelling."""

import re
from itertools import pairwise

from sfta.raft.corpus import bag
from sfta.raft.extraction.lexicon import (
    ADVERBS,
    AUXILIARIES,
    DETERMINERS,
    PARTICIPLES,
    PREPOSITIONS,
    PRONOUNS,
    RELATIVE,
    THIRD,
    VERBS,
)
from sfta.raft.extraction.nouns import CODE_TOKEN, is_plural

_FARTHEST = 22  # words before the verb; a longer subject is not understood
_NOT_PARTICIPLES = bag("need feed speed bleed red indeed seed weed shed bed")
_NOUNS_TOO = bag(
    "strip stop log cut start point trip valve drain switch screw gauge seal plate mark lock "
    "clamp plug filter pump guard cover shield label tag note report record test check fit key "
    "stops logs cuts starts points trips drains switches screws gauges seals plates marks locks "
    "clamps plugs filters pumps guards covers tests checks keys reports records"
)


def is_participle(word: str) -> bool:
    """Whether a word is, or by its ending must be, a past participle."""
    if word in PARTICIPLES:
        return True
    return word.endswith("ed") and len(word) > 4 and word not in _NOT_PARTICIPLES


def is_noun_phrase(tokens: list[str]) -> bool:
    """Whether the words before the verb can be one noun phrase."""
    text = " ".join(tokens)
    closed = re.search(r", (?:called|who|which|of type|a|an|the)\b[^,]*$", text) is None
    if len(re.findall(r",(?!\d)", text)) % 2 and " and " not in text:
        return False
    if tokens[0].lower() in ("always", "never", "first", "then", "last", "not", "only"):
        return tokens[0] == "Only"
    for before, word in pairwise(tokens):
        low = before.lower()
        allowed = low in PREPOSITIONS | RELATIVE | {"and", "or", "both", "all", "plus", "than"}
        allowed = allowed or before.endswith(",") or low.endswith(("ing", "ed"))
        allowed = allowed or low in THIRD or low in VERBS or low in ("is", "are", "not")
        if word in ("the", "a", "an") and not allowed:
            return False
    return closed


def finite_verb(tokens: list[str]) -> int | None:
    """Place of the finite verb that belongs to the subject at the front."""
    limit = min(len(tokens), _FARTHEST)
    index = 0
    while index < limit:
        word = tokens[index]
        low = word.rstrip(",;:")
        if word.lower() in RELATIVE and index > 0:
            skipped = _after_relative(tokens, index, limit)
            if skipped is None:
                return None
            index = skipped
            continue
        if low in AUXILIARIES:
            return index or None
        if index and _is_lexical_verb(tokens, index):
            return index
        if word.endswith((";", ":")):
            return None
        index += 1
    return None


def _after_relative(tokens: list[str], index: int, limit: int) -> int | None:
    """Skip a relative clause: its verb, then on to the next finite verb."""
    comma = tokens[index - 1].endswith(",")
    if comma:
        for at in range(index, limit):
            if tokens[at].endswith(","):
                return at + 1
        return None
    at = index + 1
    while at < limit and not (
        tokens[at] in AUXILIARIES or tokens[at] in THIRD or tokens[at] in VERBS
    ):
        at += 1
    return at + 1 if at < limit else None


def _is_lexical_verb(tokens: list[str], index: int) -> bool:
    """Whether a word that can be a verb is one here: agreement and what follows decide."""
    word = tokens[index]
    before = tokens[index - 1].rstrip(",")
    if tokens[index - 1].endswith(",") and index < 4:
        return False
    subject = tokens[:index]
    if word in _NOUNS_TOO and _auxiliary_follows(tokens, index):
        return False
    if before.lower() in DETERMINERS | PREPOSITIONS | {"and", "or"} or before.endswith("'s"):
        return False
    plural = is_plural(" ".join(subject))
    if word in THIRD and not plural:
        return _may_follow(tokens, index) and _has_head(subject)
    if word in VERBS and plural:
        return _may_follow(tokens, index) and _has_head(subject)
    return False


def _auxiliary_follows(tokens: list[str], index: int) -> bool:
    """Whether an auxiliary comes later in the same clause: then the word was a noun."""
    for word in tokens[index + 1 : index + 9]:
        if word in AUXILIARIES:
            return True
        opens = word.lower() in RELATIVE | {"and", "or", "if", "when", "because", "so"}
        if opens or word.endswith((",", ";", ":")):
            return False
    return False


def _has_head(subject: list[str]) -> bool:
    first = subject[0].lower()
    if len(subject) == 1:
        return subject[0][0].isupper() and first not in DETERMINERS | PREPOSITIONS | PRONOUNS
    return True


def _may_follow(tokens: list[str], index: int) -> bool:
    if index + 1 >= len(tokens):
        listed = any(word.endswith(",") for word in tokens[:index])
        return not listed and (tokens[index] in THIRD or tokens[index] not in _NOUNS_TOO)
    after = tokens[index + 1].rstrip(",;")
    low = after.lower()
    if low in AUXILIARIES or (CODE_TOKEN.match(after) and tokens[index] in _NOUNS_TOO):
        return False
    opens_phrase = (
        low in DETERMINERS | PREPOSITIONS | ADVERBS
        or low in ("that", "when", "if", "its", "their", "itself", "more", "less")
        or not low[0].isalpha()
    )
    return opens_phrase or tokens[index] not in _NOUNS_TOO
