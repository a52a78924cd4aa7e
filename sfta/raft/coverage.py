"""Which pages of the sources the rows ask about, and which they leave out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfta.raft.corpus import CorpusChunk

Page = tuple[str, int]


def page_coverage(
    chunks: Sequence[CorpusChunk],
    documents: Sequence[Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    rejected: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Counts, and every page with text that no row quotes, with the number of its chunks.

    `turned_away` tells a page whose questions were all rejected from one that gave none.

    Args:
        chunks: the corpus, in its order.
        documents: id, name and number of pages of each source.
        rows: the rows of all splits.
        rejected: records of what was turned away.
    """
    page_of = {chunk.id: (chunk.document_id, chunk.page) for chunk in chunks}
    pages = Counter(page_of.values())
    asked = {page_of[q["chunk_id"]] for row in rows for q in row["quotes"]}
    lost = Counter(page_of[q["chunk_id"]] for row in rejected for q in row["quotes"])
    names = {str(d["id"]): str(d["name"]) for d in documents}
    by_document: dict[str, list[Page]] = defaultdict(list)
    for page in pages:
        by_document[page[0]].append(page)
    return {
        "pages": len(pages),
        "pages_with_questions": len(asked),
        "pages_without_text": sum(int(d["pages"]) for d in documents) - len(pages),
        "documents": [
            {
                "document": names.get(document, document),
                "pages": len(own),
                "pages_with_questions": sum(page in asked for page in own),
            }
            for document, own in by_document.items()
        ],
        "missing": [
            {
                "document": names.get(page[0], page[0]),
                "page": page[1],
                "chunks": count,
                "turned_away": lost[page],
            }
            for page, count in pages.items()
            if page not in asked
        ],
    }
