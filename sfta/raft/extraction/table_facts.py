"""Facts of table rows, by what the column headers say."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfta.raft.corpus import bag
from sfta.raft.extraction.blocks import TableRow
from sfta.raft.extraction.clauses import analyse_command
from sfta.raft.extraction.facts import CODE, Fact, fact
from sfta.raft.extraction.lexicon import THIRD
from sfta.raft.extraction.nouns import bare, is_plural, lower_first
from sfta.raft.extraction.quantities import unit_kind

_HEADERS: tuple[tuple[str, str], ...] = (
    ("part number", r"part number|part no|order number|item number|article"),
    ("code", r"\b(?:code|error|fault|alarm|message|number)\b"),
    ("meaning", r"^meaning|^description|^cause"),
    ("action", r"action|remedy|solution|what to do|measure$"),
    ("torque", r"torque"),
    ("position", r"position|location|place"),
    ("purpose", r"purpose|use$|function|used for"),
    ("range", r"range"),
    ("setting", r"on delivery|default|factory|preset"),
    ("limit", r"^(?:warning|trip|limit|alarm)$"),
    ("value", r"^value$|^data$"),
    ("interval", r"interval|every|when$"),
    ("work", r"^(?:work|task|maintenance|job)s?$"),
    ("equipment", r"equipment|protection"),
    ("name", r"^(?:name|part|device|item)$"),
)
_CODE_KEY = re.compile(r"^[A-Z]{1,3}-?\d{1,4}$")
_PART_KEY = re.compile(r"^[\dA-Z]{2,}(?:[-.]\d{2,})+$")
_VERB_HEADERS = bag("protects controls drives measures supplies feeds connects shows")
_BANKS = {"setting": "cell_setting", "purpose": "cell_purpose", "position": "cell_position",
          "equipment": "equipment"}  # fmt: skip
_EMPTY = frozenset({"", "-", "--", "none", "n/a", "\u2013", "\u2014"})
_CODE_NOUNS = {"E": "trip", "W": "warning", "S": "service message", "F": "fault", "A": "alarm"}


@dataclass(frozen=True, slots=True)
class TableKeys:
    """In how many tables each first cell stands: a key of two tables needs its caption."""

    counts: Counter[str]

    @classmethod
    def of(cls, rows: Sequence[TableRow]) -> "TableKeys":
        seen = {(row.cells[0].casefold(), row.caption, row.header) for row in rows}
        return cls(Counter(key for key, _, _ in seen))

    def shared(self, row: TableRow) -> bool:
        """Whether the same key stands in another table."""
        return self.counts[row.cells[0].casefold()] > 1


def header_class(header: str) -> str:
    """What a column holds, read off its header; empty when nothing is known."""
    low = header.casefold().strip()
    return next((name for name, pattern in _HEADERS if re.search(pattern, low)), "")


def row_facts(row: TableRow, keys: TableKeys) -> Iterator[Fact]:
    """Facts of one row: each further cell asked for by the first one, and back."""
    classes = [header_class(header) for header in row.header]
    key = row.cells[0]
    if key.casefold() in _EMPTY:
        return
    for column in range(1, len(row.cells)):
        cell = row.cells[column]
        if cell.casefold() in _EMPTY:
            continue
        yield from _cell_facts(row, keys, classes, column)


def _cell_facts(
    row: TableRow, keys: TableKeys, classes: list[str], column: int
) -> Iterator[Fact]:
    key, cell, kind = row.cells[0], row.cells[column], classes[column]
    if _PART_KEY.match(key) and classes[0] == "part number":
        yield from _part_row(row, keys, classes, column)
    elif _CODE_KEY.match(key) and kind in ("meaning", "action"):
        yield from _code_row(row, kind, cell)
    elif kind == "part number" and _PART_KEY.match(cell):
        yield fact("part_number", row.chunk, row.quote, cell, thing=_thing_of(row),
                   bare=bare(_thing_of(row)))  # fmt: skip
        yield fact("part_of_number", row.chunk, row.quote, key, key=cell)
    elif kind == "torque":
        yield fact("torque", row.chunk, row.quote, cell, thing=_connection(key), bare=bare(key),
                   be="are" if is_plural(key) else "is")  # fmt: skip
    else:
        yield from _general(row, keys, classes, column)


def _code_row(row: TableRow, kind: str, cell: str) -> Iterator[Fact]:
    key = row.cells[0]
    noun = _CODE_NOUNS.get(key[0], "code") if "-" in key else _code_noun(row)
    shown = key if "-" in key else f"{key} {_display(row)}".strip()
    if kind == "meaning":
        yield fact("code_meaning", row.chunk, row.quote, cell, key=shown, noun=noun)
        yield fact("code_of", row.chunk, row.quote, key, meaning=lower_first(cell), noun=noun)
    else:
        yield fact("code_action", row.chunk, row.quote, cell, key=shown, noun=noun)


def _code_noun(row: TableRow) -> str:
    return row.header[0].lower() if row.header[0] else "code"


def _display(row: TableRow) -> str:
    match = re.search(r"\b(?:on|of|in) the .+$", row.caption)
    return match[0] if match else ""


def _part_row(
    row: TableRow, keys: TableKeys, classes: list[str], column: int
) -> Iterator[Fact]:
    key, cell, kind = row.cells[0], row.cells[column], classes[column]
    if kind in ("name", "meaning"):
        thing = _article(cell)
        where = [row.cells[i] for i, k in enumerate(classes) if k == "position"]
        if where and not CODE.search(cell):
            thing = f"{thing} ({where[0]})"
        yield fact("part_number", row.chunk, row.quote, key, thing=thing, bare=bare(thing))
        yield fact("part_of_number", row.chunk, row.quote, cell, key=key)
    elif kind == "position":
        name = [row.cells[i] for i, k in enumerate(classes) if k == "name"]
        yield fact("part_number", row.chunk, row.quote, key, bare=cell,
                   thing=f"{_article(name[0]) if name else 'the part'} for {cell}")  # fmt: skip
    elif not cell.isdigit():
        yield from _general(row, keys, classes, column)


def _thing_of(row: TableRow) -> str:
    key = row.cells[0]
    owner = row.header[0].lower()
    if owner in ("sign", "tool", "lamp", "fuse", "key", "label"):
        return f"the {owner} {key}" if CODE.search(key) else f'the {owner} "{key}"'
    return _article(key)


def _article(name: str) -> str:
    first = lower_first(name)
    return first if first.split()[0] in ("the", "a", "an") else f"the {first}"


def _connection(key: str) -> str:
    name = lower_first(re.sub(r",.*$", "", key)) if key.count(",") else lower_first(key)
    tail = key.split(", ", 1)[1] if ", " in key else ""
    if " to " in name:
        left, right = name.split(" to ", 1)
        return f"the bolts between {left} and {right}"
    return f"the {tail} of the {name}" if tail else f"the {name}"


def _general(row: TableRow, keys: TableKeys, classes: list[str], column: int) -> Iterator[Fact]:
    key, cell, kind = row.cells[0], row.cells[column], classes[column]
    header = lower_first(row.header[column])
    spoken = key_phrase(row, keys)
    base = {"key": spoken, "header": header, "the": _the(spoken),
            "be": "are" if is_plural(header) else "is"}  # fmt: skip
    bank, extra = _bank(kind, row, column, cell)
    if bank == "interval_work":
        yield from _interval_row(row, key, cell)
        return
    if bank:
        yield fact(bank, row.chunk, row.quote, cell, label=bank, **{**base, **extra})


def _bank(kind: str, row: TableRow, column: int, cell: str) -> tuple[str, dict[str, str]]:
    """Bank of phrasings for a cell that is no code, number or torque; extra slots."""
    header = row.header[column]
    low = header.casefold()
    if header_class(row.header[0]) == "interval" and kind == "work":
        return "interval_work", {}
    if kind == "limit":
        return ("cell_limit" if unit_kind(cell) and low != "limit" else "cell"), {}
    if kind == "range":
        return ("cell_range" if "normal" in low else "cell_adjust"), {}
    if kind == "value":
        return ("cell_value" if len(row.header) == 2 else "cell"), {"big": ""}
    if kind == "name":
        return ("cell_name" if CODE.search(row.cells[0]) else "cell"), {}
    if kind in _BANKS:
        return _BANKS[kind], {}
    first = low.split()[0] if low.split() else ""
    if first in _VERB_HEADERS:
        return "cell_verb", {"verb": lower_first(header).replace(first, THIRD[first], 1)}
    loose = first in ("what", "how", "where") or low.endswith((" if", " of", " when"))
    return ("cell_loose" if loose else "cell"), {}


def key_phrase(row: TableRow, keys: TableKeys) -> str:
    """The key as it is spoken of, with its column's name or its table's topic if needed."""
    key, header = row.cells[0], row.header[0].lower()
    if CODE.search(key) and len(key.split()) == 1:
        return key if "-" in key else f"{header} {key}"
    plain = lower_first(key)
    if header in ("lamp", "sign", "level", "state", "metal", "screen", "key", "strip", "fuse",
                  "relay", "register", "function", "terminal"):  # fmt: skip
        article = "" if key.isdigit() else "the "
        plain = f'the {header} "{key}"' if len(key.split()) > 1 else f"{article}{header} {key}"
    if keys.shared(row) and row.caption:
        return f"{plain} ({lower_first(row.caption)})"
    if len(key.split()) > 1 and re.match(r"[A-Z][a-z]+(?: [A-Z][a-z]+)+$", key):
        return f"the {key}"
    return plain


def _the(spoken: str) -> str:
    return (
        "" if spoken.split(maxsplit=1)[0] in ("the", "a", "an") or CODE.match(spoken) else "the"
    )


def _interval_row(row: TableRow, interval: str, cell: str) -> Iterator[Fact]:
    spoken = lower_first(interval)
    if spoken[0].isdigit():
        spoken = f"after {spoken}" if "once" in spoken else f"every {spoken}"
    yield fact("interval_work", row.chunk, row.quote, cell, interval=spoken)
    for work in re.split(r"[;,] (?=\w)", cell):
        command = analyse_command(work[:1].upper() + work[1:])
        if command and not re.match(r"(?:it|them)\b", command.rest):
            yield fact("work_interval", row.chunk, row.quote, interval, work=lower_first(work))
