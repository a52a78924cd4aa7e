"""Rows from any known format into any other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.adapters.record_files import save_dataset, write_records
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.formats import OWN, STRICT, record_of
from sfta.raft.intake.reading import Reading
from sfta.raft.splits import SPLITS
from sfta.stages.adopt import read_rows, remarks
from sfta.stages.dataset_folder import open_dataset
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import MANIFEST

FOLDER = "datasets"
"""The target that is a folder of the `datasets` library, with SFTA's own rows."""
_NO_SPLIT = "all"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a conversion is to make."""

    format: str
    """A key of `formats.FORMATS`, or `datasets`."""
    split: str | None = None
    """Only the rows of this split."""
    provenance: bool = True
    """Add where each row comes from, where the format allows it."""


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: Sequence[Mapping[str, Any]]
    chunks: Mapping[str, CorpusChunk]
    prompt: PromptConfig
    remarks: Sequence[str]


def convert(source: Path, out: Path, wanted: Wanted, reading: Reading) -> dict[str, Any]:
    """Write the rows of a dataset artifact or of a file; return what was written.

    A name without a suffix is a folder with one file, or one part, for each split.

    Raises:
        ConfigError: the rows cannot be read, there are none, or the target exists.
    """
    if out.exists():
        raise ConfigError(f"{out} exists already", hint="Choose another name, or delete it.")
    found = _rows(source, reading)
    by_split: dict[str, list[dict[str, Any]]] = {}
    name = OWN if wanted.format == FOLDER else wanted.format
    for row in found.rows:
        if wanted.split in (None, row["split"]):
            chunks = [found.chunks[entry["chunk_id"]] for entry in row["context"]]
            record = record_of(name, row, chunks, found.prompt, provenance=wanted.provenance)
            by_split.setdefault(row["split"] or _NO_SPLIT, []).append(record)
    if not by_split:
        raise ConfigError(f"{source} holds no row of the split {wanted.split}")
    _write(out, wanted.format, by_split)
    return {
        "out": str(out),
        "format": wanted.format,
        "rows": sum(map(len, by_split.values())),
        "rows_by_split": dict(sorted((s, len(records)) for s, records in by_split.items())),
        "rows_by_kind": dict(sorted(Counter(str(row["kind"]) for row in found.rows).items())),
        "provenance": wanted.provenance and name not in STRICT,
        "remarks": list(found.remarks),
    }


def _rows(source: Path, reading: Reading) -> _Rows:
    if (source / MANIFEST).is_file():
        dataset = open_dataset(source)
        return _Rows(dataset.every_row(), dataset.chunks, dataset.prompt, ())
    taken = read_rows(source, reading)
    return _Rows(taken.rows, taken.chunks, reading.prompt, remarks(taken))


def _write(out: Path, name: str, by_split: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    if name == FOLDER:
        save_dataset(out, by_split)
    elif out.suffix:
        ordered = sorted(by_split, key=(*SPLITS, _NO_SPLIT).index)
        write_records(out, [record for split in ordered for record in by_split[split]])
    else:
        for split, records in by_split.items():
            write_records(out / f"{split}.jsonl", records)
