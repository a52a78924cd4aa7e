"""Examples that a model is shown before a question, drawn from the training rows."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.retriever import Chunk

_POOL = 8
_NUMBER = re.compile(r"^\[(\d+)\](?= \")", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """A question with what was read for it, and how it is answered."""

    chunks: tuple[Chunk, ...]
    question: str
    completion: str


def draw_examples(
    rows: Iterable[Mapping[str, Any]],
    chunks: Mapping[str, Chunk],
    refusal: str,
    count: int,
    seed: int,
) -> list[Example]:
    """The shortest of some that a hash has drawn; from two on, one of them is a refusal.

    An answered example shows the chunks that it quotes, a refusal the first of its chunks: examples
    teach the form, and every one of their tokens is read before each question.

    Args:
        rows: RAFT rows, of the training split only.
        chunks: by id; a row that shows others is passed over.
        refusal: completion of a row that refuses.
        count: how many are wanted; fewer come back if there are fewer.
        seed: of the draw.
    """
    drawn = sorted(rows, key=lambda row: _draw(f"{seed}/few_shot/{row['id']}"))
    usable = [row for row in drawn if row["context"] and _is_shown(row, chunks)]
    answered = [_answered(row, chunks) for row in usable if row["completion"] != refusal]
    refusing = [_refusing(row, chunks) for row in usable if row["completion"] == refusal]
    refused = _shortest(refusing, min(1, count - 1))
    found = _shortest([example for example in answered if example], count - len(refused))
    # Not the last: a model repeats what it has read last.
    return [*found[:1], *refused, *found[1:]]


def _is_shown(row: Mapping[str, Any], chunks: Mapping[str, Chunk]) -> bool:
    return all(place["chunk_id"] in chunks for place in row["context"])


def _answered(row: Mapping[str, Any], chunks: Mapping[str, Chunk]) -> Example | None:
    """The row with the chunks that its quotes name, numbered anew."""
    named = sorted({int(number) for number in _NUMBER.findall(row["completion"])})
    if not named or named[-1] > len(row["context"]) or named[0] < 1:
        return None
    places = {str(old): new for new, old in enumerate(named, 1)}
    shown = tuple(chunks[row["context"][number - 1]["chunk_id"]] for number in named)
    completion = _NUMBER.sub(lambda match: f"[{places[match[1]]}]", row["completion"])
    return Example(shown, str(row["question"]), completion)


def _refusing(row: Mapping[str, Any], chunks: Mapping[str, Chunk]) -> Example:
    first = chunks[row["context"][0]["chunk_id"]]
    return Example((first,), str(row["question"]), str(row["completion"]))


def _shortest(examples: Sequence[Example], count: int) -> list[Example]:
    pool = examples[: count * _POOL]
    return sorted(pool, key=lambda e: sum(len(chunk.text) for chunk in e.chunks))[:count]


def _draw(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
