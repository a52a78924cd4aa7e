"""How much of the test set of "David and Goliath" stands in its training set.

    python benchmarks/david_goliath_leakage.py FOLDER

FOLDER holds ``dataset_train.json`` and ``dataset_test.json``, JSON lines with the whole prompt in
``text``, and at best ``SAI_dataset_0312.csv``, which says of which page of which paper each prompt
was made. Questions and texts are compared by the leakage report of `sfta evaluate`.
"""

import argparse
import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sfta.evaluation.leakage import Leakage, find_leakage
from sfta.evaluation.questions import Question

THRESHOLD = 0.85
_SHOWN = 3
_ROW = re.compile(r"\n\nText: (?P<text>.*)\n### Input:(?P<asked>.*)\n### Response:", re.DOTALL)
_PARTS = {"asked": "questions", "text": "texts"}


def read_rows(path: Path) -> tuple[list[dict[str, str]], int]:
    """Question (`asked`), text and whole prompt of each row; how many have another form."""
    with path.open(encoding="utf-8") as lines:
        prompts = [json.loads(line)["text"] for line in lines if line.strip()]
    found = [(prompt, _ROW.search(prompt)) for prompt in prompts]
    rows = [
        {"prompt": prompt, "text": match["text"].strip(), "asked": match["asked"].strip()}
        for prompt, match in found
        if match
    ]
    return rows, len(prompts) - len(rows)


def seen_in_training(
    test: Sequence[Mapping[str, str]], train: Sequence[Mapping[str, str]], part: str
) -> Leakage:
    """Test rows whose question, or text, stands in the training rows."""
    questions = [
        Question(f"test-{number:03}", row[part], (), answerable=False)
        for number, row in enumerate(test)
    ]
    return find_leakage(questions, (row[part] for row in train), THRESHOLD)


def shared_pages(
    test: Sequence[Mapping[str, str]],
    train: Sequence[Mapping[str, str]],
    places: Mapping[str, tuple[str, str]],
) -> tuple[int, int, int]:
    """Test rows from a page, and from a paper, of the training rows; test rows with a place."""
    known = [places[row["prompt"].strip()] for row in test if row["prompt"].strip() in places]
    learnt = {places[row["prompt"].strip()] for row in train if row["prompt"].strip() in places}
    papers = {paper for paper, _ in learnt}
    return (
        sum(place in learnt for place in known),
        sum(paper in papers for paper, _ in known),
        len(known),
    )


def read_places(path: Path) -> dict[str, tuple[str, str]]:
    """Paper and page by prompt; none without the file."""
    if not path.is_file():
        return {}
    # A cell holds a whole page.
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return {
            line["text_synthetic"].strip(): (line["pdf_name"], line["page"])
            for line in csv.DictReader(lines)
        }


def report(folder: Path) -> str:
    """Counts, with examples."""
    test, lost = read_rows(folder / "dataset_test.json")
    train, train_lost = read_rows(folder / "dataset_train.json")
    lines = [f"{len(test)} test rows, {len(train)} training rows; unread: {lost + train_lost}"]
    for part, name in _PARTS.items():
        seen = seen_in_training(test, train, part)
        facts = seen.facts()
        lines.append(
            f"{name} that stand in training: {facts['exact']} to the letter, {facts['near']} "
            f"nearly (of {facts['compared_with']} different ones there)"
        )
        for match in sorted(seen.matches, key=lambda match: match.exact)[:_SHOWN]:
            lines.append(f"- {match.overlap:.2f} {match.question[:140]!r}")
            lines.append(f"       {match.seen[:140]!r}")
    pages, papers, known = shared_pages(
        test, train, read_places(folder / "SAI_dataset_0312.csv")
    )
    if known:
        lines.append(
            f"of {known} test rows with a known page, {pages} are from a page that training "
            f"rows are from, and {papers} from such a paper"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args().folder
    print(report(folder) if folder else "give the folder of the training and test set")


if __name__ == "__main__":
    main()
