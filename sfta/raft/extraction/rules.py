"""All facts of a corpus: every rule over every sentence, step and row."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from sfta.raft.corpus import CorpusChunk, Phrasebook
from sfta.raft.extraction.blocks import Block, Step, TableRow, read_blocks
from sfta.raft.extraction.command_facts import Scene, command_facts, torque_facts
from sfta.raft.extraction.facts import Fact
from sfta.raft.extraction.procedure_facts import step_facts
from sfta.raft.extraction.segments import segments
from sfta.raft.extraction.sentence_facts import checked_facts, sentence_facts
from sfta.raft.extraction.table_facts import TableKeys, row_facts
from sfta_edge.citation import find_quote


def corpus_facts(chunks: Sequence[CorpusChunk]) -> list[Fact]:
    """Every fact the rules find, in reading order, each once."""
    blocks, book = read_blocks(chunks), Phrasebook(chunks)
    found = [*_prose(blocks, book), *_steps(blocks, book), *_rows(blocks)]
    return [item for item in dict.fromkeys(found) if find_quote(item.answer, item.quote)]


def _prose(blocks: list[Block], book: Phrasebook) -> Iterator[Fact]:
    for segment in segments(blocks):
        scene = Scene.of(segment.quote, segment.source.chunk, book, in_steps=False)
        yield from torque_facts(segment.text, scene)
        yield from sentence_facts(segment, book)
        yield from command_facts(segment.text, scene)


def _steps(blocks: list[Block], book: Phrasebook) -> Iterator[Fact]:
    steps = [block for block in blocks if isinstance(block, Step)]
    for _, group in groupby(steps, key=lambda s: (s.chunk.document_id, s.chunk.headings)):
        procedure = list(group)
        yield from step_facts(procedure, book)
        for step in procedure:
            scene = Scene.of(step.text, step.chunk, book, in_steps=True)
            yield from torque_facts(step.text, scene)
            yield from command_facts(step.text, scene)
            yield from checked_facts(step)


def _rows(blocks: list[Block]) -> Iterator[Fact]:
    rows = [block for block in blocks if isinstance(block, TableRow)]
    keys = TableKeys.of(rows)
    for row in rows:
        yield from row_facts(row, keys)
