"""Questions with their answers before they become rows, and why some do not."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from sfta_edge.manifest import canonical_json

EXAMPLES_PER_REASON = 5


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

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return bool(self.answer)

    @property
    def id(self) -> str:
        """Identity from content."""
        parts = [self.question, self.answer, self.quote, self.chunk_id]
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
                             "answer": item.candidate.answer})  # fmt: skip
        return {
            "entered": self.entered,
            "left_after": [{"step": name, "candidates": count} for name, count in self.steps],
            "rejected": dict(sorted(self.reasons.items())),
            "examples": dict(sorted(examples.items())),
            **self.notes,
        }
