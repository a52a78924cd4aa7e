"""Question sets of other people on their way to `evaluate`: read, checked, written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfta.documents.media import decode
from sfta.evaluation.importing.imported import Passage
from sfta.evaluation.importing.reading import Wanted, read_benchmark
from sfta.evaluation.questions import read_questions
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import write_durably
from sfta_export.content import finished_folder


def import_questions(
    source: Path, out: Path, wanted: Wanted, folder: Path | None = None
) -> dict[str, Any]:
    """Make a benchmark file of a question set, and a document of each of its passages.

    Args:
        source: the set.
        out: the benchmark file.
        wanted: how the set is read.
        folder: where the documents go; none: passages go along with their questions.

    Returns:
        What was read, written and left out.

    Raises:
        ConfigError: the set cannot be used, or the folder is there already.
    """
    if folder is not None and folder.exists():
        raise ConfigError(f"{folder} exists already", hint="Choose another folder.")
    made = read_benchmark(source, wanted, decode)
    out.parent.mkdir(parents=True, exist_ok=True)
    if folder is not None:
        _write_documents(folder, made.documents)
    write_durably(out, made.content())
    questions = read_questions(out)
    return {
        "format": made.format,
        "out": str(out),
        "questions": len(questions),
        "unanswerable": sum(not question.answerable for question in questions),
        "documents": len(made.documents),
        "folder": str(folder) if folder is not None else "",
        "left_out": dict(sorted(made.notes.left_out.items())),
        "remarks": dict(sorted(made.notes.remarks.items())),
        "columns": dict(made.columns),
        "columns_not_read": list(made.unread),
    }


def _write_documents(folder: Path, passages: Mapping[str, Passage]) -> None:
    with finished_folder(folder) as scratch:
        for name, passage in sorted(passages.items()):
            (scratch / name).write_bytes(document_text(passage).encode())


def document_text(passage: Passage) -> str:
    """A text file of one page: the title underlined, then the text, a paragraph on each line."""
    title = " ".join(passage.title.split())
    # A form feed would begin another page; answers are looked for on the first.
    lines = (" ".join(line.split()) for line in passage.text.replace("\f", " ").splitlines())
    body = "\n\n".join(line for line in lines if line)
    return f"{title}\n{'=' * max(3, len(title))}\n\n{body}\n" if title else f"{body}\n"
