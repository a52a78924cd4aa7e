"""Several knowledge files read as one: chunks, pages and documents, as far as a view may see them.

What a view may not see is answered like what is not there: with the same error.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sfta_edge.caller import EVERYTHING, View
from sfta_edge.citation import Span
from sfta_edge.errors import IntegrityError
from sfta_edge.found import Box, Chunk, DocumentFacts, Line, Page
from sfta_edge.searched_file import SearchedFile


class KnowledgeFiles:
    """The open files, in the order in which equals are ranked. Threads wait for each other."""

    def __init__(self, paths: Sequence[Path], *, matrix_bytes: int) -> None:
        """Open all.

        Raises:
            IntegrityError: one is no usable knowledge file.
        """
        self._lock = threading.Lock()
        with ExitStack() as opened:
            self._files = [
                opened.enter_context(SearchedFile(path, matrix_bytes=matrix_bytes))
                for path in paths
            ]
            with self.state():  # the identities are known from the beginning
                pass
            self._opened = opened.pop_all()

    def __len__(self) -> int:
        """How many chunks there are."""
        with self.state() as files:
            return sum(file.chunks for file in files)

    @contextmanager
    def state(self) -> Iterator[list[SearchedFile]]:
        """The files, each in a state that does not change within the block."""
        with self._lock, ExitStack() as states:
            for file in self._files:
                states.enter_context(file.state())
            yield self._files

    def embedders(self) -> list[dict[str, Any]]:
        """For each file the identity of the embedder that made its vectors."""
        return [file.embedder for file in self._files]

    def chunk(self, chunk_id: str, view: View = EVERYTHING) -> Chunk:
        """One chunk by its id.

        Raises:
            IntegrityError: no file holds it, or the view may not see it.
        """
        with self.state():
            return self._chunk(chunk_id, view)[1]

    def boxes(self, chunk_id: str, span: Span, view: View = EVERYTHING) -> list[Box]:
        """Rectangles of the page lines that a span of the chunk's text touches.

        Raises:
            IntegrityError: as `chunk`.
        """
        with self.state():
            place, chunk = self._chunk(chunk_id, view)
            page = self._page(place, chunk.document_id, chunk.page, view)
        start, end = chunk.start + span.start, min(chunk.start + span.end, chunk.end)
        return [
            Box(chunk.page, line.x0, line.y0, line.x1, line.y1, page.width, page.height)
            for line in page.lines
            if max(line.start, start) < min(line.end, end)
        ]

    def around(self, chunk_id: str, count: int, view: View = EVERYTHING) -> dict[int, Chunk]:
        """A chunk and so many before and after it in its document, by their place in it.

        Raises:
            IntegrityError: as `chunk`.
        """
        with self.state():
            place, _ = self._chunk(chunk_id, view)
            file = self._files[place]
            ((document, ordinal),) = file.rows(
                "SELECT document, ordinal FROM chunks WHERE id = ?", chunk_id
            )
            found: dict[int, Chunk] = {}
            for side in ("<= ? ORDER BY ordinal DESC", ">= ? ORDER BY ordinal"):
                for number, at in file.rows(
                    "SELECT number, ordinal FROM chunks"  # noqa: S608 fixed text
                    f" WHERE document = ? AND ordinal {side} LIMIT ?",
                    document,
                    ordinal,
                    count + 1,
                ):
                    found[at] = file.numbered(number)
        return dict(sorted(found.items()))

    def documents(self, view: View = EVERYTHING) -> list[DocumentFacts]:
        """All documents, file by file, in the order in which they were added."""
        with self.state():
            return [facts for place in self._places() for facts in self._documents(place, view)]

    def document(self, document_id: str, view: View = EVERYTHING) -> DocumentFacts:
        """One document by its id.

        Raises:
            IntegrityError: no file holds it, or the view may not see it.
        """
        with self.state():
            for place in self._places():
                for facts in self._documents(place, view, document_id):
                    return facts
        raise IntegrityError(f"the knowledge file holds no document {document_id}")

    def page(self, document_id: str, number: int, view: View = EVERYTHING) -> Page:
        """One page of a document; pages are counted from 1.

        Raises:
            IntegrityError: no file holds it, or the view may not see it.
        """
        with self.state():
            for place in self._places():
                if self._documents(place, view, document_id):
                    return self._page(place, document_id, number, view)
        raise _no_page(document_id, number)

    def close(self) -> None:
        """Release the files."""
        self._opened.close()

    def _places(self) -> range:
        return range(len(self._files))

    def _chunk(self, chunk_id: str, view: View) -> tuple[int, Chunk]:
        """A chunk, and which file holds it."""
        for place, file in enumerate(self._files):
            for chunk in file.chunks_where("chunks.id = ?", [chunk_id], file.permitted(view)):
                return place, chunk
        raise IntegrityError(f"the knowledge file holds no chunk {chunk_id}")

    def _documents(
        self, place: int, view: View, document_id: str | None = None
    ) -> list[DocumentFacts]:
        file = self._files[place]
        allowed = file.permitted(view)
        rows = file.rows(
            "SELECT id, name, title, sha256, media_type, language, access,"  # noqa: S608 fixed text
            f" {file.collection_column},"
            " (SELECT coalesce(max(number), 0) FROM pages WHERE document = documents.number),"
            f" (SELECT count(*) FROM chunks WHERE document = documents.number), {place:d}"
            f" FROM documents WHERE {allowed.condition} AND coalesce(id = ?, 1)"
            " ORDER BY documents.number",
            *allowed.bindings,
            document_id,
        )
        return [DocumentFacts(*row) for row in rows]

    def _page(self, place: int, document_id: str, number: int, view: View) -> Page:
        file = self._files[place]
        allowed = file.permitted(view)
        rows = file.rows(
            "SELECT pages.text, width, height, lines,"  # noqa: S608 fixed text
            " (SELECT max(number) FROM pages WHERE document = documents.number)"
            " FROM pages JOIN documents ON documents.number = pages.document"
            f" WHERE documents.id = ? AND pages.number = ? AND {allowed.condition}",
            document_id,
            number,
            *allowed.bindings,
        )
        if not rows:
            raise _no_page(document_id, number)
        text, width, height, lines, pages = rows[0]
        read = tuple(
            Line(int(first), int(last), *map(float, corners))
            for first, last, *corners in json.loads(lines)
        )
        return Page(document_id, number, pages, text, width, height, read)


def _no_page(document_id: str, number: int) -> IntegrityError:
    return IntegrityError(f"the knowledge file holds no page {number} of {document_id}")
