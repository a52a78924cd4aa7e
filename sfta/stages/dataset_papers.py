"""What lies beside the rows of a generated dataset: sources, funnel, coverage and card."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.raft.card import CardFacts, data_card
from sfta.raft.corpus import CorpusChunk
from sfta.recipe import Recipe
from sfta.stages.dataset_folder import CARD, COVERAGE, DOCUMENTS, FUNNEL
from sfta_edge.manifest import canonical_json

_OF_DOCUMENT = ("id", "name", "title", "sha256", "media_type")


def source_documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a corpus without their text, with the number of their pages."""
    with path.open("rb") as stream:
        found = [json.loads(line) for line in stream]
    return [
        {**{name: document[name] for name in _OF_DOCUMENT}, "pages": len(document["pages"])}
        for document in found
    ]


def dataset_papers(
    recipe: Recipe,
    rows: Sequence[Mapping[str, Any]],
    chunks: Sequence[CorpusChunk],
    documents: Sequence[Mapping[str, Any]],
    coverage: Mapping[str, Any],
    funnel: Mapping[str, Any],
) -> dict[str, bytes]:
    """The files by name."""
    summary = {name: value for name, value in coverage.items() if name != "missing"}
    report = {**funnel, "coverage": summary}
    facts = CardFacts(
        name=recipe.name,
        rows=rows,
        funnel=report,
        origin="The questions were written by the teacher named below, from the sources.",
        teacher=teacher_id(recipe.generate.teacher),
        documents=documents,
        owners={chunk.id: chunk.document_id for chunk in chunks},
        thresholds=thresholds(recipe),
        terms=recipe.card,
    )
    return {
        DOCUMENTS: b"".join(canonical_json(document) + b"\n" for document in documents),
        FUNNEL: canonical_json(report),
        COVERAGE: canonical_json(coverage),
        CARD: data_card(facts).encode(),
    }


def teacher_id(teacher: Any) -> str:
    """What the card calls the teacher: its kind, and its model if it has one."""
    model = getattr(teacher, "model", None)
    return f"{teacher.kind}: {model}" if model else str(teacher.kind)


def thresholds(recipe: Recipe) -> dict[str, Any]:
    """The settings that decide which rows there are, by their keys in a recipe."""
    config = recipe.generate.model_dump(
        mode="json", exclude={"teacher", "rejections", "prices", "budget"}
    )
    named: dict[str, Any] = {"retrieval.top_k": recipe.retrieval.top_k, "seed": recipe.seed}
    for name, value in config.items():
        inner = value if isinstance(value, dict) else {"": value}
        named |= {f"generate.{name}.{key}".rstrip("."): each for key, each in inner.items()}
    return named
