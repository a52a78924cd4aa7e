"""What is kept comes back as it was put, or not at all."""

import os
import sqlite3
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.record_cache import RecordCache, code_identity, record_key
from sfta_edge.errors import ConfigError, SftaError


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "records" / "kept.sqlite"


def test_a_value_comes_back_in_the_next_run(path):
    with RecordCache(path) as cache:
        assert cache.get("a") is None
        cache.put({"a": b"alpha", "b": b""})
    with RecordCache(path) as cache:
        assert cache.get("a") == b"alpha"
        assert cache.get("b") == b""
        assert cache.get("c") is None
        assert cache.found == 2


def test_the_last_value_of_a_key_holds(path):
    with RecordCache(path) as cache:
        cache.put({"a": b"old"})
        cache.put({"a": b"new"})
        assert cache.get("a") == b"new"


@given(values=st.dictionaries(st.text(min_size=1), st.binary(), max_size=20))
def test_any_bytes_come_back(tmp_path_factory, values):
    with RecordCache(tmp_path_factory.mktemp("cache") / "c.sqlite") as cache:
        cache.put(values)
        assert {key: cache.get(key) for key in values} == values


def test_the_least_recently_used_values_go_when_there_are_too_many(path):
    with RecordCache(path) as cache:
        for key in "abcd":
            cache.put({key: bytes(100)})
    with RecordCache(path, most_bytes=250) as cache:
        assert cache.get("a") == bytes(100)
    with RecordCache(path) as cache:
        assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "d"]


def test_a_value_that_is_larger_than_the_limit_is_not_kept(path):
    with RecordCache(path, most_bytes=10) as cache:
        cache.put({"a": bytes(11)})
        assert cache.get("a") == bytes(11)
    with RecordCache(path) as cache:
        assert cache.get("a") is None


def test_a_value_that_was_changed_is_not_given_back(path):
    with RecordCache(path) as cache:
        cache.put({"a": b"alpha"})
    changing = sqlite3.connect(path)
    with changing:
        changing.execute("UPDATE record SET value = ?", (b"alphb",))
    changing.close()
    with RecordCache(path) as cache:
        assert cache.get("a") is None


@pytest.mark.parametrize("damage", [b"garbage" * 1000, b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_file_is_begun_anew_and_said_so(path, damage, caplog):
    path.parent.mkdir()
    path.write_bytes(damage)
    with caplog.at_level("WARNING", "sfta"), RecordCache(path) as cache:
        cache.put({"a": b"alpha"})
        assert cache.get("a") == b"alpha"
    assert f"{path} is damaged; beginning it anew" in caplog.messages


def test_damage_that_is_met_later_is_begun_anew(path, caplog):
    with RecordCache(path) as cache:
        cache.put({str(n): os.urandom(3000) for n in range(50)})
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    with caplog.at_level("WARNING", "sfta"), RecordCache(path) as cache:
        found = [cache.get(str(n)) for n in range(50)]
        cache.put({"a": b"alpha"})
        assert cache.get("a") == b"alpha"
    assert None in found


def test_an_empty_file_is_a_cache_without_values(path):
    path.parent.mkdir()
    path.write_bytes(b"")
    with RecordCache(path) as cache:
        assert cache.get("a") is None


def test_a_place_that_cannot_hold_a_cache_is_an_error_with_advice(path):
    path.mkdir(parents=True)
    with pytest.raises(SftaError, match="cannot use the cache") as error:
        RecordCache(path)
    assert "--cache" in error.value.hint


def test_what_was_put_survives_a_kill(path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from sfta.core.record_cache import RecordCache\n"
        "cache = RecordCache(Path(sys.argv[1]))\n"
        "cache.put({'a': b'alpha'})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    with RecordCache(path) as cache:
        assert cache.get("a") == b"alpha"


def test_two_processes_may_keep_values_at_the_same_time(path):
    def fill(prefix):
        with RecordCache(path) as cache:
            for number in range(50):
                cache.put({f"{prefix}{number}": prefix.encode()})

    threads = [threading.Thread(target=fill, args=(prefix,)) for prefix in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with RecordCache(path) as cache:
        assert all(cache.get(f"{p}{n}") == p.encode() for p in "ab" for n in range(50))


def test_a_key_tells_apart_what_goes_into_it():
    parts = [("a", "bc"), ("ab", "c"), ("a", ["b", "c"]), ("a", None), ("a", 1), ("a", "1")]
    assert len({record_key(*part) for part in parts}) == len(parts)
    assert record_key({"x": 1, "y": 2}) == record_key({"y": 2, "x": 1})


def test_the_identity_of_code_follows_its_source(tmp_path, monkeypatch):
    package = tmp_path / "sample_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def identity(*names):
        code_identity.cache_clear()
        return code_identity(names)

    whole, inner = identity("sample_package"), identity("sample_package.inner")
    assert whole != inner
    assert identity("sample_package") == whole
    (package / "inner.py").write_text("VALUE = 2\n")
    assert identity("sample_package") != whole
    assert identity("sample_package.inner") != inner


def test_the_identity_of_code_follows_the_versions_it_runs_with(monkeypatch):
    monkeypatch.setattr("sfta.core.record_cache.version", lambda name: f"{name} 1")
    code_identity.cache_clear()
    first = code_identity(("sfta.core.url",), ("pymupdf",))
    monkeypatch.setattr("sfta.core.record_cache.version", lambda name: f"{name} 2")
    code_identity.cache_clear()
    assert code_identity(("sfta.core.url",), ("pymupdf",)) != first
    code_identity.cache_clear()


def test_code_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"there is no module sfta\.nowhere"):
        code_identity(("sfta.nowhere",))
