"""Golden questions for a bundle: of the report's answers those that a device has to give again."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.core.artifact import Artifact
from sfta.evaluation.config import CANDIDATE
from sfta_edge.golden import Golden, GoldenQuestion
from sfta_edge.knowledge import open_knowledge

_ANSWERED, _REFUSED = 6, 3
Places = Mapping[str, tuple[str, int]]


def golden_questions(report: Artifact, knowledge: Path) -> Golden:
    """Answers with verified quotes and refusals, drawn evenly over the kinds of questions.

    Questions that brought documents of their own are left out: a device searches its own. Where
    nothing qualifies, the device is tried by loading alone.

    Args:
        report: holds ``answers.jsonl``.
        knowledge: the file that the device will search.
    """
    places = _places(knowledge)
    found = [row for row in _rows(report) if set(row["context"]) <= set(places)]
    answered = [row for row in found if row["right"] and not row["refused"]]
    refused = [row for row in found if row["refused"] and not row["answerable"]]
    golden = [
        GoldenQuestion(row["question"], False, quoted)
        for row in _evenly(answered)
        if (quoted := _quoted(row, places))
    ][:_ANSWERED]
    golden += [GoldenQuestion(row["question"], True) for row in _evenly(refused)][:_REFUSED]
    return Golden(tuple(golden))


def _rows(report: Artifact) -> Iterator[dict[str, Any]]:
    for line in report.file("answers.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["arm"] == CANDIDATE and not row["truncated"]:
            yield row


def _places(knowledge: Path) -> dict[str, tuple[str, int]]:
    """Document and page of every chunk."""
    opened = open_knowledge(knowledge)
    try:
        found = opened.connection.execute(
            "SELECT chunks.id, documents.name, chunks.page"
            " FROM chunks JOIN documents ON documents.number = chunks.document"
        )
        return {name: (document, page) for name, document, page in found}
    finally:
        opened.close()


def _quoted(row: Mapping[str, Any], places: Places) -> tuple[tuple[str, int], ...]:
    """Where the valid quotes of an answer stand."""
    return tuple(sorted({places[q["chunk_id"]] for q in row["quotes"] if q["valid"]}))


def _evenly(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each kind the first, then of each the second, and so on; the same ones every time."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).digest()):
        by_kind.setdefault(row["kind"] or "", []).append(row)
    ranked = [
        (place, kind, row)
        for kind, members in sorted(by_kind.items())
        for place, row in enumerate(members)
    ]
    return [row for _, _, row in sorted(ranked, key=lambda entry: entry[:2])]
