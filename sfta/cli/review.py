"""`sfta review`: a page on which a person reads rows and turns some away."""

from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json


@click.command("review")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("page", type=click.Path(path_type=Path), required=False)
@click.option(
    "--rejections",
    type=click.Path(path_type=Path),
    help="Go on with the rejections of a file that the page saved.",
)
@JSON
def command(dataset: Path, page: Path | None, rejections: Path | None, as_json: bool) -> None:
    """Write one HTML file with all rows of DATASET, by default review-NAME.html.

    Open it in a browser, without a network and from any folder. What it saves is read by
    the recipe's key generate.rejections, or dataset.rejections for rows from a file.

    Example: sfta review runs/generate/0123456789abcdef
    """
    from sfta.raft.review.page import review_page
    from sfta.raft.splits import SPLITS
    from sfta.stages.dataset_folder import open_dataset, reject_by_hand
    from sfta_edge.manifest import write_durably

    found = open_dataset(dataset)
    rows = found.every_row()
    # The same reading as in `generate`: a line may hold for a row under another id.
    known = (row["question"] for row in found.rejected)
    by_file = reject_by_hand(rows, rejections, known).rejected
    earlier = {row["id"]: row["rejected_because"].partition(": ")[2] for row in by_file}
    out = page or Path(f"review-{found.name}.html")
    key = "dataset.rejections" if found.facts.get("stage") == "adopt" else "generate.rejections"
    text = review_page(
        found.name,
        found.digest,
        rows,
        found.rejected,
        found.chunks,
        earlier=earlier,
        key=key,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_durably(out, text.encode())
    facts = {
        "page": str(out),
        "rows": len(rows),
        "rows_by_split": {split: len(found.rows[split]) for split in SPLITS},
        "rejected": len(found.rejected),
        "bytes": out.stat().st_size,
    }
    if as_json:
        print_json(facts)
        return
    click.echo(f"{len(rows)} rows and {len(found.rejected)} rejected ones: {out}")
    click.echo(f"next: open {out} in a browser, then set {key}")
