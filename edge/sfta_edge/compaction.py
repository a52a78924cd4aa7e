"""Giving space back: what removed documents left behind in a knowledge file that grows.

The index of sqlite-vec frees a block only when all its rows are gone, and full text keeps removed
words until its segments are merged. Here both are made anew, checked, and the free pages cut off,
all in one transaction of the file itself. A crash at any point leaves the file as it was; readers
go on with what they see and then see the new state.

A new file renamed over the old one would not do: a file in WAL mode has its latest changes beside
it under its own name, and whoever has the old file open would share them with the new one
(https://sqlite.org/howtocorrupt.html, sections 2.4 and 2.5).
"""

from dataclasses import dataclass
from pathlib import Path

from sfta_edge.knowledge_writer import KnowledgeWriter


@dataclass(frozen=True, slots=True)
class Compaction:
    """How large the file was and is, in bytes."""

    before: int
    after: int


def compact(path: Path) -> Compaction:
    """Compact a file that `KnowledgeWriter.create` made.

    Other writers wait, and give up after five seconds: whoever writes calls this in between. For
    a moment the disk holds the rewritten pages twice: at most the size of the file more.

    Raises:
        IntegrityError: no usable knowledge file, or one that does not pass its checks; then
            nothing is changed.
    """
    before = path.stat().st_size
    writer = KnowledgeWriter.open(path)
    try:
        writer.compact()
    finally:
        writer.close()
    return Compaction(before, path.stat().st_size)
