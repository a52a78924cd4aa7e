"""The data card: what a dataset holds, for people and for `datasets.load_dataset`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sfta.raft.splits import SPLITS

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def data_card(
    name: str, rows: Sequence[Mapping[str, Any]], funnel: Mapping[str, Any], teacher: str
) -> str:
    """README.md with the YAML header that names the files of each split.

    A split without rows is left out: an empty file has no columns to load.
    """
    filled = [split for split in SPLITS if any(row["split"] == split for row in rows)]
    size = next((label for limit, label in _SIZES if len(rows) < limit), "n>100K")
    files = "".join(f"  - split: {split}\n    path: {split}.jsonl\n" for split in filled)
    head = (
        "---\n"
        f"pretty_name: {name}\n"
        "task_categories:\n- question-answering\n"
        "tags:\n- raft\n- retrieval-augmented-generation\n"
        f"size_categories:\n- {size}\n"
        f"configs:\n- config_name: default\n  data_files:\n{files}"
        "---\n"
    )
    return f"{head}\n# {name}\n\n{_introduction(teacher)}\n{_tables(rows, funnel)}\n{_FIELDS}"


def _introduction(teacher: str) -> str:
    return (
        "Rows for retrieval-augmented fine-tuning: a question, the chunks the shipped retriever "
        "returns for it, and the text the model must produce: verbatim quotes with the number "
        "of their chunk, then the answer; or the refusal sentence where no chunk holds the "
        f"answer.\n\nWritten by the `{teacher}` teacher. Check its terms and the licence of "
        "your documents before you share this folder: it holds text of the documents.\n"
    )


def _tables(rows: Sequence[Mapping[str, Any]], funnel: Mapping[str, Any]) -> str:
    refused = Counter(row["split"] for row in rows if not row["quotes"])
    lines = ["## Rows\n", "| split | rows | without quotes |", "|---|---|---|"]
    for split in SPLITS:
        count = sum(row["split"] == split for row in rows)
        lines.append(f"| {split} | {count} | {refused[split]} |")
    lines += ["", "## Kinds of question\n", "| kind | rows |", "|---|---|"]
    kinds = Counter(str(row["kind"]) for row in rows)
    lines += [f"| {kind} | {count} |" for kind, count in sorted(kinds.items())]
    lines += ["", "## From candidates to rows\n", "| step | left |", "|---|---|"]
    lines += [f"| {step['step']} | {step['candidates']} |" for step in funnel["left_after"]]
    lines += ["", "Turned away, with the reason (`rejected.jsonl` holds them all):\n",
              "| reason | candidates |", "|---|---|"]  # fmt: skip
    lines += [f"| {reason} | {count} |" for reason, count in funnel["rejected"].items()]
    return "\n".join(lines) + "\n"


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
