"""The two cards of a bundle: what the model is and may be used for, and what it was made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CANDIDATE = "raft_rag"  # the arm that is the shipped system
_PURPOSE = (
    "A language model that answers questions from {documents} documents ({chunks} chunks), "
    "quotes what it relies on, and refuses what the documents do not say. It was fine-tuned "
    "with retrieval-augmented rows (RAFT, arXiv 2403.10131) and runs without a network."
)
_SAID = ("language", "licence", "owner", "access")
_LIMITS = """\
- It knows only the documents of this bundle. An answer without a verified quote is not backed
  by them.
- The figures hold for the questions of the report (`report.html`) and for questions like them.
- It is no substitute for the documents where a wrong answer can do harm: open the cited page."""
_FULL_TEXT = (
    "`knowledge/knowledge.sqlite` holds their full text: whoever has the bundle can read them."
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the model card states besides the report."""

    name: str
    counter: int
    base: str
    scheme: str
    documents: int
    chunks: int
    base_licence: str
    """A sentence, as the next."""
    embedder_licence: str


def model_card(facts: ModelFacts, report: Mapping[str, Any]) -> str:
    """Markdown with the front matter that model hubs read."""
    gates = [
        (
            gate["name"],
            number(gate.get("value")),
            number(gate.get("bound")),
            "yes" if gate["passed"] else "no",
        )
        for gate in report["gates"]
    ]
    lines = [
        "---",
        f"base_model: {facts.base}",
        "pipeline_tag: question-answering",
        "tags: [raft, retrieval, offline, gguf]",
        "---",
        "",
        f"# {facts.name}, bundle {facts.counter}",
        "",
        _PURPOSE.format(documents=facts.documents, chunks=facts.chunks),
        "",
        f"- Base model: `{facts.base}`. Its licence applies to this model too.",
        f"- Licence of the base model: {facts.base_licence}.",
        f"- Licence of the embedder: {facts.embedder_licence}.",
        f"- Number format: {facts.scheme} (GGUF)",
        *section("Verdict", [str(report.get("verdict") or "The report states no verdict.")]),
        *section("Gates", table(("gate", "value", "bound", "passed"), gates)),
        *section("Measured", _figures(report)),
        *section("Limits", [_LIMITS]),
    ]
    return "\n".join(lines) + "\n"


def data_card(
    documents: Sequence[Mapping[str, Any]], chunks: Mapping[str, int], dataset_card: str
) -> str:
    """The documents that ship, then the card of the data the model was trained on.

    `chunks` counts the chunks of each document by its id. What is said of no document
    (language, licence, owner, access group) has no column.
    """
    said = [name for name in _SAID if any(document.get(name) for document in documents)]
    rows = [
        (
            str(document["title"]),
            str(document["name"]),
            str(document["pages"]),
            str(chunks.get(document["id"], 0)),
            str(document["sha256"])[:16],
            *(str(document.get(name, "")) for name in said),
        )
        for document in documents
    ]
    lines = [
        "# Data",
        "",
        "## Documents in this bundle",
        "",
        _FULL_TEXT,
        "",
        *table(("title", "file", "pages", "chunks", "SHA-256 begins", *said), rows),
        "",
        "## Training data",
        "",
        _without_front_matter(dataset_card).strip(),
    ]
    return "\n".join(lines) + "\n"


def _figures(report: Mapping[str, Any]) -> list[str]:
    """Metrics of the shipped system, where the report has them."""
    arm = report.get("arms", {}).get(_CANDIDATE)
    if not isinstance(arm, dict) or not isinstance(arm.get("metrics"), dict):
        return []
    intervals = arm.get("intervals") or {}
    rows = []
    for key, value in sorted(arm["metrics"].items()):
        interval = intervals.get(key)
        spread = " to ".join(number(end) for end in interval) if interval else ""
        rows.append((key, number(value), spread))
    return table(("metric", "value", "95 % interval"), rows)


def section(title: str, body: list[str]) -> list[str]:
    """A heading and what stands under it; nothing where there is nothing."""
    return ["", f"## {title}", "", *body] if body else []


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(row) + " |" for row in cells),
    ]


def number(value: Any) -> str:
    """Three decimals, or that it was not measured."""
    return f"{value:.3f}" if isinstance(value, int | float) else "not measured"


def _without_front_matter(text: str) -> str:
    if text.startswith("---\n"):
        return text.partition("\n---\n")[2]
    return text
