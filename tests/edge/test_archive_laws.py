"""No bytes but those of an archive are unpacked, and a header reads the same to every reader."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archived_folder import KEY
from sfta_edge.archive import (
    BLOCK,
    header,
    read_manifest,
)
from sfta_edge.errors import ConfigError, IntegrityError


@settings(max_examples=200)
@given(st.binary(max_size=4 * BLOCK))
def test_any_bytes_are_no_bundle(archive_bytes):
    with pytest.raises(IntegrityError):
        read_manifest(io.BytesIO(archive_bytes), KEY.public_key())


@settings(max_examples=200)
@given(
    st.lists(st.text("abcdefgh.-_ü", min_size=1, max_size=20), min_size=1, max_size=12),
    st.integers(0, 2**40),
)
def test_a_header_says_name_and_size_to_every_reader(parts, size):
    name = "/".join(part.strip(".") or "x" for part in parts)
    try:
        block = header(name, size)
    except ConfigError:
        assert len(name.encode()) > 100
        return
    info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    assert (info.name, info.size, info.type) == (name, size, tarfile.REGTYPE)
