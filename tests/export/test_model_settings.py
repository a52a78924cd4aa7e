"""Settings of a model folder: what may be passed over, and what may not."""

import pytest

from sfta_edge.errors import ConfigError
from sfta_export.model_settings import load_json, read_json

NO_OBJECT = [b"", b"{", b"\xff", b'{"a": }']


def test_an_object_is_read_by_both(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"a": 1}')
    assert read_json(path) == load_json(path) == {"a": 1}


def test_a_missing_file_is_empty_for_both(tmp_path):
    assert read_json(tmp_path / "gone") == load_json(tmp_path / "gone") == {}


@pytest.mark.parametrize("raw", NO_OBJECT)
def test_what_cannot_be_read_is_passed_over_only_where_that_is_meant(tmp_path, raw):
    path = tmp_path / "config.json"
    path.write_bytes(raw)
    assert read_json(path) == {}
    with pytest.raises(ConfigError, match=r"cannot read .*config\.json"):
        load_json(path)


@pytest.mark.parametrize("raw", ["[]", "1", '"a"'])
def test_what_is_no_object_is_empty(tmp_path, raw):
    path = tmp_path / "config.json"
    path.write_text(raw)
    assert read_json(path) == load_json(path) == {}
