"""Questions with their answers before they become rows, and why some do not."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from sfta_edge.manifest import canonical_json

EXAMPLES_PER_REASON = 5

Form = Literal["span", "list", "choice", "yes_no", "correction", "free"]
"""How an answer rests on its quotes. `span`: it stands in the quote. `list`: each part between
semicolons stands in a quote. `choice`: it stands in a quote, and the question names it beside
others. `yes_no`: yes or no. `correction`: "right, not wrong", where the right part stands in the
quote and the wrong one does not. `free`: in words of its own; only a judge can check it."""


@dataclass(frozen=True, slots=True)
class Support:
    """One quote that an answer needs."""

    chunk_id: str
    quote: str
    evidence: str
    """The part of the quote that the answer rests on, verbatim."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One question a teacher has written."""

    question: str
    kind: str
    """What is asked: definition, torque, code_meaning, ..."""
    chunk_id: str
    """Oracle chunk; for an unanswerable question the chunk it was made from."""
    quote: str = ""
    """Verbatim text of the oracle chunk that holds the answer; empty if unanswerable."""
    answer: str = ""
    """Final answer; empty if unanswerable."""
    template: str = ""
    """Id of the wording; empty for questions of a model."""
    fact: str = ""
    """What several wordings of one question have in common."""
    teacher: str = ""
    form: Form = "span"
    evidence: str = ""
    """Part of the quote that the answer rests on; empty: the answer itself."""
    more: tuple[Support, ...] = ()
    """Further quotes that the answer needs, of the same chunk or of others."""
    paraphrases: tuple[str, ...] = ()
    """The answer in other words."""
    reason: str = ""
    """How the answer follows from the quotes, one line."""

    @property
    def supports(self) -> tuple[Support, ...]:
        """Every quote with what it says; none if unanswerable."""
        if not self.answerable:
            return ()
        return (
            Support(self.chunk_id, self.quote, self.evidence or self.answer),
            *self.more,
        )

    @property
    def oracle_ids(self) -> tuple[str, ...]:
        """Chunks that must all be there to answer, each once; none if unanswerable."""
        return tuple(dict.fromkeys(support.chunk_id for support in self.supports))

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return bool(self.answer)

    @property
    def id(self) -> str:
        """Identity from content."""
        parts: list[object] = [self.question, self.answer, self.quote, self.chunk_id]
        parts += [[support.chunk_id, support.quote] for support in self.more]
        return hashlib.sha256(canonical_json(parts)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that does not become a row."""

    candidate: Candidate
    reason: str


@dataclass(slots=True)
class Funnel:
    """Counts on the way from candidates to rows. Nothing leaves it without a reason."""

    entered: int = 0
    steps: list[tuple[str, int]] = field(default_factory=list)
    """Name of a step and how many were left after it."""
    rejected: list[Rejected] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    """What is true of this run and not of the dataset, as what came from disk."""

    def passed(self, step: str, kept: list[Candidate], lost: list[Rejected]) -> list[Candidate]:
        """Note the outcome of one step and hand on what it kept."""
        self.rejected += lost
        self.steps.append((step, len(kept)))
        return kept

    @property
    def reasons(self) -> Counter[str]:
        """How many candidates each reason has cost."""
        return Counter(item.reason for item in self.rejected)

    def to_json(self) -> dict[str, object]:
        """Counts, and the first examples of every reason."""
        examples: dict[str, list[dict[str, str]]] = {}
        for item in self.rejected:
            held = examples.setdefault(item.reason, [])
            if len(held) < EXAMPLES_PER_REASON:
                held.append({"question": item.candidate.question,
                             "answer": item.candidate.answer,
                             "quote": item.candidate.quote})  # fmt: skip
        return {
            "entered": self.entered,
            "left_after": [{"step": name, "candidates": count} for name, count in self.steps],
            "rejected": dict(sorted(self.reasons.items())),
            "examples": dict(sorted(examples.items())),
            **self.notes,
        }
