"""What a chunk is made of: sentences, numbered steps and table rows, each verbatim."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfta.raft.corpus import CorpusChunk

_STEP = re.compile(r"^(\d{1,2})[.)]\s+(.+)$")
_BULLET = re.compile(r"^[-\u2022\u2013*]\s+(.+)$")
_CAPTION = re.compile(r"^(?:Table|Figure|Fig\.)\s+\d+\s*[:.]\s*(.+)$")
_NOTE = re.compile(
    r"^(?:DANGER|WARNING|CAUTION|NOTE|NOTICE|IMPORTANT|ATTENTION)\b(?:\s*[:.!]\s*|\s+(?=[A-Z]))"
)
_RULE = re.compile(r"^\|?[\s:|-]+\|?$")
# A chunk that begins inside a table names the columns behind its headings.
_COLUMNS = re.compile(r"\s*\([^()]*\|[^()]*\)$")
_ENDS = re.compile(r'(?<=[.!?])["\u201d)]?(?:\[\d{1,3}\])*\s+(?=["\u201c(]?[A-Z0-9])')
_ENDED = re.compile(r'[.!?:]["\u201d)]?(?:\[\d{1,3}\])*$')
_ABBREVIATIONS = re.compile(
    r"(?:\b(?:e\.g|i\.e|approx|max|min|no|nos|fig|figs|ch|sec|vol|dr|mr|ms|st|vs|incl|temp|"
    r"resp|cf|p|pp|etc)\.|(?:^|\. )(?-i:[A-Z])\.)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of running text or of a bullet."""

    text: str
    chunk: CorpusChunk


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step of a procedure."""

    number: int
    text: str
    chunk: CorpusChunk


@dataclass(frozen=True, slots=True)
class TableRow:
    """One body row; `header` may come from an earlier chunk of the same table."""

    header: tuple[str, ...]
    cells: tuple[str, ...]
    caption: str
    chunk: CorpusChunk

    @property
    def quote(self) -> str:
        """The row as it stands in the chunk, without the outer bars."""
        return " | ".join(self.cells)


Block = Sentence | Step | TableRow


def read_blocks(chunks: Sequence[CorpusChunk]) -> list[Block]:
    """Blocks of all chunks, in reading order.

    A table that runs on into the next chunk of its document keeps its header and caption.
    """
    found: list[Block] = []
    table = _Table()
    for chunk in sorted(chunks, key=lambda c: (c.document_id, c.page, c.start)):
        if not table.continues_in(chunk):
            table = _Table()
        table.chunk, table.header = chunk, chunk.columns or table.header
        found.extend(_chunk_blocks(chunk, table))
    return found


@dataclass(slots=True)
class _Table:
    """Header and caption last seen, and where."""

    header: tuple[str, ...] = ()
    caption: str = ""
    chunk: CorpusChunk | None = None

    def continues_in(self, chunk: CorpusChunk) -> bool:
        return (
            self.chunk is not None
            and self.chunk.document_id == chunk.document_id
            and _COLUMNS.sub("", self.chunk.heading) == _COLUMNS.sub("", chunk.heading)
        )


def _chunk_blocks(chunk: CorpusChunk, table: _Table) -> Iterator[Block]:
    for kind, text in _paragraphs(chunk):
        if kind == "caption" and (match := _CAPTION.match(text)):
            table.caption, table.header = match[1], ()
        elif kind == "table":
            yield from _table_rows(text, chunk, table)
        elif kind == "step" and (match := _STEP.match(text)):
            yield Step(int(match[1]), match[2], chunk)
        else:
            plain = _NOTE.sub("", text)
            for sentence in split_sentences(plain):
                if kind != "text" or plain != text or not _is_cut(sentence):
                    yield Sentence(sentence, chunk)


def _paragraphs(chunk: CorpusChunk) -> Iterator[tuple[str, str]]:
    """Kind and text of each paragraph, step, caption and table; lines are joined."""
    headings = {_plain(part) for part in (*chunk.headings, *chunk.topics, chunk.heading)}
    kind, lines = "", list[str]()
    for raw in [*chunk.text.splitlines(), ""]:
        line = raw.strip()
        starts = _kind_of(line)
        joins = (
            line
            and lines
            and (starts == kind == "table" or (starts == "text" and kind != "table"))
            and not (starts == "text" and _finished(lines[-1]) and line[:1].isupper())
        )
        if lines and not joins:
            yield kind, "\n".join(lines) if kind == "table" else " ".join(lines)
            lines = []
        if line and _plain(line) not in headings:
            kind = kind if lines else starts
            lines.append(line)


def _is_cut(sentence: str) -> bool:
    """Whether the end of a page or column has taken a sentence's beginning or its end."""
    return sentence[:1].islower() or _ENDED.search(sentence) is None


def _kind_of(line: str) -> str:
    if line.startswith("|") or line.count(" | ") >= 1:
        return "table"
    if _STEP.match(line):
        return "step"
    if _CAPTION.match(line):
        return "caption"
    return "bullet" if _BULLET.match(line) else "text"


def _finished(line: str) -> bool:
    return line.endswith((".", ":", "!", "?", '."', ".\u201d"))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _table_rows(text: str, chunk: CorpusChunk, table: _Table) -> Iterator[TableRow]:
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if _RULE.match(line):
            continue
        cells = tuple(" ".join(cell.split()) for cell in line.strip().strip("|").split("|"))
        if index + 1 < len(lines) and _RULE.match(lines[index + 1]) and "-" in lines[index + 1]:
            table.header = cells
        elif len(cells) == len(table.header) > 1 and cells != table.header:
            yield TableRow(table.header, cells, table.caption, chunk)


def split_sentences(text: str) -> list[str]:
    """Sentences of a paragraph; abbreviations and decimal points do not end one."""
    text = _BULLET.sub(r"\1", " ".join(text.split()))
    sentences: list[str] = []
    start = 0
    for match in _ENDS.finditer(text):
        before = text[start : match.start()]
        if _ABBREVIATIONS.search(before):
            continue
        end = match.start() + (text[match.start()] in '"\u201d)')
        sentences.append(text[start:end].strip())
        start = match.end()
    return [s for s in [*sentences, text[start:].strip()] if s]
