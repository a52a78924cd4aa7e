"""A map over records that computes only what is not in the cache."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from sfta.core.executor import Executor
from sfta.core.record_cache import RecordCache

R = TypeVar("R")
_AHEAD = 32


def cached_map(
    function: Callable[[Sequence[R]], list[bytes]],
    records: Iterable[R],
    key_of: Callable[[R], str],
    *,
    cache: RecordCache,
    executor: Executor,
    batch: int = 1,
    lasting: Callable[[bytes], bool] = lambda _value: True,
) -> Iterator[bytes]:
    """Results in the order of the records.

    Args:
        function: results of some records, one each; runs on the executor.
        records: read a stretch at a time, so that memory does not grow with their number.
        key_of: digest of everything a record's result depends on.
        cache: results of earlier runs; new ones are put into it as they come.
        executor: where the function runs.
        batch: records of one call.
        lasting: whether a result may be kept; one that says how busy the machine was may not.
    """
    source = iter(records)
    while stretch := list(islice(source, _AHEAD * executor.width * batch)):
        keys = [key_of(record) for record in stretch]
        known = {key: value for key in keys if (value := cache.get(key)) is not None}
        missing = {key: r for key, r in zip(keys, stretch, strict=True) if key not in known}
        made = _made(function, missing, batch, executor, cache, lasting)
        for key in keys:
            while key not in known:
                known |= next(made)
            yield known[key]


def _made(
    function: Callable[[Sequence[R]], list[bytes]],
    missing: dict[str, R],
    batch: int,
    executor: Executor,
    cache: RecordCache,
    lasting: Callable[[bytes], bool],
) -> Iterator[dict[str, bytes]]:
    """New results by key, a batch at a time, each kept before it is given."""
    keys = list(missing)
    batches = [keys[at : at + batch] for at in range(0, len(keys), batch)]
    calls = [[missing[key] for key in part] for part in batches]
    for part, values in zip(batches, executor.map(function, calls), strict=True):
        found = dict(zip(part, values, strict=True))
        cache.put({key: value for key, value in found.items() if lasting(value)})
        yield found
