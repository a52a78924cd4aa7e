"""Only what is not kept is computed, and the results are those of computing everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.cached_map import cached_map
from sfta.core.executor import LocalExecutor
from sfta.core.record_cache import RecordCache


class Doubling:
    """Doubles numbers and remembers which it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, numbers):
        self.asked += numbers
        return [str(2 * number).encode() for number in numbers]


def run(cache, records, function=None, *, batch=1, width=2, **options):
    function = function or Doubling()
    return list(
        cached_map(
            function,
            records,
            str,
            cache=cache,
            executor=LocalExecutor(width),
            batch=batch,
            **options,
        )
    )


@pytest.fixture(name="cache")
def _cache(tmp_path):
    with RecordCache(tmp_path / "kept.sqlite") as cache:
        yield cache


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_new_records_alone_are_computed(cache, batch):
    first, second = Doubling(), Doubling()
    assert run(cache, range(10), first, batch=batch) == [b"%d" % (2 * n) for n in range(10)]
    assert run(cache, [3, 11, 4, 12], second, batch=batch) == [b"6", b"22", b"8", b"24"]
    assert sorted(first.asked) == list(range(10))
    assert sorted(second.asked) == [11, 12]


def test_equal_records_are_computed_once(cache):
    function = Doubling()
    assert run(cache, [1, 1, 2, 1], function) == [b"2", b"2", b"4", b"2"]
    assert sorted(function.asked) == [1, 2]


@given(
    kept=st.lists(st.integers(0, 30)),
    records=st.lists(st.integers(0, 30)),
    batch=st.integers(1, 5),
    width=st.integers(1, 3),
)
def test_what_is_kept_never_changes_the_results(tmp_path_factory, kept, records, batch, width):
    with RecordCache(tmp_path_factory.mktemp("kept") / "c.sqlite") as cache:
        run(cache, kept)
        found = run(cache, records, batch=batch, width=width)
    assert found == [b"%d" % (2 * number) for number in records]


def test_records_are_read_a_stretch_at_a_time(cache):
    read = []

    def endless():
        for number in range(10**9):
            read.append(number)
            yield number

    results = cached_map(
        Doubling(), endless(), str, cache=cache, executor=LocalExecutor(2), batch=1
    )
    assert next(results) == b"0"
    results.close()
    assert len(read) < 1000


def test_a_result_that_does_not_last_is_computed_again(cache):
    function = Doubling()
    for _ in range(2):
        run(cache, [1, 2], function, lasting=lambda value: value != b"2")
    assert sorted(function.asked) == [1, 1, 2]


def test_what_came_before_an_error_is_kept(cache):
    def fails(numbers):
        if numbers == [2]:
            raise OSError("the disk is full")
        return [b"%d" % number for number in numbers]

    with pytest.raises(OSError, match="the disk is full"):
        run(cache, [0, 1, 2, 3], fails, width=1)
    assert (cache.get("0"), cache.get("1"), cache.get("2")) == (b"0", b"1", None)


def test_a_function_that_loses_a_record_is_a_defect(cache):
    with pytest.raises(ValueError, match="zip"):
        run(cache, [1, 2], lambda numbers: [b"only one"], batch=2)
