"""Chunks with what stands before and after them in their documents.

A chunk may begin in the middle of a list whose heading is in the one before. The neighbours of
chunks that stand near each other are one stretch, each chunk once.
"""

from collections.abc import Sequence
from typing import Protocol

from sfta_edge.caller import EVERYTHING, View
from sfta_edge.found import Chunk


class Surroundings(Protocol):
    """What knows the order of a document; `retriever.Retriever` does."""

    def around(self, chunk_id: str, count: int, view: View) -> dict[int, Chunk]: ...


def neighbours(
    source: Surroundings, chunks: Sequence[Chunk], count: int, view: View = EVERYTHING
) -> list[Chunk]:
    """The chunks and up to `count` before and after each, without duplicates.

    Stretches of a document that overlap or touch are one, in the order of the document; the
    stretches stand in the order of the best chunk in each. With a `count` of 0 these are the
    chunks themselves, but those that touch in the order of their document.

    Raises:
        IntegrityError: a chunk is not there any more, or not for the view.
    """
    stretches: list[tuple[str, dict[int, Chunk]]] = []
    for chunk in chunks:
        found = source.around(chunk.id, count, view)
        home: dict[int, Chunk] | None = None
        for document, stretch in list(stretches):
            if document != chunk.document_id or not _touch(stretch, found):
                continue
            if home is None:  # the first is the one with the best chunk
                home = stretch
            else:
                stretches.remove((document, stretch))
                home.update(stretch)
            home.update(found)
        if home is None:
            stretches.append((chunk.document_id, dict(found)))
    return [chunk for _, stretch in stretches for _, chunk in sorted(stretch.items())]


def _touch(one: dict[int, Chunk], other: dict[int, Chunk]) -> bool:
    return min(one) <= max(other) + 1 and min(other) <= max(one) + 1
