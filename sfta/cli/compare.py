"""`sfta compare`: two reports side by side."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json, print_table

if TYPE_CHECKING:
    from sfta.evaluation.comparison import Change, ReportComparison

log = logging.getLogger("sfta")


@click.command("compare")
@click.argument("report_a", type=click.Path(path_type=Path))
@click.argument("report_b", type=click.Path(path_type=Path))
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write one HTML file that needs nothing else.",
)
@click.option(
    "--examples",
    type=click.IntRange(0, 500),
    default=20,
    show_default=True,
    help="Most questions shown for each arm that are right in one report and wrong in the other.",
)
@JSON
def command(
    report_a: Path, report_b: Path, page: Path | None, examples: int, as_json: bool
) -> None:
    """Compare two report artifacts, figure by figure.

    If both hold the answers to the same questions, the comparison is paired.

    Example: sfta compare runs/evaluate/0123456789abcdef runs/evaluate/fedcba9876543210
    """
    from sfta.evaluation.comparison import compare_reports

    found = compare_reports(report_a, report_b, examples)
    if page is not None:
        from sfta.evaluation.comparison_page import comparison_page
        from sfta_edge.manifest import write_durably

        page.parent.mkdir(parents=True, exist_ok=True)
        write_durably(page, comparison_page(report_a, report_b, found).encode())
    if as_json:
        print_json(asdict(found) | ({} if page is None else {"page": str(page)}))
        return
    for note in found.notes:
        log.warning("%s", note)
    _print(found)
    if page is not None:
        click.echo(f"page: {page}")


def _print(found: "ReportComparison") -> None:
    from sfta.evaluation.spelling import probability

    head: tuple[str, ...] = ("arm", "metric", "a", "b", "b - a", "")
    rows = [_row(change) for change in found.changes]
    if found.paired:
        head = (*head[:5], "95 % interval", "")
        rows = [
            (*row[:5], _interval(change), row[5])
            for row, change in zip(rows, found.changes, strict=True)
        ]
    print_table(head, rows)
    for test in found.right:
        click.echo(
            f"{test.arm}: of {found.paired} questions {test.only_first} are right only in a, "
            f"{test.only_second} only in b; McNemar's p {probability(test.p_value)}"
        )


def _row(change: "Change") -> tuple[str, ...]:
    numbers = (change.first, change.second, change.difference)
    opinion = _opinion(change.better, clear=change.clear)
    return (change.arm, change.metric, *map(_spell, numbers), opinion)


def _interval(change: "Change") -> str:
    if change.interval is None:
        return "-"
    low, high = change.interval
    return f"{low:+.4f} to {high:+.4f}"


def _spell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _opinion(better: bool | None, *, clear: bool) -> str:
    if better is None or not clear:
        return ""
    return "better" if better else "worse"
