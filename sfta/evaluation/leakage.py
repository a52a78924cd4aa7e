"""Whether test questions stand, word for word or nearly, in the data the model learned from."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sfta.evaluation.metrics import normalise_answer, terms
from sfta.evaluation.questions import Question

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A test question and the training question that is most like it."""

    id: str
    question: str
    seen: str
    overlap: float
    """Shared words by all words, 0 to 1."""
    exact: bool
    """The same after normalisation."""


@dataclass(frozen=True, slots=True)
class Leakage:
    """Test questions that were seen."""

    matches: tuple[Match, ...]
    compared: int
    """Different training questions."""

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the test questions that were seen."""
        return frozenset(match.id for match in self.matches)

    def facts(self) -> dict[str, Any]:
        """Counts and examples for the report."""
        exact = sum(match.exact for match in self.matches)
        return {
            "compared_with": self.compared,
            "exact": exact,
            "near": len(self.matches) - exact,
            "examples": [asdict(match) for match in self.matches[:_SHOWN]],
        }


def find_leakage(
    questions: Sequence[Question], trained_on: Iterable[str], threshold: float
) -> Leakage:
    """Compare every test question with every question of train and validation.

    Near duplicates share at least `threshold` of their words.
    """
    seen = {text: frozenset(terms(text)) for text in sorted(set(trained_on))}
    spellings = {normalise_answer(text): text for text in seen}
    matches = []
    for question in questions:
        twin = spellings.get(normalise_answer(question.question))
        if twin is not None:
            matches.append(Match(question.id, question.question, twin, 1.0, exact=True))
            continue
        near = _nearest(frozenset(terms(question.question)), seen, threshold)
        if near is not None:
            text, overlap = near
            matches.append(
                Match(question.id, question.question, text, round(overlap, 4), exact=False)
            )
    return Leakage(tuple(matches), len(seen))


def _nearest(
    words: frozenset[str], seen: dict[str, frozenset[str]], threshold: float
) -> tuple[str, float] | None:
    best: tuple[str, float] | None = None
    for text, others in seen.items():
        # The overlap cannot exceed the ratio of the sizes; most pairs end here.
        if min(len(words), len(others)) < threshold * max(len(words), len(others), 1):
            continue
        overlap = len(words & others) / max(len(words | others), 1)
        if overlap >= threshold and (best is None or overlap > best[1]):
            best = (text, overlap)
    return best
