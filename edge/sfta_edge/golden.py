"""Golden questions: what a bundle answered when it was measured, asked again on the device.

They come from the report that let the bundle ship. A device that gives other pages, refuses where
it should answer or answers where it should refuse does not run what was measured: another
processor is no reason, a damaged runtime or a worse model is.
"""

import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import canonical_json
from sfta_edge.reply import Answer

GOLDEN_FILE = "golden.json"
SCHEMA = "sfta.golden/1"
LEAST = 0.75
"""Share that has to hold: another instruction set rounds in another way, which flips near ties."""
_KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """One question and what has to come back."""

    question: str
    refused: bool
    """The documents do not hold the answer, and the device says so."""
    places: tuple[tuple[str, int], ...] = ()
    """Document and page of each quote; one of them has to be quoted again."""

    def holds(self, answer: Answer) -> bool:
        """Whether an answer is the one that was measured."""
        if self.refused or answer.refused:
            return self.refused == answer.refused
        quoted = {(c.document, c.page) for c in answer.citations if c.verified}
        return bool(quoted & set(self.places))


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden questions of a bundle."""

    questions: tuple[GoldenQuestion, ...]

    def to_bytes(self) -> bytes:
        """The file in the bundle."""
        listed = [asdict(question) for question in self.questions]
        return canonical_json({"schema": SCHEMA, "questions": listed})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file of a verified bundle.

        Raises:
            IntegrityError: it is none, or of another version.
        """
        try:
            found = json.loads(path.read_bytes())
            if found["schema"] != SCHEMA:
                raise IntegrityError(f"unknown schema {found['schema']!r} in {path.name}")
            questions = tuple(
                GoldenQuestion(
                    str(each["question"]),
                    bool(each["refused"]),
                    tuple((str(name), int(page)) for name, page in each["places"]),
                )
                for each in found["questions"]
            )
        # 1e999 is read as infinity, and what is nested deeply ends in RecursionError.
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise IntegrityError(f"{path.name} is not readable: {error}") from error
        return cls(questions)


@dataclass(frozen=True, slots=True)
class Examination:
    """How a device did."""

    asked: int
    held: int
    wrong: tuple[str, ...]
    """Questions that came out otherwise."""
    seconds: float
    """Mean time of an answer."""
    peak_bytes: int
    """Most memory that was resident."""

    @property
    def passed(self) -> bool:
        """Enough of them came out as measured; without any, loading was the test."""
        return self.held >= LEAST * self.asked

    def to_json(self) -> dict[str, Any]:
        """For the program that started the examination."""
        return {**asdict(self), "wrong": list(self.wrong), "passed": self.passed}


def examine_golden(
    ask: Callable[[str], Answer], questions: Sequence[GoldenQuestion]
) -> Examination:
    """Ask every golden question."""
    began = time.monotonic()
    wrong = [golden.question for golden in questions if not golden.holds(ask(golden.question))]
    count = len(questions)
    mean = (time.monotonic() - began) / count if count else 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIBIBYTE
    return Examination(count, count - len(wrong), tuple(wrong), mean, peak)
