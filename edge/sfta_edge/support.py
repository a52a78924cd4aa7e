"""Which sentences of an answer the documents support: by rules, without a model.

A sentence is supported if one passage says all that it says. Passages are the verified quotes,
each alone and all together, and each sentence of a chunk that a verified quote stands in. To say
the same means:

1. Every quantity stands there with the same value and, if the sentence names one, the same unit.
2. Every code stands there, or in the chunk's heading or title.
3. Every word stands there, in heading or title, or in the sentence before if that is pointed to;
   endings may differ. Words of the question may be missing if at least half of the words are there:
   they repeat it.
4. What is negated here is negated there, and the other way round. If the question is negated, an
   answer of one or two words need not be.

A sentence of one word or code, such as ``8 N·m``, leans on the question and is looked for in
quotes only. One that says nothing that could be looked for, such as ``Yes.``, is not supported.

This asks whether a sentence stands in the documents, not whether it answers the question. Other
words for the same thing count as unsupported, and so does an answer in another language than the
document's, unless it is a number or a code. How often it is right: `benchmarks/support.py`.

Standard library only: this module runs on the device.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfta_edge.citation import Span
from sfta_edge.quantities import DecimalSign, decimal_sign
from sfta_edge.sentences import sentences
from sfta_edge.terms import Clause, Terms, found_in, terms_of

_FEW_WORDS = 2
_POINTS_BACK = re.compile(
    r"\W*(?:\w+\s+){0,2}(?:its?|they|them|their|this|these|es|er|sie|ihn|ihm|ihre?|diese[rsmn]?"
    r"|seine?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SupportedSentence:
    """One sentence of an answer."""

    start: int
    """Character offsets in the answer."""
    end: int
    supported: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A chunk with what was quoted from it."""

    text: str
    heading: str
    title: str
    quotes: tuple[Span, ...]
    """Verified ones, at least one."""


def supported_sentences(
    answer: str, sources: Sequence[Source], question: str = ""
) -> tuple[SupportedSentence, ...]:
    """Every sentence of an answer, and whether the sources support it.

    Args:
        answer: the final answer.
        sources: the chunks that verified quotes stand in.
        question: what was asked.
    """
    evidence = _Evidence.of(sources, question)
    return tuple(
        SupportedSentence(start, end, evidence.supports(answer[start:end]))
        for start, end in sentences(answer)
    )


@dataclass(frozen=True, slots=True)
class _Passage:
    """What a sentence may be taken from, and what it is about."""

    said: Terms
    named: Terms
    """Heading and title."""
    before: frozenset[str]
    """Words of the sentence before, if this one says ``it``."""
    quoted: bool


@dataclass(frozen=True, slots=True)
class _Evidence:
    passages: tuple[_Passage, ...]
    asked: Terms
    sign: DecimalSign | None

    @classmethod
    def of(cls, sources: Sequence[Source], question: str) -> "_Evidence":
        sign = decimal_sign("\n".join(source.text for source in sources))
        passages = tuple(_passages(sources, sign))
        return cls(passages, terms_of(question, sign), sign)

    def supports(self, sentence: str) -> bool:
        claim = terms_of(sentence, self.sign)
        if not (claim.words or claim.codes or claim.quantities):
            return False
        return any(
            self._says(passage, claim)
            for passage in self.passages
            if passage.quoted or len(claim.words | claim.codes) > 1
        )

    def _says(self, passage: _Passage, claim: Terms) -> bool:
        said, named = passage.said, passage.named
        names = said.names | named.names | said.codes | named.codes
        known = [name for name in claim.names if name in names]
        numbers = [
            each
            for each in claim.quantities
            if each.unit or not any(name.endswith(each.value) for name in known)
        ]
        return (
            all(each.is_in(list(said.quantities)) for each in numbers)
            and claim.codes <= said.codes | named.codes | said.names | named.names
            and self._words_stand(passage, claim, known)
            and self._negated_alike(said, claim)
        )

    def _words_stand(self, passage: _Passage, claim: Terms, known: Sequence[str]) -> bool:
        there = (
            passage.said.words | passage.said.measures | passage.named.words | passage.before
        )
        missing = [
            word
            for word in claim.words
            if not found_in(word, there) and not any(name.startswith(word) for name in known)
        ]
        if any(not found_in(word, self.asked.words) for word in missing):
            return False
        # Bounds repeat the question in every answer: `After how many hours?` - `After 500 hours.`
        own = [word for word in claim.words if not word.startswith("@")]
        return 2 * sum(word in own for word in missing) <= len(own)

    def _negated_alike(self, said: Terms, claim: Terms) -> bool:
        elliptic = self.asked.negated and len(claim.words) <= _FEW_WORDS
        return all(
            _stands_negated(said, clause)
            if clause.negated
            else elliptic or not _stands_only_negated(said, clause)
            for clause in claim.clauses
            if clause.words
        )


def _stands_negated(said: Terms, clause: Clause) -> bool:
    """Whether at least half of a clause's words that are there stand in negated clauses."""
    turned = {word for each in said.clauses if each.negated for word in each.words}
    found = [word for word in clause.words if found_in(word, said.words)]
    return any(each.negated for each in said.clauses) and (
        2 * sum(found_in(word, turned) for word in found) >= len(found)
    )


def _stands_only_negated(said: Terms, clause: Clause) -> bool:
    """Whether half of a clause's words, or one behind a ``without``, stand negated only."""
    plain = {word for each in said.clauses if not each.negated for word in each.words}
    strictly = {word for each in said.clauses if each.strictly for word in each.words}
    found = [word for word in clause.words if found_in(word, said.words)]
    only = [word for word in found if not found_in(word, plain)]
    return bool(only) and (
        2 * len(only) >= len(found) or any(found_in(word, strictly) for word in only)
    )


def _passages(sources: Sequence[Source], sign: DecimalSign | None) -> Iterator[_Passage]:
    quotes = [
        source.text[span.start : span.end] for source in sources for span in source.quotes
    ]
    about = [terms_of(f"{source.heading}\n{source.title}", sign) for source in sources]
    everything = terms_of("\n".join(f"{each.heading}\n{each.title}" for each in sources), sign)
    yield _Passage(terms_of("\n".join(quotes), sign), everything, frozenset(), quoted=True)
    for quote in quotes:
        yield _Passage(terms_of(quote, sign), everything, frozenset(), quoted=True)
    for source, named in zip(sources, about, strict=True):
        before = frozenset[str]()
        for start, end in sentences(source.text):
            sentence = source.text[start:end]
            said = terms_of(sentence, sign)
            meant = before if _POINTS_BACK.match(sentence) else frozenset[str]()
            yield _Passage(said, named, meant, quoted=False)
            before = said.words
