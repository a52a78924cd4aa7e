"""Questions that name passages of a corpus: a folder with ``questions.jsonl`` and ``corpus.jsonl``.

Questions are ``{"id", "question", "answers": [..], "oracle_ids": [..], "answerable"}``, passages
``{"id", "title", "text"}``. `near_ids` may name passages that an unanswerable question seems to be
about.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sfta.core.problems import problem_list
from sfta.evaluation.importing.files import Entry, json_lines
from sfta.evaluation.importing.imported import (
    Imported,
    LeftOutError,
    Notes,
    Passage,
    UnusableError,
    distinct,
    identifier,
    optional_text,
    text_of,
    texts_of,
)
from sfta_edge.errors import ConfigError

QUESTIONS, CORPUS = "questions.jsonl", "corpus.jsonl"
SIGNS = ("question", "answers")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Passages by the ids that questions name them with."""

    passages: Mapping[str, Passage] = field(default_factory=dict)


def read_corpus(path: Path) -> Corpus:
    """The passages of a file, or of `corpus.jsonl` in a folder.

    Raises:
        ConfigError: it cannot be read, or passages are unusable; lists every problem.
    """
    file = path / CORPUS if path.is_dir() else path
    notes, passages = Notes(), {}
    for entry in json_lines(file):
        with notes.at(entry.place):
            if entry.problem or not isinstance(entry.value, dict):
                raise UnusableError(entry.problem or "is not an object")
            name = identifier(entry.value, "id")
            if name in passages:
                raise UnusableError(f"id {name!r} is used twice")
            title = optional_text(entry.value, "title")
            passages[name] = Passage(title, text_of(entry.value, "text"))
    if notes.problems:
        raise ConfigError(
            problem_list(f"{file} cannot be used as a corpus", notes.problems),
            hint="A line is an object with id, title and text.",
        )
    return Corpus(passages)


def reader(corpus: Corpus) -> partial[Iterator[Imported]]:
    """What reads questions about this corpus."""
    return partial(_question, corpus)


def _question(corpus: Corpus, entry: Entry, _notes: Notes) -> Iterator[Imported]:
    record = entry.value
    if record.get("documents"):
        raise UnusableError("brings its own 'documents': the file is a benchmark file already")
    answers, answerable = distinct(texts_of(record, "answers")), record.get("answerable", True)
    if not isinstance(answerable, bool):
        raise UnusableError("'answerable' must be true or false")
    if answerable and not answers:
        raise LeftOutError("no answer is given")
    oracles = _named(record, "oracle_ids", corpus) if answerable else ()
    near = _named(record, "near_ids", corpus)
    yield Imported(
        id=identifier(record, "id"),
        question=text_of(record, "question"),
        answers=answers if answerable else (),
        passages=tuple(dict.fromkeys((*oracles, *near))),
        oracles=oracles,
        all_oracles=record.get("all_oracles") is True and len(oracles) > 1,
        reference=(optional_text(record, "reference") or optional_text(record, "long_answer"))
        if answerable
        else "",
        kind=optional_text(record, "kind"),
        group=optional_text(record, "group"),
    )


def _named(record: Mapping[str, object], key: str, corpus: Corpus) -> tuple[Passage, ...]:
    names = texts_of(record, key) if record.get(key) else []
    if unknown := [name for name in names if name not in corpus.passages]:
        where = "the corpus does not hold" if corpus.passages else "there is no corpus with"
        raise UnusableError(f"{key}: {where} the passage {unknown[0]!r}")
    return tuple(corpus.passages[name] for name in names)
