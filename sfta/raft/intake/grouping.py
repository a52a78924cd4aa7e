"""Splits of rows that come from a file: what belongs together stays together.

Rows belong to one content group if they ask the same question, quote or mark the same oracle
chunk, come from one record, or name the same group. A group's place is a number between 0 and 1
from the hash of seed and content; places below the share of train are train, the next
validation, the rest test. So a row keeps its split when rows are added to the file, as long as
they do not join its group. A split that ends up empty although its share is above 0 gets the
group whose place is nearest to its own part, if another split can spare one; train always does.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from sfta.raft.corpus import words
from sfta.raft.splits import SPLITS
from sfta_edge.citation import normalise

Row = Mapping[str, Any]


def content_groups(rows: Sequence[Row], records: Sequence[int]) -> list[str]:
    """Name of the content group of each row; `records` are the numbers of their records."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    keys = [_keys(row, number) for row, number in zip(rows, records, strict=True)]
    for own in keys:
        first = root(own[0])
        for other in own[1:]:
            parent[root(other)] = first
    # The name comes from content alone: the number of a record changes with the file.
    names: dict[str, str] = {}
    for own in keys:
        top = root(own[0])
        names[top] = min(names.get(top, own[0]), own[0])
    return [_digest(names[root(own[0])]) for own in keys]


def assign(groups: Sequence[str], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Split of every group, by name."""
    places = {name: _place(seed, name) for name in sorted(set(groups))}
    bounds = list(accumulate(shares))
    # Shares add up to 1 but for rounding: the last bound must not lose a group.
    bounds[-1] = 1.0
    found = {
        name: next(s for s, bound in zip(SPLITS, bounds, strict=True) if place < bound)
        for name, place in places.items()
    }
    for number, split in enumerate(SPLITS):
        if shares[number] > 0 and split not in found.values():
            middle = bounds[number] - shares[number] / 2
            _fill(found, split, lambda name, to=middle: abs(places[name] - to))
    return found


def given_splits(rows: Sequence[Row]) -> str:
    """What the file says about splits: `none`, `some`, `all`, or `no validation`."""
    named = {str(row["split"]) for row in rows}
    if named == {""}:
        return "none"
    if "" in named:
        return "some"
    return "all" if "validation" in named or named == {"test"} else "no validation"


def _fill(found: dict[str, str], split: str, distance: Any) -> None:
    """Give an empty split one group of a split that has more than one; train any."""
    counts = {name: list(found.values()).count(name) for name in SPLITS}
    spare = [name for name, now in found.items() if counts[now] > 1 or split == SPLITS[0]]
    if spare:
        found[min(spare, key=lambda name: (distance(name), name))] = split


def _keys(row: Row, record: int) -> list[str]:
    question = " ".join(words(row["question"])) or normalise(row["question"])
    oracles = [e["chunk_id"] for e in row["context"] if e["role"] == "oracle"]
    named = [f"group {row['group']}"] if row["group"] else []
    return [
        f"question {question}",
        f"record {record}",
        *named,
        *(f"chunk {chunk_id}" for chunk_id in oracles),
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _place(seed: int, name: str) -> float:
    return int(hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()[:13], 16) / 16**13
