"""From a foreign file to lines of the benchmark file: every problem listed, every loss counted."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from sfta.core.problems import problem_list
from sfta.evaluation.importing import corpus, table
from sfta.evaluation.importing.files import Decode, Entry, Source, open_source
from sfta.evaluation.importing.formats import CORPUS, TABLE, Reader, reader_of, recognise
from sfta.evaluation.importing.imported import (
    Imported,
    Notes,
    Passage,
    UnusableError,
    content_id,
)
from sfta_edge.errors import ConfigError

MOST_QUESTIONS = 1_000_000
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is read, and what it becomes."""

    format: str = ""
    """Empty: recognised."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a table: what a column is, and its name in the file."""
    corpus: Path | None = None
    """File with the passages that questions name."""
    passages: int = 10
    """Most passages that a question brings along."""
    documents: bool = False
    """Passages become documents that are searched, instead of going along with their question."""


@dataclass(slots=True)
class Benchmark:
    """What a file came to."""

    format: str
    lines: list[Line] = field(default_factory=list)
    """Of the benchmark file, in the order of the source."""
    documents: dict[str, Passage] = field(default_factory=dict)
    """By file name."""
    notes: Notes = field(default_factory=Notes)
    columns: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    """Columns of a table that are not read."""

    def content(self) -> bytes:
        """The benchmark file."""
        spelled = (json.dumps(line, ensure_ascii=False) for line in self.lines)
        return "".join(f"{line}\n" for line in spelled).encode()


def read_benchmark(path: Path, wanted: Wanted, decode: Decode) -> Benchmark:
    """Read a question set.

    Args:
        path: a file, or a folder with questions and a corpus.
        wanted: how.
        decode: makes text of a table, whatever it is encoded in.

    Raises:
        ConfigError: the file cannot be read or is in no known format, it holds no question, or
            records are unusable: every problem with its place, the first 20 spelled out.
    """
    folder = path.is_dir()
    source = open_source(path / corpus.QUESTIONS if folder else path, decode)
    first, entries = _peeked(source)
    known = wanted.format or (CORPUS if folder else "")
    if not known:
        known = TABLE if wanted.columns else recognise(first, table_file=source.table)
    made = Benchmark(known)
    named = corpus.Corpus()
    if known == CORPUS and (where := wanted.corpus or (path if folder else None)):
        named = corpus.read_corpus(where)
    if first is not None or known != TABLE:  # of an empty table not even the columns are known
        reader = _reader(first, wanted, named, made)
        if not made.notes.problems:
            _take(entries, reader, wanted, made)
    if source.encoding_guessed:
        made.notes.remarks["the encoding was guessed; check letters with accents"] = len(
            made.lines
        )
    if wanted.documents:
        made.documents |= {p.file: p for p in named.passages.values()}
    if not made.notes.problems and not made.lines:
        made.notes.problems.append(f"it holds no question that can be asked{_why(made.notes)}")
    if made.notes.problems:
        hint = "Correct the records, or say what the file is with --from."
        if known == TABLE:
            hint = "Name its columns, as in --columns question=NAME,answer=NAME."
        raise ConfigError(
            problem_list(f"{path} cannot be used as {known}", made.notes.problems), hint=hint
        )
    return made


def _peeked(source: Source) -> tuple[Any, Iterator[Entry]]:
    """The first record that can be read, and all of them."""
    seen: list[Entry] = []
    for entry in source.entries:
        seen.append(entry)
        if isinstance(entry.value, dict):
            return entry.value, chain(seen, source.entries)
    return None, iter(seen)


def _reader(first: Any, wanted: Wanted, named: corpus.Corpus, made: Benchmark) -> Reader:
    record = first if isinstance(first, dict) else {}
    if made.format == CORPUS:
        return corpus.reader(named)
    if made.format != TABLE:
        return reader_of(made.format, record)
    found, problems = table.columns_of(record, wanted.columns)
    made.notes.problems += problems
    made.columns, made.unread = dict(found.names), found.unread
    return table.reader(found)


def _take(entries: Iterator[Entry], reader: Reader, wanted: Wanted, made: Benchmark) -> None:
    asked: dict[str, str] = {}
    for entry in entries:
        with made.notes.at(entry.place):
            if entry.problem or not isinstance(entry.value, dict):
                raise UnusableError(entry.problem or "is not an object")
            for found in reader(entry, made.notes):
                if found.id not in asked:
                    asked[found.id] = found.question
                    _add(found, wanted, made)
                elif asked[found.id] == found.question:
                    made.notes.left_out["the question stands in the file before"] += 1
                else:
                    raise UnusableError(f"id {found.id!r} is that of another question before")
        if len(made.lines) > MOST_QUESTIONS:
            raise ConfigError(
                f"the file holds more than {MOST_QUESTIONS} questions",
                hint="Give a part of it.",
            )


def _add(found: Imported, wanted: Wanted, made: Benchmark) -> None:
    notes = made.notes
    if wanted.documents and found.own_passages_only:
        notes.left_out["it is about its own passages, and all documents are searched"] += 1
        return
    line: Line = {
        "id": found.id,
        "question": found.question,
        "answers": list(found.answers),
        "answerable": bool(found.answers),
    }
    if wanted.documents:
        made.documents |= {passage.file: passage for passage in found.passages}
        line |= _pages(found, notes)
    else:
        line |= _documents(found, wanted.passages, notes)
    own = {"reference": found.reference, "kind": found.kind, "group": found.group}
    made.lines.append(line | {key: value for key, value in own.items() if value})


def _pages(found: Imported, notes: Notes) -> Line:
    pages = [*found.pages, *((passage.file, 1) for passage in found.oracles)]
    if found.all_oracles and len(found.oracles) > 1:
        notes.remarks["it needs several documents, of which any one counts as the oracle"] += 1
    named = [{"document": name, "page": page} for name, page in dict.fromkeys(pages)]
    return {"oracle_pages": named} if named else {}


def _documents(found: Imported, most: int, notes: Notes) -> Line:
    passages = _kept(found, most)
    if len(passages) < len(dict.fromkeys(found.passages)):
        notes.remarks["it has more passages than it brings along"] += 1
    line: Line = {}
    if passages:
        line["documents"] = [{"id": p.id, "title": p.title, "text": p.text} for p in passages]
    oracles = [passage.id for passage in dict.fromkeys(found.oracles) if passage in passages]
    if oracles:
        line["oracle_ids"] = oracles
    if found.all_oracles and len(oracles) > 1:
        line["all_oracles"] = True
    return line | (_pages(found, notes) if not passages else {})


def _kept(found: Imported, most: int) -> list[Passage]:
    """What fits, drawn by hash, so that the share of oracles stays; what is needed comes first."""
    every = list(dict.fromkeys(found.passages))
    drawn = sorted(every, key=lambda passage: content_id(found.id, passage.id))
    needed = found.needed or tuple(p for p in drawn if p in found.oracles)[:1]
    chosen = list(dict.fromkeys((*needed, *drawn)))[: max(most, len(needed))]
    return [passage for passage in every if passage in chosen]


def _why(notes: Notes) -> str:
    reasons = ", ".join(
        f"{reason}: {count}" for reason, count in sorted(notes.left_out.items())
    )
    return f" ({reasons})" if reasons else ""
