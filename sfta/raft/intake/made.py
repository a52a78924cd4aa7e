"""The RAFT row of an exchange: its answer in the form that the prompt contract asks for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake.exchange import Exchange
from sfta.raft.rows import completion_text, row_id
from sfta_edge.citation import Quote, find_quote, parse_answer


def row_of(
    exchange: Exchange, kind: str, prompt: PromptConfig, counts: Counter[str]
) -> dict[str, Any]:
    """The row, without split; `counts` gets what had to be changed or does not hold.

    An answer that is not in the answer form is put behind the answer marker. A quote that
    stands in no chunk of the row stays in the text and is none of the row's quotes.
    """
    parsed = parse_answer(
        exchange.answer, answer_marker=prompt.answer_marker, refusal=prompt.refusal
    )
    answer, completion = parsed.answer, exchange.answer.strip()
    if parsed.refused:
        answer = completion = prompt.refusal
    elif not parsed.well_formed:
        answer = completion
        completion = completion_text([], answer, prompt)
        counts["answers_put_in_form"] += 1
    quotes = [] if parsed.refused else _quotes(parsed.quotes, exchange.chunks)
    counts["quotes_not_found"] += len(parsed.quotes) - len(quotes)
    counts["lines_joined"] += "\n" in exchange.question.strip()
    context = _context(exchange, {quote["chunk_id"] for quote in quotes})
    row: dict[str, Any] = {
        "question": exchange.question.strip(),
        "kind": exchange.labels.get("kind", kind),
        "context": context,
        "oracle_present": any(entry["role"] == "oracle" for entry in context),
        "quotes": quotes,
        "answer": answer,
        "completion": completion,
        "split": exchange.labels.get("split", ""),
        "group": exchange.labels.get("group", ""),
        "teacher": exchange.labels.get("teacher", ""),
        "rejected_because": "",
    }
    return {"id": row_id(row), **row}


def _quotes(said: Sequence[Quote], chunks: Sequence[CorpusChunk]) -> list[dict[str, Any]]:
    """The quotes that stand in the chunk they name."""
    found = []
    for quote in said:
        chunk = chunks[quote.number - 1] if 1 <= quote.number <= len(chunks) else None
        span = find_quote(quote.text, chunk.text) if chunk else None
        if chunk and span:
            found.append({"chunk_id": chunk.id, "text": quote.text,
                          "start": span.start, "end": span.end})  # fmt: skip
    return found


def _context(exchange: Exchange, quoted: set[str]) -> list[Mapping[str, str]]:
    """Chunk ids with roles; where the file names no role, a quoted chunk is an oracle."""
    return [
        {"chunk_id": c.id, "role": role or ("oracle" if c.id in quoted else "distractor")}
        for c, role in zip(exchange.chunks, exchange.roles, strict=True)
    ]
