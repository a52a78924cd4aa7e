"""Subjects: the questions that are varied, with the chunks that hold their answer or do not."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sfta.evaluation.cases import Case
from sfta.evaluation.metrics import contains
from sfta_edge.retriever import Chunk


@dataclass(frozen=True, slots=True)
class Subject:
    """An answerable question and where its answer stands."""

    case: Case
    oracle: tuple[Chunk, ...]
    """The chunks that an answer needs: one, unless the question needs several."""

    @property
    def id(self) -> str:
        """Of the question."""
        return self.case.question.id


def make_subjects(cases: Iterable[Case], chunks: Mapping[str, Chunk]) -> list[Subject]:
    """The answerable cases whose oracle chunks are known; of several that suffice, one.

    Preferred is the chunk that contains an accepted answer to the letter. Of an oracle page
    where none does, all chunks are taken.
    """
    subjects = []
    for case in cases:
        known = {**chunks, **{chunk.id: chunk for chunk in case.ranked}}
        oracle = [known[name] for name in case.oracle.ids if name in known]
        if not case.question.answerable or not oracle:
            continue
        if not case.question.all_oracles:
            answers = case.question.answers
            literal = [chunk for chunk in oracle if contains(chunk.text, answers)]
            # Of a page nobody said which of its chunks is the one.
            enough = literal or (oracle if case.question.oracle_ids else [])
            oracle = enough[:1] or oracle
        subjects.append(Subject(case, tuple(oracle)))
    return subjects


def distractors(
    subject: Subject, chunks: Iterable[Chunk], seed: int, most: int
) -> tuple[Chunk, ...]:
    """Chunks without the answer, the hardest first.

    First what the search found, in its order, then chunks of the corpus, drawn by hash. A chunk
    that contains an accepted answer, even by chance, is none.

    Returns:
        At most `most`; fewer if the corpus has no more.
    """
    found: dict[str, Chunk] = {}
    for chunk in _without_answer(subject, subject.case.ranked):
        if len(found) < most:
            found[chunk.id] = chunk
    if len(found) < most:
        for chunk in random_distractors(subject, chunks, seed, most + len(found)):
            if len(found) < most:
                found.setdefault(chunk.id, chunk)
    return tuple(found.values())


def random_distractors(
    subject: Subject, chunks: Iterable[Chunk], seed: int, most: int
) -> tuple[Chunk, ...]:
    """Chunks of the corpus without the answer, drawn by hash."""
    drawn = sorted(chunks, key=lambda chunk: draw(seed, subject.id, chunk.id))
    found: list[Chunk] = []
    for chunk in _without_answer(subject, drawn):
        if len(found) == most:
            break
        found.append(chunk)
    return tuple(found)


def shuffled(subject: Subject, chunks: Sequence[Chunk], seed: int) -> tuple[Chunk, ...]:
    """The same chunks in an order that a hash decides."""
    return tuple(sorted(chunks, key=lambda chunk: draw(seed, "order", subject.id, chunk.id)))


def draw(seed: int, *names: str) -> bytes:
    """What decides a choice: the same names, the same bytes."""
    return hashlib.sha256("/".join((str(seed), *names)).encode()).digest()


def _without_answer(subject: Subject, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    case, own = subject.case, {chunk.id for chunk in subject.oracle}
    for chunk in chunks:
        shown = f"{chunk.title}\n{chunk.heading}\n{chunk.text}"
        held = chunk.id in own or chunk.id in case.oracle.ids
        if not held and not contains(shown, case.question.answers):
            yield chunk
