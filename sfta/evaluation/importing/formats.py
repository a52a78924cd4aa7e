"""The formats that are read, and how a file is recognised."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sfta.evaluation.importing import clapnq, corpus, hotpotqa, nq, pubmedqa, rgb, squad, table
from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import Imported, Notes
from sfta_edge.errors import ConfigError

Reader = Callable[[Entry, Notes], Iterator[Imported]]
"""``(record, notes) -> its questions``."""

_SIGNS: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    ("squad", squad.SIGNS_ROW, squad.squad_row),
    ("squad", squad.SIGNS, squad.squad),
    ("pubmedqa", pubmedqa.SIGNS, pubmedqa.pubmedqa),
    ("hotpotqa", hotpotqa.SIGNS, hotpotqa.hotpotqa),
    ("clapnq", clapnq.SIGNS, clapnq.clapnq),
    ("rgb", rgb.SIGNS, rgb.rgb),
    ("nq", nq.SIGNS, nq.nq),
    ("nq", nq.SIGNS_OPEN, nq.nq_open),
)
"""Format, the keys by which a record is known, and what reads it; the most particular first."""
TABLE, CORPUS = "table", "corpus"
FORMATS = (*dict.fromkeys(name for name, _, _ in _SIGNS), TABLE, CORPUS)


def recognise(record: object, *, table_file: bool) -> str:
    """The format of a file by its first record.

    Raises:
        ConfigError: it has the keys of no format.
    """
    if table_file:
        return TABLE
    if not isinstance(record, dict):
        raise ConfigError(
            "the file holds no object that could be a question",
            hint=f"Formats: {', '.join(FORMATS)}.",
        )
    for name, keys, _ in _SIGNS:
        if all(key in record for key in keys) and _holds(keys, record):
            return name
    if all(key in record for key in corpus.SIGNS):
        return CORPUS
    if not table.columns_of(record, {})[1]:
        return TABLE
    raise ConfigError(
        f"the questions are in no known format; their keys: {', '.join(map(str, record))[:300]}",
        hint=f"Formats: {', '.join(FORMATS)}. For a table name its columns, as in"
        " --columns question=NAME,answer=NAME.",
    )


def reader_of(name: str, record: Mapping[str, Any]) -> Reader:
    """What reads a format of `FORMATS` but a table and a corpus, whose readers need more.

    SQuAD and Natural Questions have two shapes each, told apart by the record.
    """
    shapes = [(keys, reader) for known, keys, reader in _SIGNS if known == name]
    fitting = [reader for keys, reader in shapes if all(key in record for key in keys)]
    return fitting[0] if fitting else shapes[-1][1]


def _holds(keys: tuple[str, ...], record: Mapping[str, Any]) -> bool:
    """Whether values fit where other formats have the same keys."""
    if keys == nq.SIGNS_OPEN:
        return isinstance(record["answer"], list)  # a text is the answer of a table
    return keys != squad.SIGNS_ROW or isinstance(record["answers"], dict)
