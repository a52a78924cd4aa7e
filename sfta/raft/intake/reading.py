"""From the records of a file to RAFT rows: every problem listed, every duplicate counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sfta.core.columns import Columns
from sfta.core.problems import problem_list
from sfta.core.records import FileRecord
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake import columns, tagged, turns
from sfta.raft.intake.exchange import Exchange, labels_of, text_of
from sfta.raft.intake.made import row_of
from sfta.raft.intake.own import own_row
from sfta.raft.intake.restored import restored
from sfta.raft.provenance import KEY
from sfta_edge.errors import ConfigError

SIGNS: dict[str, tuple[str, ...]] = {
    "rows": ("question", "context", "completion"),
    "raft_hf": ("cot_answer", "question"),
    "raft_eval": ("gold_final_answer", "question"),
    "chat": ("messages",),
    "sharegpt": ("conversations",),
    "flat": ("instruction", "output", "oracle_context"),
    "alpaca": ("instruction", "output"),
    "prompt_completion": ("prompt", "completion"),
}
"""Keys by which a format is recognised, the most particular first."""
COLUMNS = "columns"
FORMATS = (*SIGNS, COLUMNS)
_READERS: dict[str, Callable[[Mapping[str, Any], list[str]], list[Exchange]]] = {
    "raft_hf": tagged.raft_hf,
    "raft_eval": tagged.raft_eval,
    "chat": turns.chat,
    "sharegpt": turns.sharegpt,
    "alpaca": turns.alpaca,
    "prompt_completion": turns.prompt_completion,
}
_MARKED = ("raft_hf", "chat", "prompt_completion")  # may hold answers of the original script
Shown = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read."""

    prompt: PromptConfig
    format: str = ""
    """Empty: recognised by the keys of the first record."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a table: what a column is, and its name in the file."""
    known: Mapping[str, CorpusChunk] = field(default_factory=dict)
    """Chunks whose texts stand beside the rows."""


@dataclass(slots=True)
class Taken:
    """What a file came to."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """In the order of the file; split and group only as far as the file names them."""
    records: list[int] = field(default_factory=list)
    """Number of the record that each row comes from."""
    duplicates: list[dict[str, Any]] = field(default_factory=list)
    """Rows that repeat an earlier one, with the reason."""
    chunks: dict[str, CorpusChunk] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    """Format, and counts of all that was changed on the way."""


def take_in(records: Iterable[FileRecord], name: str, reading: Reading) -> Taken:
    """Read all records.

    Raises:
        ConfigError: the format is not recognised, there is no row, or rows are unusable: every
            problem with the number of its row and its field, the first 20 spelled out.
    """
    listed = list(records)
    known = reading.format or recognise(listed, name, reading.columns)
    table, problems = _columns(listed, known, reading)
    exchanges: list[tuple[int, Exchange]] = []
    for record in listed if not problems else ():
        found: list[str] = []
        exchanges += [(record.number, e) for e in _read(record, known, reading, table, found)]
        problems += [f"row {record.number}, {problem}" for problem in found]
    taken = Taken(notes={"format": known, "records": len(listed)})
    if table:
        taken.notes |= {"columns": dict(table.names), "columns_not_read": list(table.unread)}
    if not problems:
        problems = _make(_with_system(exchanges, reading.prompt, taken), known, reading, taken)
    if not problems and not taken.rows:
        problems = ["it holds no row"]
    if problems:
        raise ConfigError(
            problem_list(f"{name} cannot be used as rows (format {known})", problems),
            hint="Correct the rows; docs/reference/dataset-formats.md shows every format.",
        )
    return taken


def recognise(
    records: Sequence[FileRecord], name: str, given_columns: Mapping[str, str]
) -> str:
    """The format by the keys of the first readable record.

    Raises:
        ConfigError: it has the keys of no format.
    """
    first = next((r.value for r in records if isinstance(r.value, dict)), None)
    if first is None or given_columns:
        return COLUMNS
    for known, keys in SIGNS.items():
        if all(first.get(key) is not None for key in keys):
            return known
    _, problems = columns.recognise(first, {})
    if problems:
        raise ConfigError(
            f"{name}: the rows are in no known format; their keys: {', '.join(sorted(first))}",
            hint=f"Formats: {', '.join(SIGNS)}. For a table name its columns, as in"
            " --columns question=NAME,answer=NAME.",
        )
    return COLUMNS


def _columns(
    records: Sequence[FileRecord], known: str, reading: Reading
) -> tuple[Columns | None, list[str]]:
    if known != COLUMNS:
        return None, []
    first = next((r.value for r in records if isinstance(r.value, dict)), None)
    return columns.recognise(first, reading.columns) if first is not None else (None, [])


def _read(
    record: FileRecord,
    known: str,
    reading: Reading,
    table: Columns | None,
    problems: list[str],
) -> list[Exchange]:
    if record.problem or not isinstance(record.value, dict):
        problems.append(record.problem or "the whole row: is not an object")
        return []
    value = record.value
    if record.split and not value.get("split"):
        value = {**value, "split": record.split}
    if known == "rows":
        return own_row(value, reading.known, problems)
    if table is not None:
        return columns.table_row(value, table, problems)
    labels = labels_of(value, problems)
    found = _flat(value, problems) if known == "flat" else _READERS[known](value, problems)
    if problems:
        return []
    found = [replace(exchange, labels=labels) for exchange in found]
    if len(found) == 1:
        found = [_with_context(found[0], value, known, problems)]
    if known in _MARKED:
        found = [tagged.own_form(exchange, reading.prompt) for exchange in found]
    return [exchange.plain() for exchange in found]


def _flat(value: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    asked = text_of(value, "instruction", problems)
    answer = text_of(value, "output", problems)
    return [] if problems else [Exchange(asked, answer)]


def _with_context(
    exchange: Exchange, value: Mapping[str, Any], known: str, problems: list[str]
) -> Exchange:
    """Documents that stand in the question's text, if the record says where."""
    if value.get(KEY) is None:
        return exchange if exchange.chunks else tagged.untagged(exchange)
    holder = exchange.question if known != "alpaca" else str(value.get("input") or "")
    return restored(exchange, value, None if known == "raft_hf" else holder, problems)


def _with_system(
    exchanges: list[tuple[int, Exchange]], prompt: PromptConfig, taken: Taken
) -> list[tuple[int, Exchange]]:
    """The device always sends `prompt.system`.

    A system text that is the same in all rows gives way to it; different ones tell rows apart
    and go in front of the question.
    """
    texts = {e.system for _, e in exchanges if e.system} - {prompt.system}
    taken.notes["system_texts"] = len(texts)
    if len(texts) < 2:
        return exchanges
    return [
        (number, replace(e, question=f"{e.system}\n{e.question}") if e.system in texts else e)
        for number, e in exchanges
    ]


def _make(
    exchanges: Iterable[tuple[int, Exchange]], known: str, reading: Reading, taken: Taken
) -> list[str]:
    """Make the rows; return what is wrong with their chunks and quotes."""
    problems: list[str] = []
    counts: Counter[str] = Counter()
    first: dict[tuple[Any, ...], int] = {}
    for number, exchange in exchanges:
        before = counts["quotes_not_found"]
        row = row_of(exchange, known, reading.prompt, counts)
        if known == "rows" and counts["quotes_not_found"] > before:
            problems.append(f"row {number}, completion: quotes what its chunk does not say")
        problems += _add_chunks(exchange.chunks, taken.chunks, number)
        key = (row["question"], row["completion"], *(c["chunk_id"] for c in row["context"]))
        if key in first:
            reason = f"duplicate of row {first[key]}"
            taken.duplicates.append({**row, "rejected_because": reason})
            continue
        first[key] = number
        taken.rows.append(row)
        taken.records.append(number)
    taken.notes |= {
        "rows": len(taken.rows),
        "duplicates": len(taken.duplicates),
        "with_context": sum(bool(row["context"]) for row in taken.rows),
        **{n: counts[n] for n in ("answers_put_in_form", "quotes_not_found", "lines_joined")},
    }
    return problems


def _add_chunks(
    chunks: Sequence[CorpusChunk], known: dict[str, CorpusChunk], number: int
) -> list[str]:
    return [
        f"row {number}, context: chunk {chunk.id!r} has another text in an earlier row"
        for chunk in chunks
        if _shown(known.setdefault(chunk.id, chunk)) != _shown(chunk)
    ]


def _shown(chunk: CorpusChunk) -> Shown:
    return chunk.title, chunk.page, chunk.heading, chunk.text
