"""RAFT rows: a question, the chunks the model sees with it, and what it must say."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfta.raft.candidate import Candidate
from sfta.raft.config import PromptConfig
from sfta.raft.contexts import Context
from sfta.raft.corpus import CorpusChunk
from sfta.raft.row_config import Style
from sfta_edge.citation import ParsedAnswer, find_quote, parse_answer
from sfta_edge.manifest import canonical_json
from sfta_edge.prompt import PromptContract


@dataclass(frozen=True, slots=True)
class Place:
    """What a row needs to know besides question and context."""

    split: str
    group: str
    answer_without_oracle: bool
    """Whether the answer is the target although the oracle chunk is missing."""
    answer: str = ""
    """The answer in other words; empty: as the candidate words it."""
    style: Style = "quotes"
    test_set: str = ""
    """Which of two test sets the row is in; empty: there are no two."""


def make_row(
    candidate: Candidate,
    context: Context,
    chunks: Mapping[str, CorpusChunk],
    prompt: PromptConfig,
    place: Place,
) -> dict[str, Any]:
    """One record of a dataset; its completion is the exact text the model must produce."""
    present = context.oracle is not None
    answers = candidate.answerable and (present or place.answer_without_oracle)
    quotes = _quotes(candidate, chunks) if present and candidate.answerable else []
    answer = (place.answer or candidate.answer) if answers else prompt.refusal
    completion = prompt.refusal
    if answers:
        shown = quotes if place.style != "concise" else []
        numbered = [(context.chunk_ids.index(q["chunk_id"]) + 1, q["text"]) for q in shown]
        reason = candidate.reason if quotes and place.style == "reasons" else ""
        completion = completion_text(numbered, answer, prompt, reason)
    row: dict[str, Any] = {
        "question": candidate.question,
        "kind": candidate.kind,
        "context": [
            {"chunk_id": c, "role": "oracle" if c in context.oracles else "distractor"}
            for c in context.chunk_ids
        ],
        "oracle_present": present,
        "quotes": quotes,
        "answer": answer,
        "completion": completion,
        "split": place.split,
        "group": place.group,
        "teacher": candidate.teacher,
        "rejected_because": "",
    }
    if place.test_set:
        row["test_set"] = place.test_set
    return {"id": row_id(row), **row}


def rejected_row(candidate: Candidate, reason: str, split: str, group: str) -> dict[str, Any]:
    """The record of a candidate that was turned away."""
    row: dict[str, Any] = {
        "question": candidate.question,
        "kind": candidate.kind,
        "context": [
            {"chunk_id": chunk_id, "role": "oracle"}
            for chunk_id in candidate.oracle_ids or (candidate.chunk_id,)
        ],
        "oracle_present": candidate.answerable,
        "quotes": [{"chunk_id": s.chunk_id, "text": s.quote, "start": 0, "end": 0}
                   for s in candidate.supports if s.quote],
        "answer": candidate.answer,
        "completion": "",
        "split": split,
        "group": group,
        "teacher": candidate.teacher,
        "rejected_because": reason,
    }  # fmt: skip
    return {"id": row_id(row), **row}


def completion_text(
    quotes: list[tuple[int, str]], answer: str, prompt: PromptConfig, reason: str = ""
) -> str:
    """Spell an answer with the contract's own function; a reason stands before the answer.

    A reason that would be read as a quote or as an answer is left out.
    """
    blank = PromptContract(
        head="", between="", tail="", end="", system=prompt.system, document=prompt.document,
        question=prompt.question, refusal=prompt.refusal, answer_marker=prompt.answer_marker,
        chat_template_sha256="",
    )  # fmt: skip
    plain = blank.completion(quotes, answer)
    if not reason:
        return plain
    *lines, last = plain.split("\n")
    reasoned = "\n".join([*lines, " ".join(reason.split()), last])

    def read(text: str) -> ParsedAnswer:
        return parse_answer(text, answer_marker=prompt.answer_marker, refusal=prompt.refusal)

    return reasoned if read(reasoned) == read(plain) else plain


def row_id(row: Mapping[str, Any]) -> str:
    """Identity from content."""
    parts = [row[name] for name in ("question", "context", "completion", "rejected_because")]
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:16]


def _quotes(candidate: Candidate, chunks: Mapping[str, CorpusChunk]) -> list[dict[str, Any]]:
    found = []
    for support in candidate.supports:
        span = find_quote(support.quote, chunks[support.chunk_id].text)
        if span is None:  # filters.check_each has turned such candidates away
            raise AssertionError("the quote is not in its chunk")
        found.append({"chunk_id": support.chunk_id, "text": support.quote,
                      "start": span.start, "end": span.end})  # fmt: skip
    return found
