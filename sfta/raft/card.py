"""The data card: what a dataset holds, for people and for `datasets.load_dataset`."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import yaml

from sfta.raft.config import CardConfig
from sfta.raft.splits import SPLITS

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_UNKNOWN = "not stated"
_UNCHECKED = (
    "A quote was found in its chunk. That it answers the question was checked by a person only "
    "where the reasons above say `by hand`."
)
_BOUNDED = "The rows say nothing on what the sources leave out."


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything the card states."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    funnel: Mapping[str, Any]
    """Counts on the way from candidates to rows, with coverage and leakage."""
    origin: str
    """One sentence: how the rows came to be."""
    teacher: str
    """Id of what wrote questions and answers."""
    documents: Sequence[Mapping[str, Any]] = ()
    """Id, name, title, sha256 and number of pages of each source."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Id of the document of each chunk."""
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    """Settings that decided which rows there are, by their recipe keys."""
    terms: CardConfig = field(default_factory=CardConfig)


def data_card(facts: CardFacts) -> str:
    """README.md in the form of a Hugging Face dataset card.

    The YAML header names the files of each split. A split without rows is left out: an empty
    file has no columns to load.
    """
    parts = [
        f"---\n{_header(facts)}---\n\n# {facts.name}\n\n{_introduction(facts)}",
        _section("Sources", _sources(facts)),
        _section("Teacher", _teacher(facts)),
        _section("Rows", _counts(facts.rows)),
        _section("Kinds of question", _table(("kind", "rows"), _count(facts.rows, "kind"))),
        _section("Documents of the quotes", _by_document(facts)),
        _section("From candidates to rows", _funnel(facts.funnel)),
        _section("Filters and thresholds", _thresholds(facts.thresholds)),
        _section("Coverage", _coverage(facts.funnel.get("coverage"))),
        _section("Leakage", _leakage(facts.funnel.get("leakage"))),
        _section("Known limits", [f"- {limit}" for limit in _limits(facts)]),
        _FIELDS,
    ]
    return "\n".join(part for part in parts if part)


def _header(facts: CardFacts) -> str:
    filled = [split for split in SPLITS if any(row["split"] == split for row in facts.rows)]
    size = next((label for limit, label in _SIZES if len(facts.rows) < limit), "n>100K")
    header: dict[str, Any] = {
        **_licence(facts.terms.licence),
        **({"language": list(facts.terms.language)} if facts.terms.language else {}),
        "pretty_name": facts.name,
        "task_categories": ["question-answering"],
        "tags": ["raft", "retrieval-augmented-generation"],
        "size_categories": [size],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"{s}.jsonl"} for s in filled],
            }
        ],
    }
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True)


def _licence(licence: str | None) -> dict[str, str]:
    """The hub's keys: an id in small letters, or `other` with a name."""
    if licence is None:
        return {"license": "unknown"}
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", licence):
        return {"license": licence.lower()}
    return {"license": "other", "license_name": " ".join(licence.split())}


def _introduction(facts: CardFacts) -> str:
    owner = f" {facts.terms.owner} answers for it." if facts.terms.owner else ""
    return (
        "Rows for retrieval-augmented fine-tuning (RAFT, arXiv 2403.10131): a question, the "
        "chunks that stand beside it, and the text the model must produce: verbatim quotes "
        "with the number of their chunk, then the answer; or the refusal sentence where no "
        f"chunk holds the answer. {facts.origin}{owner}\n\nThis folder holds text of the "
        "documents. Check their licences, and the terms of the teacher, before you share it.\n"
    )


def _sources(facts: CardFacts) -> list[str]:
    rows = []
    for document in facts.documents:
        name = str(document["name"])
        terms = next((t for t in facts.terms.sources if fnmatch(name, t.files)), None)
        rows.append(
            (name, document["title"], document["pages"],
             (terms and terms.licence) or _UNKNOWN, (terms and terms.owner) or _UNKNOWN,
             _Code(document["sha256"]))
        )  # fmt: skip
    head = ("file", "title", "pages", "licence", "owner", "SHA-256")
    return _table(head, rows) if rows else ["The file of rows names no source documents."]


def _teacher(facts: CardFacts) -> list[str]:
    terms = facts.terms.teacher_terms or (
        "Rules wrote the questions; no model's terms apply to them."
        if facts.teacher == "extractive"
        else "Its licence or terms are not stated (`card.teacher_terms`)."
    )
    return [f"`{facts.teacher}`. {terms}" if facts.teacher else "Not stated."]


def _counts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for split in (*SPLITS, "all"):
        chosen = [row for row in rows if split in ("all", row["split"])]
        refusals = sum(is_refusal(row) for row in chosen)
        share = f"{refusals / len(chosen):.1%}" if chosen else "-"
        oracle = sum(bool(row["oracle_present"]) for row in chosen)
        closed = sum(not row["context"] for row in chosen)
        lines.append((split, len(chosen), oracle, closed, refusals, share))
    head = ("split", "rows", "with oracle chunk", "without documents", "refusals", "share")
    return _table(head, lines)


def is_refusal(row: Mapping[str, Any]) -> bool:
    """Whether the target is the refusal sentence alone."""
    return not row["quotes"] and row["completion"] == row["answer"]


def _count(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[object, ...]]:
    return sorted(Counter(str(row[name]) for row in rows).items())


def _by_document(facts: CardFacts) -> list[str]:
    titles = {str(d["id"]): str(d["name"]) for d in facts.documents}
    quoted: Counter[str] = Counter()
    for row in facts.rows:
        quoted.update({facts.owners.get(quote["chunk_id"], "") for quote in row["quotes"]})
    rows = sorted((titles.get(name, name), count) for name, count in quoted.items())
    none = sum(not row["quotes"] for row in facts.rows)
    return _table(("document", "rows that quote it"), [*rows, ("no quote", none)])


def _funnel(funnel: Mapping[str, Any]) -> list[str]:
    steps = [(step["step"], step["candidates"]) for step in funnel.get("left_after", ())]
    lines = _table(("step", "left"), [("entered", funnel["entered"]), *steps])
    if filters := funnel.get("filters"):
        states = [(f["filter"], "on" if f["on"] else "off", f["turned_away"]) for f in filters]
        lines += ["", *_table(("filter", "", "turned away"), states)]
    lines += ["", "Turned away, with the reason (`rejected.jsonl` holds them all):", ""]
    return lines + _table(("reason", "rows"), list(funnel["rejected"].items()))


def _thresholds(settings: Mapping[str, Any]) -> list[str]:
    rows = [(_Code(name), _Code(value)) for name, value in settings.items()]
    return _table(("setting", "value"), rows) if rows else []


def _coverage(coverage: Mapping[str, Any] | None) -> list[str]:
    return [coverage_line(coverage), "`coverage.json` lists them."] if coverage else []


def coverage_line(coverage: Mapping[str, Any]) -> str:
    """How many pages have no question, in one sentence."""
    missing = coverage["pages"] - coverage["pages_with_questions"]
    return (
        f"{missing} of {coverage['pages']} pages with text have no question that a row quotes "
        f"them for; {coverage['pages_without_text']} more pages hold no text."
    )


def _leakage(leakage: Mapping[str, Any] | None) -> list[str]:
    if not leakage:
        return []
    counts = (
        f"Of {leakage['held_out']} validation and test rows, {leakage['same_question']} repeat "
        f"a question of train, nearly or exactly, and {leakage['same_quote']} a quote; "
        f"{leakage['share']:.1%} do one or the other."
    )
    lines = [counts]
    for name, own in leakage.get("by_test_set", {}).items():
        lines.append(
            f"Test set `{name}`: {own['held_out']} rows, {own['share']:.1%} leaked; "
            f"{own['same_document']} quote a document of train."
        )
    if "limit" not in leakage:
        return lines
    return [*lines, f"More than {leakage['limit']:.1%} would have been refused."]


def _limits(facts: CardFacts) -> list[str]:
    found = [_UNCHECKED, _BOUNDED]
    if facts.teacher == "extractive":
        found.append("Wordings come from templates: they vary less than what people ask.")
    held = sum(row["split"] != "train" for row in facts.rows)
    if held < 100:
        found.append(f"{held} validation and test rows are few: figures on them are coarse.")
    return [*found, *facts.terms.limits]


def _section(title: str, lines: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n".join(lines) + "\n" if lines else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in rows),
    ]


class _Code(str):
    """A value of ours that stands between backticks; foreign text never does."""

    __slots__ = ()


def _cell(value: object) -> str:
    """Names come from documents: none of them makes a column, a tag or a link."""
    if isinstance(value, _Code):
        return f"`{value}`".replace("|", "\\|")
    return re.sub(r"([|<>\[\]`\\])", r"\\\1", " ".join(str(value).split()))


_FIELDS = """## Fields

| field | meaning |
|---|---|
| id | from the content of the row |
| question, kind | what is asked, and of what sort it is |
| context | chunk ids in prompt order, each oracle or distractor; texts in `chunks.jsonl` |
| oracle_present | whether the chunk with the answer is in the context |
| quotes | verbatim text with its character range in the chunk |
| answer, completion | the final answer, and the whole text the model must produce |
| split, group | never divided: all rows of a group are in one split |
| teacher | who wrote question and answer |
| rejected_because | empty; a reason in `rejected.jsonl` |
"""
