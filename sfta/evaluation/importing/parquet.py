"""Records of a Parquet file, read some rows at a time, so that no file fills the memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.evaluation.importing.packed import LARGEST_FILE, bomb, unpacked_limit
from sfta_edge.errors import ConfigError

if TYPE_CHECKING:
    from pyarrow import parquet

MOST_ROWS_AT_ONCE = 1000


def rows(path: Path, size: int) -> Iterator[dict[str, Any]]:
    """The records of a file of so many bytes, one by one.

    Raises:
        ConfigError: it is damaged, or holds more than `unpacked_limit` allows.
    """
    # Loaded here because it takes a second.
    import pyarrow as pa
    from pyarrow import parquet

    most, read = unpacked_limit(size), 0
    try:
        with parquet.ParquetFile(path) as file:
            at_once = _rows_at_once(file, path, most)
            for batch in file.iter_batches(batch_size=at_once, use_threads=False):
                # Repeated texts are stored once in the file, and count here as often as they stand.
                read += batch.nbytes
                if read > most:
                    raise bomb(path, most)
                yield from batch.to_pylist()
    except (OSError, OverflowError, ValueError, pa.ArrowException) as error:
        line = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"cannot read {path}: {line}", hint="Copy or download it again."
        ) from error


def _rows_at_once(file: "parquet.ParquetFile", path: Path, most: int) -> int:
    """So many that they fit in memory, even if each of them holds the longest text of a column."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    columns = [
        group.column(place).total_uncompressed_size
        for group in groups
        for place in range(group.num_columns)
    ]
    if sum(columns) > most:
        raise bomb(path, most)
    longest = max(columns, default=0)
    return max(1, min(MOST_ROWS_AT_ONCE, LARGEST_FILE // max(1, longest)))
