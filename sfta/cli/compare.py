"""`sfta compare`: two reports side by side."""

import logging
from dataclasses import asdict
from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json, print_table

log = logging.getLogger("sfta")


@click.command("compare")
@click.argument("report_a", type=click.Path(path_type=Path))
@click.argument("report_b", type=click.Path(path_type=Path))
@JSON
def command(report_a: Path, report_b: Path, as_json: bool) -> None:
    """Compare two report artifacts, figure by figure.

    Example: sfta compare runs/evaluate/0123456789abcdef runs/evaluate/fedcba9876543210
    """
    from sfta.evaluation.comparison import compare, read_report

    found = compare(read_report(report_a), read_report(report_b))
    if as_json:
        print_json(asdict(found))
        return
    for note in found.notes:
        log.warning("%s", note)
    print_table(
        ("arm", "metric", "a", "b", "b - a", ""),
        [
            (
                change.arm,
                change.metric,
                *(_spell(n) for n in (change.first, change.second, change.difference)),
                _opinion(change.better, clear=change.clear),
            )
            for change in found.changes
        ],
    )


def _spell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _opinion(better: bool | None, *, clear: bool) -> str:
    if better is None or not clear:
        return ""
    return "better" if better else "worse"
