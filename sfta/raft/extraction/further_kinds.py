"""Questions whose answer is no part of one quote: comparing, yes or no, false premise, two chunks.

All are made from table rows, where rules can be sure of what belongs to what, and from pairs of
facts about one code. Each carries the quotes it needs and a reason of one line.
"""

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from sfta.raft.candidate import Candidate, Support
from sfta.raft.config import FurtherKind
from sfta.raft.corpus import CorpusChunk
from sfta.raft.extraction.blocks import TableRow, read_blocks
from sfta.raft.extraction.facts import CODE, Fact
from sfta.raft.extraction.nouns import lower_first, upper_first
from sfta.raft.extraction.phrasings import wordings
from sfta.raft.extraction.quantities import unit_kind
from sfta.raft.extraction.table_facts import TableKeys, header_class, key_phrase
from sfta_edge.citation import find_quote
from sfta_edge.manifest import canonical_json

_AMOUNT = re.compile(r"^([-+]?\d[\d,]*(?:\.\d+)?) ?([^\d\s][^\d]*)$")
_COMPARE = (
    "Which has the {way} {header}, {a} or {b}?",
    "{A} or {b}: which one has the {way} {header}?",
    "Compare {a} and {b}: which has the {way} {header}?",
    "Of {a} and {b}, which has the {way} {header}?",
)
_YES_NO = (
    "Is the {header} of {a} {value}?",
    "Is {value} the {header} of {a}?",
    "Is it right that the {header} of {a} is {value}?",
    "I have noted {value} as the {header} of {a}. Is that right?",
)
_FALSE = (
    "Why is the {header} of {a} {value}?",
    "Where is it written that the {header} of {a} is {value}?",
    "The {header} of {a} is {value}, what is the reason for that?",
    "Given that the {header} of {a} is {value}, what is the reason?",
)
_MOST_WORDS = 6  # of a cell that is put into a question
_PAIRS_PER_CODE = 3
_ASKS = re.compile(r"(?:What|Which|How|At what|To what|When|Where|Why)\b[^?]*\?$")
_LOOSE = re.compile(r"(?:what|how|where)\b|.* (?:if|of|when|by)$", re.IGNORECASE)
_NO_VALUE = frozenset({"code", "meaning", "action", "part number", "name", "work", "interval"})


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell and what is asked of it."""

    row: TableRow
    column: int
    key: str

    @property
    def text(self) -> str:
        return self.row.cells[self.column]

    @property
    def header(self) -> str:
        return lower_first(self.row.header[self.column])

    @property
    def kind(self) -> str:
        return header_class(self.row.header[self.column])

    @property
    def amount(self) -> tuple[float, str] | None:
        match = _AMOUNT.match(self.text)
        if match is None or not unit_kind(self.text):
            return None
        return float(match[1].replace(",", "")), match[2].strip()

    @property
    def support(self) -> Support:
        return Support(self.row.chunk.id, self.row.quote, self.text)


def further_candidates(
    chunks: Sequence[CorpusChunk],
    facts: Sequence[Fact],
    kinds: Sequence[FurtherKind],
    seed: int,
) -> list[Candidate]:
    """Candidates of the kinds asked for, in reading order."""
    tables = _columns(chunks)
    made: dict[str, Iterator[Candidate]] = {
        "comparison": _comparisons(tables, seed),
        "yes_no": _statements(tables, seed, "yes_no"),
        "false_premise": _statements(tables, seed, "false_premise"),
        "multi_chunk": _two_chunks(tables, facts, seed),
    }
    return [candidate for kind in dict.fromkeys(kinds) for candidate in made[kind]]


def _columns(chunks: Sequence[CorpusChunk]) -> list[list[_Cell]]:
    """Cells with values, one list per column of a table."""
    rows = [block for block in read_blocks(chunks) if isinstance(block, TableRow)]
    keys = TableKeys.of(rows)
    found: dict[tuple[object, ...], list[_Cell]] = defaultdict(list)
    for row in rows:
        for column in range(1, len(row.cells)):
            cell = _Cell(row, column, key_phrase(row, keys) if row.cells[0] else "")
            named = row.header[column] and not _LOOSE.match(row.header[column])
            if cell.key and cell.text and named and cell.kind not in _NO_VALUE:
                place = (row.chunk.document_id, row.caption, row.header, column)
                found[place].append(cell)
    return list(found.values())


def _comparisons(tables: Sequence[Sequence[_Cell]], seed: int) -> Iterator[Candidate]:
    for cells in tables:
        for left, right in pairwise(cells):
            if left.row.chunk.id == right.row.chunk.id:
                yield from _compared(left, right, "comparison", seed)


def _compared(left: _Cell, right: _Cell, kind: str, seed: int) -> Iterator[Candidate]:
    one, other = left.amount, right.amount
    if one is None or other is None or one[1] != other[1] or one[0] == other[0]:
        return
    if left.key == right.key or not all(
        find_quote(c.row.cells[0], c.row.quote) for c in (left, right)
    ):
        return
    rng = random.Random(f"{seed}/{kind}/{left.row.quote}/{right.row.quote}/{left.header}")
    higher = rng.random() < 0.5
    first, second = rng.sample([left, right], 2)
    wins = max if higher else min
    best = wins((left, right), key=lambda cell: cell.amount or (0.0, ""))
    number = rng.randrange(len(_COMPARE))
    question = _COMPARE[number].format(
        way="higher" if higher else "lower", header=left.header,
        a=first.key, A=upper_first(first.key), b=second.key,
    )  # fmt: skip
    loser = right if best is left else left
    relation = "more" if higher else "less"
    yield Candidate(
        question=question, kind=kind, chunk_id=left.row.chunk.id, quote=left.row.quote,
        answer=best.row.cells[0], template=f"{kind}/{number}", fact=_fact(kind, left, right),
        teacher="extractive", form="choice", evidence=left.text, more=(right.support,),
        reason=f"{best.text} is {relation} than {loser.text}.",
    )  # fmt: skip


def _statements(
    tables: Sequence[Sequence[_Cell]], seed: int, kind: FurtherKind
) -> Iterator[Candidate]:
    """A value put to a thing: its own, or that of its neighbour in the table."""
    for cells in tables:
        for cell, neighbour in zip(cells, [*cells[1:], *cells[:1]], strict=True):
            wrong = neighbour.text
            if max(len(cell.text.split()), len(wrong.split())) > _MOST_WORDS:
                continue
            # A value of another sort is no mistake that anybody makes.
            alike = unit_kind(wrong) == unit_kind(cell.text)
            if alike and wrong != cell.text and find_quote(wrong, cell.row.quote) is None:
                yield _statement(cell, wrong, kind, seed)


def _statement(cell: _Cell, wrong: str, kind: FurtherKind, seed: int) -> Candidate:
    rng = random.Random(f"{seed}/{kind}/{cell.row.quote}/{cell.header}")
    bank = _YES_NO if kind == "yes_no" else _FALSE
    number, true = rng.randrange(len(bank)), kind == "yes_no" and rng.random() < 0.5
    question = bank[number].format(
        header=cell.header, a=cell.key, value=lower_first(cell.text if true else wrong)
    )
    answer = ("Yes" if true else "No") if kind == "yes_no" else f"{cell.text}, not {wrong}"
    return Candidate(
        question=question, kind=kind, chunk_id=cell.row.chunk.id, quote=cell.row.quote,
        answer=answer, template=f"{kind}/{number}", fact=_fact(kind, cell),
        teacher="extractive", form="yes_no" if kind == "yes_no" else "correction",
        evidence=cell.text, reason=f"The {cell.header} of {cell.key} is {cell.text}.",
    )  # fmt: skip


def _two_chunks(
    tables: Sequence[Sequence[_Cell]], facts: Sequence[Fact], seed: int
) -> Iterator[Candidate]:
    """Comparisons over chunks, and two facts about one code from two chunks."""
    by_header: dict[tuple[str, str], list[_Cell]] = defaultdict(list)
    for cells in tables:
        for cell in cells:
            if cell.amount is not None:
                by_header[cell.header, cell.amount[1]].append(cell)
    for same in by_header.values():
        for left, right in pairwise(same):
            if left.row.chunk.id != right.row.chunk.id:
                kind = _kind(left.row.chunk, right.row.chunk)
                yield from _compared(left, right, kind, seed)
    about: dict[str, list[Fact]] = defaultdict(list)
    for item in facts:
        for code in dict.fromkeys(CODE.findall(" ".join(value for _, value in item.slots))):
            about[code].append(item)
    for code in sorted(about):
        pairs = [p for p in combinations(about[code], 2) if p[0].chunk.id != p[1].chunk.id]
        random.Random(f"{seed}/pairs/{code}").shuffle(pairs)
        joined = (_joined(first, second, code, seed) for first, second in pairs)
        yield from [c for c in joined if c is not None][:_PAIRS_PER_CODE]


def _joined(first: Fact, second: Fact, code: str, seed: int) -> Candidate | None:
    """Two questions as one; None if they are no questions that can be joined."""
    rng = random.Random(f"{seed}/{code}/{first.quote}/{second.quote}")
    asked = []
    for item in (first, second):
        fit = [q for _, q, _ in wordings(item) if _ASKS.match(q) and code in q]
        asked.append(rng.choice(fit) if fit else "")
    if not all(asked) or "; " in first.answer + second.answer or first.answer == second.answer:
        return None
    kind = _kind(first.chunk, second.chunk)
    return Candidate(
        question=f"{asked[0][:-1]}, and {lower_first(asked[1])}", kind=kind,
        chunk_id=first.chunk.id, quote=" ".join(first.quote.split()),
        answer=f"{first.answer}; {second.answer}", template=f"{kind}/joined",
        fact=_digest([kind, first.quote, second.quote]), teacher="extractive", form="list",
        evidence=first.answer,
        more=(Support(second.chunk.id, " ".join(second.quote.split()), second.answer),),
    )  # fmt: skip


def _kind(left: CorpusChunk, right: CorpusChunk) -> str:
    same = left.document_id == right.document_id
    return "two_chunks" if same else "two_documents"


def _fact(kind: str, *cells: _Cell) -> str:
    return _digest([kind, *([cell.row.quote, cell.header] for cell in cells)])


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:16]
