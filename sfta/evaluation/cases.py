"""A case: a question with its oracle and the chunks that every arm is given for it.

Retrieval is done once, before any arm answers, and written down. An arm cannot be better
because it was lucky in searching.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.evaluation.metrics import contains
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import GivenDocument, Question
from sfta_edge.manifest import canonical_json, write_durably
from sfta_edge.retriever import Chunk

Search = Callable[[Sequence[str], int], list[list[Chunk]]]
"""``(questions, depth) -> the best chunks of each``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question, ready to be asked."""

    question: Question
    oracle: Oracle
    ranked: tuple[Chunk, ...]
    """What the search found, best first, deeper than what is given to the model."""
    retrieved: tuple[Chunk, ...]
    """What the arms with retrieved chunks are given."""
    oracle_chunks: tuple[Chunk, ...]
    """What the arms with oracle chunks are given; retrieved ones if there is no answer."""

    @property
    def searched(self) -> bool:
        """Whether the chunks were searched for, not given with the question."""
        return not self.question.documents


def make_cases(
    questions: Sequence[Question],
    oracles: Sequence[Oracle],
    by_id: dict[str, Chunk],
    search: Search,
    *,
    top_k: int,
    depth: int,
) -> list[Case]:
    """Search once for all questions that bring no documents of their own."""
    asked = [question.question for question in questions if not question.documents]
    found = iter(search(asked, max(depth, top_k)))
    cases = []
    for question, oracle in zip(questions, oracles, strict=True):
        known = by_id
        if question.documents:
            ranked = [given_chunk(document) for document in question.documents]
            known, kept = {chunk.id: chunk for chunk in ranked}, len(ranked)
        else:
            ranked, kept = next(found), top_k
        oracle_chunks = tuple(known[name] for name in oracle.ids)[:kept]
        retrieved = tuple(ranked[:kept])
        cases.append(
            Case(question, oracle, tuple(ranked), retrieved, oracle_chunks or retrieved)
        )
    return cases


def given_chunk(document: GivenDocument) -> Chunk:
    """A document of the benchmark file as one chunk."""
    return Chunk(
        id=document.id,
        document_id=document.id,
        title=document.title,
        page=1,
        heading="",
        text=document.text,
        start=0,
        end=len(document.text),
        name=document.title,
    )


def answer_in(case: Case, context: Sequence[Chunk]) -> bool:
    """Whether a context holds the answer: an oracle chunk is in it, or all that are needed.

    Where no oracle is known, a chunk that contains an accepted answer counts as one.
    """
    if not case.question.answerable:
        return False
    if case.oracle.ids:
        found = {chunk.id for chunk in context}.intersection(case.oracle.ids)
        needed = len(case.oracle.ids) if case.question.all_oracles else 1
        return len(found) >= needed
    return any(contains(chunk.text, case.question.answers) for chunk in context)


def write_retrieval(path: Path, cases: Iterable[Case]) -> None:
    """Freeze what was retrieved, one line per question."""
    lines = [canonical_json(_line(case)) for case in cases]
    write_durably(path, b"".join(line + b"\n" for line in lines))


def _line(case: Case) -> dict[str, Any]:
    return {
        "id": case.question.id,
        "question": case.question.question,
        "oracle_ids": list(case.oracle.ids),
        "ranked": [chunk.id for chunk in case.ranked],
        "given": [chunk.id for chunk in case.retrieved],
        "answer_in_context": answer_in(case, case.retrieved),
        "searched": case.searched,
    }
