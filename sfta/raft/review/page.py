"""One HTML file with every row of a dataset, on which a person turns some away."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfta.core.page.rendering import render
from sfta.raft.corpus import CorpusChunk
from sfta.raft.rejections import BY_HAND
from sfta_edge.citation import find_quote

Row = Mapping[str, Any]
Chunks = Mapping[str, CorpusChunk]
REASONS = (
    "the question is unclear",
    "the question cannot be answered",
    "the answer is wrong",
    "the quote does not show the answer",
    "nobody would ask this",
)
"""What a row is turned away for most often; any other reason can be written."""


def review_page(
    name: str,
    digest: str,
    rows: Sequence[Row],
    rejected: Sequence[Row],
    chunks: Chunks,
    *,
    earlier: Mapping[str, str] | None = None,
    key: str = "generate.rejections",
) -> str:
    """The page.

    Args:
        name: of the dataset.
        digest: of the dataset: what was rejected and not saved is found again by it.
        rows: accepted rows of all splits.
        rejected: what was turned away, with the reason; by hand or by filters.
        chunks: texts by id.
        earlier: reasons by the ids of rows that an earlier file rejects.
        key: of the recipe, that names the file the page saves.
    """
    data = review_data(rows, rejected, chunks)
    data |= {"name": name, "digest": digest, "reasons": REASONS, "key": key}
    data["mine"] = {**data["mine"], **(earlier or {})}
    data["none"] = "no row"
    return render(
        "sfta.raft.review",
        template="review.html.j2",
        scripts=("rejections.js", "rows.js"),  # functions first, then what runs
        styles=("review.css",),
        data=data,
        name=name,
        count=len(rows),
    )


def review_data(rows: Sequence[Row], rejected: Sequence[Row], chunks: Chunks) -> dict[str, Any]:
    """What the script shows: rows, the chunks they name, and what was rejected by hand."""
    every = [*rows, *rejected]
    used = sorted({e["chunk_id"] for row in every for e in row["context"]} & set(chunks))
    places = {chunk_id: place for place, chunk_id in enumerate(used)}
    shown = [[chunks[c].title, chunks[c].page, chunks[c].heading, chunks[c].text] for c in used]
    by_hand = {
        str(row["id"]): str(row["rejected_because"]).removeprefix(BY_HAND)
        for row in rejected
        if str(row["rejected_because"]).startswith(BY_HAND)
    }
    return {
        "chunks": shown,
        "rows": [_row(row, chunks, places) for row in every],
        "mine": by_hand,
    }


def _row(row: Row, chunks: Chunks, places: Mapping[str, int]) -> dict[str, Any]:
    reason = str(row["rejected_because"])
    return {
        "id": row["id"],
        "question": row["question"],
        "kind": row["kind"],
        "split": row["split"],
        "group": row["group"],
        "answer": row["answer"],
        "completion": row["completion"],
        "reason": "" if reason.startswith(BY_HAND) else reason,
        "context": [
            [places[e["chunk_id"]], e["role"] == "oracle"]
            for e in row["context"]
            if e["chunk_id"] in places
        ],
        "marks": list(_marks(row, chunks, places)),
    }


def _marks(row: Row, chunks: Chunks, places: Mapping[str, int]) -> Iterable[list[int]]:
    """Chunk, start and end of each quote, and of the answer in it; in UTF-16 as scripts count.

    The answer's part is empty where the quote does not hold it word for word.
    """
    for quote in row["quotes"]:
        if quote["chunk_id"] not in places:
            continue
        text = chunks[quote["chunk_id"]].text
        start, end = quote["start"], quote["end"]
        if end <= start:  # a candidate that was turned away tells no place
            found = find_quote(quote["text"], text)
            if found is None:
                continue
            start, end = found.start, found.end
        inner = find_quote(row["answer"], text[start:end]) if row["answer"] else None
        points = [start, end, start, start]
        if inner is not None:
            points[2:] = [start + inner.start, start + inner.end]
        yield [places[quote["chunk_id"]], *(_utf16(text, point) for point in points)]


def _utf16(text: str, place: int) -> int:
    return len(text[:place].encode("utf-16-le", "surrogatepass")) // 2
