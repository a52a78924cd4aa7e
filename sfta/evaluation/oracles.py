"""Which chunks hold the answer: oracle ids and pages of the benchmark, looked up in the index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfta.core.problems import problem_list
from sfta.evaluation.metrics import contains
from sfta.evaluation.questions import Question
from sfta_edge.errors import ConfigError
from sfta_edge.knowledge import open_knowledge
from sfta_edge.retriever import Chunk

_CHUNKS = (
    "SELECT chunks.id, documents.id, documents.title, chunks.page, chunks.heading, chunks.text,"
    ' chunks."start", chunks."end", documents.name'
    " FROM chunks JOIN documents ON documents.number = chunks.document"
    " ORDER BY documents.name, chunks.ordinal"
)


@dataclass(frozen=True, slots=True)
class Oracle:
    """What is known about where a question's answer stands."""

    ids: tuple[str, ...]
    """Chunks that hold it: any one of them is enough, unless the question needs all. Empty: none
    is known."""
    group: str
    """What the question is drawn with in a resample, if documents are drawn."""
    page_group: str
    """The same, if pages are drawn."""


def read_chunks(knowledge_file: Path) -> list[Chunk]:
    """Every chunk of a knowledge file, by document and place."""
    knowledge = open_knowledge(knowledge_file)
    try:
        return [Chunk(*row) for row in knowledge.connection.execute(_CHUNKS)]
    finally:
        knowledge.close()


def resolve_oracles(questions: Sequence[Question], chunks: Iterable[Chunk]) -> list[Oracle]:
    """The oracle chunks of each question.

    Of an oracle page, the chunks that contain an accepted answer; if none does, because the
    answer is worded differently or spread over chunks, all chunks of the page.

    Raises:
        ConfigError: lists every id, document and page that the index does not hold.
    """
    by_id = {chunk.id: chunk for chunk in chunks}
    by_page: dict[tuple[str, int], list[Chunk]] = {}
    for chunk in by_id.values():
        by_page.setdefault((chunk.name, chunk.page), []).append(chunk)
    names = {name for name, _ in by_page}
    problems = [
        f"question {question.id!r}: {problem}"
        for question in questions
        for problem in _unknown(question, by_id, by_page, names)
    ]
    if problems:
        raise ConfigError(
            problem_list("the benchmark names what the index does not hold", problems),
            hint="Ask about the recipe's own documents, or name chunks of this index.",
        )
    return [_oracle(question, by_id, by_page) for question in questions]


def _unknown(
    question: Question,
    by_id: Mapping[str, Chunk],
    by_page: Mapping[tuple[str, int], list[Chunk]],
    names: set[str],
) -> list[str]:
    if question.documents:
        return []
    problems = [f"no chunk {name!r}" for name in question.oracle_ids if name not in by_id]
    for oracle in question.oracle_pages:
        if oracle.document not in names:
            problems.append(f"no document {oracle.document!r}")
        elif (oracle.document, oracle.page) not in by_page:
            problems.append(f"no text on page {oracle.page} of {oracle.document!r}")
    return problems


def _oracle(
    question: Question,
    by_id: Mapping[str, Chunk],
    by_page: Mapping[tuple[str, int], list[Chunk]],
) -> Oracle:
    own = question.group or f"question {question.id}"
    if question.documents:
        group = question.group or next(iter(question.oracle_ids), own)
        return Oracle(question.oracle_ids, group, group)
    found = [by_id[name] for name in question.oracle_ids]
    for oracle in question.oracle_pages:
        page = by_page[oracle.document, oracle.page]
        found += [c for c in page if contains(c.text, question.answers)] or page
    ids = tuple(dict.fromkeys(chunk.id for chunk in found))
    if not found:
        return Oracle(ids, own, own)
    first = found[0]
    return Oracle(ids, question.group or first.name, f"{first.name} page {first.page}")
