"""One HTML file with every row of a dataset: it needs nothing else and sends nothing.

Questions, answers and document texts are foreign. They stand in a block of JSON in which no
``<`` is left, and the script sets them as text only. A content security policy names the
digests of the page's own script and style and forbids everything else, requests included.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from sfta.raft.corpus import CorpusChunk
from sfta.raft.rejections import BY_HAND
from sfta_edge.citation import find_quote

Row = Mapping[str, Any]
Chunks = Mapping[str, CorpusChunk]
_SCRIPTS = ("rejections.js", "rows.js")  # functions first, then what runs
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
    script, style = "".join(map(_own, _SCRIPTS)), _own("review.css")
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.from_string(_own("review.html.j2")).render(
        name=name,
        count=len(rows),
        script=Markup(script),  # noqa: S704 our own file
        style=Markup(style),  # noqa: S704 our own file
        script_digest=_csp_digest(script),
        style_digest=_csp_digest(style),
        data=Markup(_embedded(data)),  # noqa: S704 no character of it can end the block
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


def _embedded(data: object) -> str:
    """JSON in which no character can end the block it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _own(name: str) -> str:
    return files("sfta.raft.review").joinpath(name).read_text("utf-8")


def _csp_digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
