"""A comparison of two reports as one HTML file that needs nothing else."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sfta.evaluation.comparison import MAIN, Change, ReportComparison, read_report
from sfta.evaluation.config import CANDIDATE
from sfta.evaluation.page import Figure, Pictures, figure, render
from sfta.evaluation.report_tables import Cell, Row, Table
from sfta.evaluation.spelling import interval, number, probability, signed, whole
from sfta.evaluation.themes import THEMES

_FACTS = ("name", "base_model", "scheme", "questions", "top_k", "cluster")


def comparison_page(first: Path, second: Path, found: ReportComparison) -> str:
    """The page.

    Args:
        first: report folder, or its report.json.
        second: likewise.
        found: how they differ.
    """
    reports = {"First": read_report(first), "Second": read_report(second)}
    paths = {"First": first, "Second": second}
    labels = {name: str(arm["label"]) for name, arm in reports["Second"]["arms"].items()}
    return render(
        "comparison.html.j2",
        found=found,
        said=summary(found, labels),
        facts=_facts_table(reports, paths),
        tables=list(_tables(found, labels)),
        right=_right_table(found, labels),
        verdicts={key: report["verdict"] for key, report in reports.items()},
        figures=_figures(found, labels),
        labels=labels,
    )


def summary(found: ReportComparison, labels: Mapping[str, str]) -> list[str]:
    """One sentence for each arm: which of the main metrics are clearly better or worse."""
    said = []
    for arm in dict.fromkeys(change.arm for change in found.changes):
        clear = [c for c in found.changes if c.arm == arm and c.metric in MAIN and c.clear]
        better = ", ".join(c.label for c in clear if c.better)
        worse = ", ".join(c.label for c in clear if not c.better)
        parts = [f"better in {better}"] if better else []
        parts += [f"worse in {worse}"] if worse else []
        said.append(f"{labels.get(arm, arm)}: {' and '.join(parts) or 'no clear change'}.")
    return said


def _tables(found: ReportComparison, labels: Mapping[str, str]) -> Iterator[Table]:
    """One table per arm, the trained model's first."""
    arms = sorted({change.arm for change in found.changes}, key=lambda a: (a != CANDIDATE, a))
    for arm in arms:
        rows = [_row(change) for change in found.changes if change.arm == arm]
        columns = ["First", "Second", "Second minus first", "Clear change"]
        yield Table(f"{labels.get(arm, arm)}, in both reports.", "Metric", columns, rows)


def _row(change: Change) -> Row:
    gap = Cell(
        signed(change.difference), interval(change.interval, sign=True), clear=change.clear
    )
    opinion = "" if change.better is None else "better" if change.better else "worse"
    cells = [Cell(number(change.first)), Cell(number(change.second)), gap]
    return Row(change.label, [*cells, Cell(opinion if change.clear else "")])


def _right_table(found: ReportComparison, labels: Mapping[str, str]) -> Table | None:
    rows = [
        Row(
            labels.get(test.arm, test.arm),
            [
                Cell(whole(test.only_first)),
                Cell(whole(test.only_second)),
                Cell(probability(test.p_value)),
            ],
        )
        for test in found.right
    ]
    columns = ["Right only in the first", "Right only in the second", "McNemar's p"]
    caption = f"Right and wrong on the same {found.paired} questions."
    return Table(caption, "Arm", columns, rows) if rows else None


def _facts_table(reports: Mapping[str, Mapping[str, Any]], paths: Mapping[str, Path]) -> Table:
    rows = []
    for key in _FACTS:
        values = [report["settings"].get(key) for report in reports.values()]
        if any(value is not None for value in values):
            cells = [Cell("" if value is None else str(value)) for value in values]
            rows.append(Row(key.replace("_", " "), cells))
    rows.append(Row("passed", [Cell("yes" if r["passed"] else "no") for r in reports.values()]))
    rows.append(Row("folder", [Cell(_folder(path).name) for path in paths.values()]))
    rows.append(Row("SHA-256 of report.json", [Cell(_digest(path)) for path in paths.values()]))
    return Table("The two reports.", "Fact", list(reports), rows)


def _folder(path: Path) -> Path:
    return path.resolve() if path.is_dir() else path.resolve().parent


def _digest(path: Path) -> str:
    file = path / "report.json" if path.is_dir() else path
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _figures(found: ReportComparison, labels: Mapping[str, str]) -> dict[str, Figure]:
    # Loaded here because matplotlib takes seconds.
    from sfta.evaluation.comparison_plot import comparison_figure

    drawn = {name: comparison_figure(found, labels, theme) for name, theme in THEMES.items()}
    light, dark = drawn["light"], drawn["dark"]
    if light is None or dark is None:
        return {}
    caption = "Second report minus first"
    caption += ", with 95 % intervals. Filled dots are clear changes." if found.paired else "."
    words = " ".join(summary(found, labels))
    pictures = Pictures({"changes": light}, {"changes": dark})
    return {"changes": figure(pictures, "changes", caption, f"Dots by arm and metric. {words}")}
