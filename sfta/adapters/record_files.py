"""Files of records: JSON lines, JSON, CSV, Parquet and folders of the `datasets` library.

What cannot be read of a single record is noted at the record; what makes the whole file
unreadable is an error.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.core.records import FileRecord
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import MANIFEST, canonical_json, sha256_file, write_durably
from sfta_export.content import finished_folder

TABLES = (".csv", ".tsv")
READABLE = (".jsonl", ".json", ".ndjson", *TABLES, ".parquet")
WRITABLE = (".jsonl", ".parquet")
_DELIMITERS = ",;\t|"


def read_records(path: Path) -> list[FileRecord]:
    """Every record of a file or folder, in its order.

    Raises:
        ConfigError: there is no such file, or it is not of a kind that can be read.
    """
    if path.is_dir():
        return list(_saved(path))
    if not path.exists():
        raise ConfigError(f"there is no file {path}", hint="Check the path.")
    suffix = path.suffix.casefold()
    if suffix == ".parquet":
        return list(_parquet(path))
    if suffix not in READABLE:
        raise ConfigError(
            f"{path}: files ending in {suffix or 'nothing'} are not read",
            hint=f"Give a file ending in {', '.join(READABLE)}, or a folder that datasets saved.",
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}", hint="Save it as UTF-8 text."
        ) from error
    if suffix in TABLES:
        return list(_table(text, path))
    return list(_json_array(text, path) if text.lstrip()[:1] == "[" else _json_lines(text))


def identity(path: Path) -> str:
    """Digest of a file, or of the names and contents of a folder; empty if it is not there."""
    if path.is_file():
        return sha256_file(path)[0]
    listing = [
        [file.relative_to(path).as_posix(), sha256_file(file)[0]]
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    ]
    return hashlib.sha256(canonical_json(listing)).hexdigest() if listing else ""


def write_records(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """JSON lines or Parquet, by the suffix; written under a scratch name and renamed.

    Raises:
        ConfigError: another suffix.
    """
    suffix = path.suffix.casefold()
    if suffix not in WRITABLE:
        raise ConfigError(
            f"{path}: the format of a file is told by its name",
            hint=f"Let it end in {' or '.join(WRITABLE)}.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".jsonl":
        write_durably(path, b"".join(canonical_json(record) + b"\n" for record in records))
        return
    import pyarrow as pa
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([dict(r) for r in records]), buffer)
    write_durably(path, buffer.getvalue())


def save_dataset(folder: Path, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A folder that `datasets.load_from_disk` reads: a DatasetDict of the splits with rows.

    Raises:
        ConfigError: the folder is there already.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists already", hint="Choose another folder.")
    from datasets import Dataset, DatasetDict, disable_progress_bars

    disable_progress_bars()
    # One type for each column of all splits: a column that is empty in one has a type in others.
    every = [dict(record) for records in splits.values() for record in records]
    features = Dataset.from_list(every).features
    made = {
        name: Dataset.from_list([dict(r) for r in records], features=features)
        for name, records in splits.items()
        if records
    }
    for name, split in made.items():
        # It names the library's caches. One made from content alone keeps the bytes the same.
        digest = hashlib.sha256(canonical_json(list(splits[name]))).hexdigest()
        split._fingerprint = digest[:16]  # noqa: SLF001 no other way to set it
    with finished_folder(folder) as scratch:
        DatasetDict(made).save_to_disk(str(scratch))


def _json_lines(text: str) -> Iterator[FileRecord]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield FileRecord(number, json.loads(line))
        except (ValueError, RecursionError) as error:
            yield FileRecord(number, None, f"the whole row: is not JSON: {error}")


def _json_array(text: str, path: Path) -> Iterator[FileRecord]:
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    for number, record in enumerate(records, 1):
        yield FileRecord(number, record)


def _table(text: str, path: Path) -> Iterator[FileRecord]:
    head = text.split("\n", 1)[0]
    delimiter = "\t" if path.suffix.casefold() == ".tsv" else max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        if len(set(names)) != len(names):
            raise ConfigError(f"{path}: two columns have one name", hint="Rename one of them.")
        for number, cells in enumerate(reader, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                what = f"the whole row: has {len(cells)} cells, the head {len(names)}"
                yield FileRecord(number, None, what)
            else:
                yield FileRecord(number, dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise ConfigError(f"{path}: line {reader.line_num} is no CSV: {error}") from error


def _parquet(path: Path) -> Iterator[FileRecord]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        records = parquet.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read {path}: {_line(error)}") from error
    yield from _numbered(records, "")


def _saved(folder: Path) -> Iterator[FileRecord]:
    """A folder that `datasets` has saved, with or without splits."""
    from datasets import DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(folder))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{folder} is no folder that datasets saved: {_line(error)}",
            hint="Give a file, a dataset artifact, or a folder written with save_to_disk.",
        ) from error
    splits = loaded.items() if isinstance(loaded, DatasetDict) else [("", loaded)]
    start = 0
    for name, split in splits:
        yield from _numbered(split.to_list(), str(name), start)
        start += len(split)


def _numbered(records: Iterable[Any], split: str, start: int = 0) -> Iterator[FileRecord]:
    for number, record in enumerate(records, start + 1):
        yield FileRecord(number, record, split=split)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
