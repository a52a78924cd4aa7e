"""What a bundle says of itself: cards, licences of the models, bill of materials."""

import collections
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfta.adapters.model_licence import ModelLicence, model_licence
from sfta.adapters.wheel_file import Wheel
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages.cards import ModelFacts, data_card, model_card
from sfta.stages.index import EMBEDDER, KNOWLEDGE
from sfta.stages.licences import REPORT, licence_line, licence_report, write_licences
from sfta.stages.sbom import Part, sbom
from sfta_edge.knowledge import open_knowledge
from sfta_edge.manifest import FileEntry, sha256_file

KNOWLEDGE_PATH = f"knowledge/{KNOWLEDGE}"
EMBEDDER_PATH = f"embedder/{EMBEDDER}"
_BASE, _EMBEDDER = "base-model", "embedder"
_FACTS = ("id", "name", "title", "sha256", "language", "licence", "owner", "access")


def model_path(recipe: Recipe) -> str:
    """Where the language model stands in the bundle."""
    return f"model/{recipe.name}-{recipe.bundle.scheme}.gguf"


def model_licences(recipe: Recipe, runtime: Runtime) -> dict[str, ModelLicence]:
    """Of the base model and of the embedder, by the folder of their texts."""
    specs = {_BASE: recipe.model.base, _EMBEDDER: recipe.index.embedder}
    return {
        part: model_licence(spec, runtime.cache, root=recipe.root)
        for part, spec in specs.items()
    }


def write_papers(
    job: Job[Recipe], root: Path, report: dict[str, Any], wheels: Sequence[Wheel]
) -> None:
    """Both cards, the licences of the models, and the bill of materials."""
    recipe, licences = job.recipe, model_licences(job.recipe, job.runtime)
    write_licences(root, licences)
    exceptions = recipe.bundle.licence_exceptions
    text = licence_report(recipe.name, recipe.bundle.counter, wheels, licences, exceptions)
    (root / REPORT).parent.mkdir(exist_ok=True)
    (root / REPORT).write_text(text, "utf-8")
    documents, chunks = _contents(root / KNOWLEDGE_PATH)
    facts = ModelFacts(
        name=recipe.name,
        counter=recipe.bundle.counter,
        base=recipe.model.base,
        scheme=recipe.bundle.scheme,
        documents=len(documents),
        chunks=sum(chunks.values()),
        base_licence=licence_line(_BASE, licences[_BASE]),
        embedder_licence=licence_line(_EMBEDDER, licences[_EMBEDDER]),
    )
    (root / "MODEL_CARD.md").write_text(model_card(facts, report), "utf-8")
    card = job.inputs["dataset"].file("README.md").read_text("utf-8")
    (root / "DATA_CARD.md").write_text(data_card(documents, chunks, card), "utf-8")
    model, embedder = _entry(root, model_path(recipe)), _entry(root, EMBEDDER_PATH)
    parts = [
        Part("machine-learning-model", model, recipe.model.base, licences[_BASE].stated),
        Part("machine-learning-model", embedder, "embedder", licences[_EMBEDDER].stated),
        Part("data", _entry(root, KNOWLEDGE_PATH), f"{len(documents)} documents"),
        Part("file", _entry(root, "install.sh"), "installer"),
    ]
    (root / "sbom.json").write_bytes(sbom(recipe.name, recipe.bundle.counter, wheels, parts))


def _contents(path: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Documents of a knowledge file, and the number of chunks of each."""
    knowledge = open_knowledge(path)
    try:
        run_sql = knowledge.connection.execute
        documents = [
            dict(zip((*_FACTS, "pages"), row, strict=True))
            for row in run_sql(
                f"SELECT {', '.join(_FACTS)}, (SELECT count(*) FROM pages"  # noqa: S608 fixed names
                " WHERE document = documents.number) FROM documents ORDER BY name, id"
            )
        ]
        owners = run_sql(
            "SELECT documents.id FROM chunks JOIN documents"
            " ON documents.number = chunks.document"
        )
        return documents, collections.Counter(str(owner) for (owner,) in owners)
    finally:
        knowledge.close()


def _entry(root: Path, name: str) -> FileEntry:
    digest, size = sha256_file(root / name)
    return FileEntry(name, size, digest)
