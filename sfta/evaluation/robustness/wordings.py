"""Probes that change how a question is worded; the search sees the new wording too."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sfta.evaluation.cases import Case
from sfta.evaluation.questions import Question
from sfta.evaluation.robustness.subjects import Subject, draw
from sfta.evaluation.robustness.variants import Probe, Variant, condition, variant

ORIGINAL = "original"
RULES = "by rule"
Reword = Callable[[str, bytes], str]
"""``(question, what decides the choice) -> the same in other words``."""
SearchAgain = Callable[[Sequence[Question]], Sequence[Case]]
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?")
_TYPOS = ("swapped letters", "no punctuation", "lower case", "all at once")


@dataclass(frozen=True, slots=True)
class Reworded:
    """One question in other words, before the search."""

    origin: str
    condition: str
    question: Question


def is_language(name: str) -> bool:
    """Whether a name in `variants` is a language code such as `de` or `pt-BR`."""
    return _LANGUAGE.fullmatch(name) is not None


def paraphrases(subjects: Sequence[Subject], seed: int, reword: Reword) -> list[Reworded]:
    """The wordings that the benchmark brings; a question without any is reworded by rule.

    What no rule changes is left out.
    """
    made = []
    for subject in subjects:
        found = [
            (wording.name, wording.text)
            for wording in subject.case.question.variants
            if not is_language(wording.name)
        ]
        if not found:
            text = reword(subject.case.question.question, draw(seed, "reword", subject.id))
            found = [(RULES, text)] if text != subject.case.question.question else []
        made += [_reworded(subject, name, text) for name, text in found]
    return made


def languages(subjects: Sequence[Subject]) -> list[Reworded]:
    """The wordings in other languages that the benchmark brings."""
    return [
        _reworded(subject, wording.name, wording.text)
        for subject in subjects
        for wording in subject.case.question.variants
        if is_language(wording.name)
    ]


def typos(subjects: Sequence[Subject], seed: int) -> list[Reworded]:
    """Each question with swapped letters, without punctuation, in lower case, and all at once."""
    return [
        _reworded(subject, kind, text)
        for subject in subjects
        for kind in _TYPOS
        if (text := misspelt(subject.case.question.question, kind, draw(seed, subject.id)))
        != subject.case.question.question
    ]


def misspelt(text: str, kind: str, drawn: bytes) -> str:
    """A question as it is typed in haste.

    Args:
        text: the question.
        kind: `swapped letters`, `no punctuation`, `lower case` or `all at once`.
        drawn: decides which letters are swapped, in every third long word.
    """
    if kind in ("swapped letters", "all at once"):
        text = _swapped(text, drawn)
    if kind in ("no punctuation", "all at once"):
        # A hyphen inside a word and a point inside a number belong to a name.
        text = " ".join(re.sub(r"(?<!\w)[^\w\s]+|[^\w\s]+(?!\w)", " ", text).split())
    return text.lower() if kind in ("lower case", "all at once") else text


def searched(
    name: str, subjects: Sequence[Subject], made: Sequence[Reworded], search: SearchAgain
) -> Probe:
    """The wordings as a probe: each with what the search finds for it, beside the original.

    Only questions that were reworded are asked in the original, so that like is compared.
    """
    cases = search([one.question for one in made])
    by_condition: dict[str, list[Variant | str]] = {}
    for one, case in zip(made, cases, strict=True):
        varied = variant(case, one.origin, name, one.condition, case.retrieved)
        by_condition.setdefault(one.condition, []).append(varied)
    touched = {one.origin for one in made}
    originals = [
        variant(s.case, s.id, name, ORIGINAL, s.case.retrieved)
        for s in subjects
        if s.id in touched
    ]
    conditions = [
        condition(kind, None, found + _missing(subjects, made, kind))
        for kind, found in sorted(by_condition.items())
    ]
    return Probe(name, [condition(ORIGINAL, None, originals), *conditions], ORIGINAL)


def _missing(
    subjects: Sequence[Subject], made: Sequence[Reworded], kind: str
) -> list[Variant | str]:
    found = {one.origin for one in made if one.condition == kind}
    return ["there is no such wording" for subject in subjects if subject.id not in found]


def _reworded(subject: Subject, name: str, text: str) -> Reworded:
    question = subject.case.question
    digest = draw(0, text).hex()[:8]  # a name may have several texts
    varied = replace(question, id=f"{question.id}/{digest}", question=text, variants=())
    return Reworded(subject.id, name, varied)


def _swapped(text: str, drawn: bytes) -> str:
    """Two neighbouring letters exchanged inside every third long word, at least one."""
    words = list(re.finditer(r"[^\W\d_]{5,}", text))
    letters = list(text)
    for number, word in enumerate(words):
        if number % 3 != drawn[0] % min(3, len(words)):
            continue
        inside = range(word.start() + 1, word.end() - 2)
        places = [n for n in inside if letters[n] != letters[n + 1]]
        if places:
            place = places[drawn[1 + number % 16] % len(places)]
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)
