"""Subject, verb and rest of a plain English clause, and the clause turned into a question.

Made for the sentences of manuals: short, declarative, present tense. What it is not sure of it
does not return; a sentence without an analysis gives no question.
"""

import re
from dataclasses import dataclass

from sfta.raft.extraction.lexicon import (
    ADVERBS,
    AUXILIARIES,
    BE,
    DETERMINERS,
    MODALS,
    PREPOSITIONS,
    PRONOUNS,
    THIRD,
    VERBS,
)
from sfta.raft.extraction.nouns import CODE_TOKEN, is_plural, lower_first, upper_first
from sfta.raft.extraction.verbs import finite_verb, is_noun_phrase, is_participle

_SHIFTED_ADVERBS = frozenset({"also", "therefore", "then", "still", "usually", "normally"})


@dataclass(frozen=True, slots=True)
class Clause:
    """``intro, subject auxiliary adverbs verb rest``: verbatim pieces of one clause."""

    intro: str
    """Phrase before the subject, without its comma; empty in most sentences."""
    subject: str
    auxiliary: str
    """Form of be, a modal or do; empty when the verb stands alone."""
    adverbs: str
    """Words between auxiliary and verb: not, never, also."""
    verb: str
    """Base form, participle or, after be, empty for a plain predicate."""
    finite: str
    """The verb as it is written when there is no auxiliary."""
    rest: str
    """All after the verb, up to the end of the clause."""

    @property
    def plural(self) -> bool:
        """Whether the subject takes a plural verb."""
        if self.auxiliary in ("are", "were", "do"):
            return True
        if self.auxiliary in ("is", "was", "does") or self.finite in THIRD:
            return False
        return is_plural(self.subject)

    @property
    def passive(self) -> bool:
        """Whether the verb is a participle after a form of be."""
        parts = f"{self.auxiliary} {self.adverbs}".split()
        return is_participle(self.verb) and any(part in (*BE, "be", "been") for part in parts)

    @property
    def negative(self) -> bool:
        """Whether the clause denies something."""
        held = f"{self.auxiliary} {self.adverbs} {self.subject}".casefold().split()
        return any(word in ("not", "never", "cannot", "no", "nobody") for word in held)

    def inverted(self, rest: str | None = None, *, intro: bool = True) -> str:
        """``auxiliary subject verb rest``: the body of a question.

        >>> Clause("", "The fan", "", "", "start", "starts", "at 50 °C").inverted("")
        'does the fan start'
        """
        auxiliary, adverbs = self.auxiliary, self.adverbs
        if auxiliary == "cannot":
            auxiliary, adverbs = "can", f"not {adverbs}".strip()
        if not auxiliary:
            auxiliary = "do" if self.plural else "does"
        pieces = [auxiliary, lower_first(self.subject), adverbs, self.verb]
        return self._with_rest(pieces, rest, intro)

    def declared(self, rest: str | None = None, *, intro: bool = True) -> str:
        """``subject auxiliary verb rest``: the body of an indirect question."""
        verb = self.verb if self.auxiliary else self.finite
        pieces = [lower_first(self.subject), self.auxiliary, self.adverbs, verb]
        return self._with_rest(pieces, rest, intro)

    def predicate(self, rest: str | None = None, *, intro: bool = True) -> str:
        """``auxiliary verb rest``: what follows "What" or "Who" as subject."""
        verb = self.verb if self.auxiliary else self.finite
        return self._with_rest([self.auxiliary, self.adverbs, verb], rest, intro)

    def _with_rest(self, pieces: list[str], rest: str | None, intro: bool) -> str:  # noqa: FBT001 handed on
        pieces.append(self.rest if rest is None else rest)
        if intro and self.intro:
            pieces.append(lower_first(self.intro))
        text = " ".join(" ".join(p for p in pieces if p).split()).rstrip(" ,;:.")
        return re.sub(r"[ ,]+(?:and|or)$", "", text)


def analyse(sentence: str) -> Clause | None:
    """The first clause of a declarative sentence, or None."""
    text = " ".join(sentence.split()).rstrip(".")
    intro, body = _split_intro(text)
    tokens = body.split()
    if not tokens or tokens[0].lower() in PRONOUNS - {"both"} or _subordinate(body):
        return None
    at = finite_verb(tokens)
    if at is None or at == 0 or not is_noun_phrase(tokens[:at]):
        return None
    if tokens[at - 1].lower() in ("and", "or"):  # the subject stands before a break of pages
        return None
    subject = " ".join(tokens[:at])
    first = tokens[at]
    if first in AUXILIARIES:
        return _with_auxiliary(intro, subject, tokens, at)
    base = THIRD.get(first, first)
    adverbs: list[str] = []
    if at and tokens[at - 1] in _SHIFTED_ADVERBS | {"never", "always", "only"} and at > 1:
        adverbs, subject = [tokens[at - 1]], " ".join(tokens[: at - 1])
        if adverbs[0] in ("never", "only"):
            return None
    rest = " ".join(tokens[at + 1 :])
    return Clause(intro, subject, "", "", base, first, rest)


@dataclass(frozen=True, slots=True)
class Command:
    """A sentence that tells the reader to do something."""

    adverb: str
    """never, always, not or empty."""
    verb: str
    """Base form."""
    rest: str


def analyse_command(sentence: str) -> Command | None:
    """Verb and rest of a command ("Tighten the bolts ..."), or None."""
    text = " ".join(sentence.split()).rstrip(".")
    adverb = ""
    for start, word in (("Never ", "never"), ("Always ", "always"), ("Do not ", "not")):
        if text.startswith(start):
            adverb, text = word, upper_first(text[len(start) :])
    tokens = text.split()
    if len(tokens) < 2 or tokens[0] != tokens[0].capitalize():
        return None
    verb, after = tokens[0].lower(), tokens[1].lower()
    if verb not in VERBS or after in AUXILIARIES:
        return None
    certain = (
        adverb
        or after in DETERMINERS
        or after
        in (
            "it",
            "them",
            "that",
            "whether",
            "what",
            "how",
            "only",
            "up",
            "down",
            "off",
            "out",
            "on",
        )
        or (after[0].isdigit() and verb != "level")
        or CODE_TOKEN.match(tokens[1])
        or tokens[1][0].isupper()
    )
    if certain and not (after in ("on", "off", "up") and analyse(text)):
        return Command(adverb, verb, " ".join(tokens[1:]))
    return None if analyse(text) else Command(adverb, verb, " ".join(tokens[1:]))


def _with_auxiliary(intro: str, subject: str, tokens: list[str], at: int) -> Clause | None:
    auxiliary, index = tokens[at], at + 1
    adverbs: list[str] = []
    while index < len(tokens) and tokens[index] in ADVERBS | {"be", "been", "have"}:
        adverbs.append(tokens[index])
        index += 1
    rest = tokens[index:]
    if not rest:
        return None
    word = rest[0].rstrip(",;")
    takes_base = auxiliary in MODALS or auxiliary in ("do", "does", "did")
    after_be = auxiliary in BE or (adverbs and "be" in adverbs)
    if (after_be and is_participle(word)) or (takes_base and not after_be and word in VERBS):
        comma = rest[0][len(word) :]
        left = ([comma] if comma else []) + rest[1:]
        return Clause(
            intro, subject, auxiliary, " ".join(adverbs), word, "", _glue(" ".join(left))
        )
    if after_be:
        return Clause(intro, subject, auxiliary, " ".join(adverbs), "", "", " ".join(rest))
    return None


def _glue(text: str) -> str:
    return text.lstrip(" ,;") if text[:1] in ",;" else text


def _split_intro(text: str) -> tuple[str, str]:
    """Leading prepositional phrase and the clause behind its comma."""
    first = text.split(" ", 1)[0].lower()
    if first not in PREPOSITIONS:
        return "", text
    intro, body = _intro_without_comma(text)
    if intro and "," not in intro:
        return intro, body
    if "," not in text:
        return "", text
    intro, body = text.split(",", 1)
    if len(intro.split()) > 9 or any(w in AUXILIARIES for w in intro.split()):
        return "", text
    return intro, body.strip()


def _intro_without_comma(text: str) -> tuple[str, str]:
    """Find where "During the first hour a smell ..." goes over into its subject."""
    tokens = text.split()
    for at in range(3, min(len(tokens), 9)):
        before = tokens[at - 1].lower()
        if tokens[at] in ("the", "a", "an") and before not in PREPOSITIONS | {"and", "or"}:
            return " ".join(tokens[:at]), " ".join(tokens[at:])
    return "", text


def _subordinate(text: str) -> bool:
    first = text.split(" ", 1)[0].lower()
    return first in ("if", "when", "while", "although", "because", "unless", "whenever", "to")
