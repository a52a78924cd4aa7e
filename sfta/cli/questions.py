"""`sfta questions`: question sets that are brought along: read from other formats, and reviewed."""

import logging
import shlex
from pathlib import Path
from typing import Any

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json

_FORMATS = ("squad", "pubmedqa", "hotpotqa", "clapnq", "rgb", "nq", "table", "corpus")
log = logging.getLogger("sfta")


@click.group("questions")
def command() -> None:
    """Bring your own questions: import a question set, and review it in the browser.

    Example: sfta questions import squad.json questions.jsonl
    """


@command.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "origin",
    type=click.Choice(_FORMATS),
    help="Format of SOURCE, if not recognised.",
)
@click.option(
    "--columns",
    metavar="PART=NAME,...",
    help="Columns of a table, as in question=Frage,answer=Antwort.",
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Passages that the questions name by id; in a folder, its corpus.jsonl.",
)
@click.option(
    "--documents",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write each passage as a document, so that answers are searched for.",
)
@click.option(
    "--passages",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Most passages that go along with a question.",
)
@JSON
def import_command(
    source: Path,
    out: Path,
    *,
    origin: str | None,
    columns: str | None,
    corpus: Path | None,
    folder: Path | None,
    passages: int,
    as_json: bool,
) -> None:
    """Write the questions of SOURCE as a benchmark file, OUT.

    SOURCE is in the published form of SQuAD, Natural Questions or NQ-open, PubMedQA, HotpotQA,
    ClapNQ or RGB, a table (CSV, TSV, JSON lines, Parquet) with columns for question and answer,
    or a folder with questions.jsonl and corpus.jsonl. Files may be packed with gzip.

    Without --documents each question brings its passages along, and nothing is searched.

    Example: sfta questions import hotpot_dev_distractor_v1.json questions.jsonl
    """
    from sfta.core.columns import read_columns
    from sfta.evaluation.importing.reading import Wanted
    from sfta.stages.question_sets import import_questions

    wanted = Wanted(
        format=origin or "",
        columns=read_columns(columns),
        corpus=corpus,
        passages=passages,
        documents=folder is not None,
    )
    done = import_questions(source, out, wanted, folder)
    if as_json:
        print_json(done)
        return
    _print_import(done)


def _print_import(done: dict[str, Any]) -> None:
    for reason, count in done["left_out"].items():
        log.warning("left out %d: %s", count, reason)
    for remark, count in done["remarks"].items():
        log.warning("of %d questions: %s", count, remark)
    if unread := done["columns_not_read"]:
        log.warning("columns not read: %s", ", ".join(unread))
    none = done["unanswerable"]
    without = f", {none} of them without an answer" if none else ""
    click.echo(f"{done['questions']} questions of {done['format']}{without}: {done['out']}")
    if done["folder"]:
        click.echo(f"{done['documents']} documents: {done['folder']}")
    named = shlex.quote(done["out"])
    click.echo(f"next: sfta questions review {named}, then set evaluate.questions")


@command.command("review")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("page", type=click.Path(path_type=Path), required=False)
@JSON
def review_command(file: Path, page: Path | None, as_json: bool) -> None:
    """Write one HTML file to read and edit the questions of FILE, by default review-NAME.html.

    Open it in a browser, without a network and from any folder. What it saves is a benchmark
    file again; lines that were not touched keep their bytes.

    Example: sfta questions review questions.jsonl
    """
    from sfta.evaluation.review.page import question_page
    from sfta_edge.manifest import write_durably

    made = question_page(file)
    out = page or Path(f"review-{file.stem}.html")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_durably(out, made.html.encode())
    facts = {"page": str(out), "questions": made.questions, "bytes": out.stat().st_size}
    if as_json:
        print_json(facts)
        return
    click.echo(f"{made.questions} questions: {out}")
    click.echo(f"next: open {out} in a browser; it saves a new {file.name}")
