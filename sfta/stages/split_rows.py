"""Rows of one split of a dataset, and some of them drawn."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Records of a file of the dataset; only a line feed ends one."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def chosen_rows(rows: Iterable[Row], count: int) -> list[Row]:
    """So many rows; their ids are digests, so the first of them are drawn."""
    return sorted(rows, key=lambda row: str(row["id"]))[:count]
