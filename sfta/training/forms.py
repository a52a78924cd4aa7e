"""What a row teaches: the same rows for RAFT, for its rivals, and for going on with plain text.

The arms of a comparison must differ in what they are shown and not in what they are asked, so
they are made from one dataset.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sfta.training.config import Form
from sfta.training.rows import ContextChunk, EncodedRow
from sfta_edge.prompt import PromptContract, Tokenize

_NUMBER = re.compile(r"^\[(\d+)\](?= \")", re.MULTILINE)
_HELD_OUT = 10  # one chunk of so many measures the training on plain text


def in_form(
    row: Mapping[str, Any], form: Form, contract: PromptContract
) -> Mapping[str, Any] | None:
    """A row as this form teaches it; None if it teaches nothing in it.

    `oracle` keeps the chunks that are quoted and numbers them anew; `closed_book` keeps question
    and answer. A refusal is only learnt where there are distractors.
    """
    if form == "raft":
        return row
    if row["completion"] == contract.refusal:
        return None
    if form == "closed_book":
        return {**row, "context": [], "completion": contract.completion([], row["answer"])}
    kept = [at for at, entry in enumerate(row["context"], 1) if entry["role"] == "oracle"]
    if not kept:
        return None
    places = {str(old): new for new, old in enumerate(kept, 1)}
    completion = _NUMBER.sub(lambda match: f"[{places[match[1]]}]", row["completion"])
    context = [row["context"][at - 1] for at in kept]
    return {**row, "context": context, "completion": completion}


def text_rows(
    chunks: Mapping[str, ContextChunk], contract: PromptContract, tokenize: Tokenize, seed: int
) -> tuple[list[EncodedRow], list[EncodedRow]]:
    """Chunks as texts to go on with, for training and for validation.

    Each begins behind the end of a turn, which is what stands before a new text, and ends
    with one; loss is on all of its tokens.
    """
    start = tuple(contract.completion_ids("", tokenize))
    rows: tuple[list[EncodedRow], list[EncodedRow]] = ([], [])
    for chunk_id, chunk in sorted(chunks.items()):
        heading = f"{chunk.heading}\n" if chunk.heading else ""
        ids = tuple(contract.completion_ids(heading + chunk.text, tokenize))
        row = EncodedRow(chunk_id, start, (), ids, refusal=False, chunks=0)
        rows[_is_held_out(chunk_id, seed)].append(row)
    return rows


def _is_held_out(chunk_id: str, seed: int) -> bool:
    digest = hashlib.sha256(f"{seed}/text/{chunk_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % _HELD_OUT == 0


def all_in_form(
    rows: Iterable[Mapping[str, Any]], form: Form, contract: PromptContract
) -> Iterator[Mapping[str, Any]]:
    """The rows that teach something in this form."""
    return (made for row in rows if (made := in_form(row, form, contract)) is not None)
