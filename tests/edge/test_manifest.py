"""The manifest is the identity of an artifact or a bundle."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge import manifest as module
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import (
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
    canonical_json,
    sha256_file,
)

ZEROS = "0" * 64


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/",
        "/etc/passwd",
        "//etc/passwd",
        "..",
        "../x",
        "a/..",
        "a/../../x",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "..\\x",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\ud800b",
        None,
        7,
        ["a"],
    ],
)
def test_a_path_cannot_leave_the_folder_or_be_spelt_in_two_ways(path):
    with pytest.raises(IntegrityError, match="unsafe path"):
        FileEntry(path, 0, ZEROS)


@pytest.mark.parametrize("path", ["a", "a/b.c", "...", "a..b", "-rf", "ärger/日本", "a b"])
def test_an_ordinary_path_is_accepted(path):
    assert FileEntry(path, 0, ZEROS).path == path


@pytest.mark.parametrize("size", [-1, True, 1.0, "1", None])
def test_a_size_is_a_count_of_bytes(size):
    with pytest.raises(IntegrityError, match="unusable size"):
        FileEntry("a", size, ZEROS)


@pytest.mark.parametrize("digest", ["", ZEROS[1:], ZEROS + "0", "A" * 64, "g" * 64, 0, None])
def test_a_digest_is_64_lower_case_hex_digits(digest):
    with pytest.raises(IntegrityError, match="unusable sha256"):
        FileEntry("a", 0, digest)


def test_names_that_differ_only_in_case_are_refused():
    files = (FileEntry("Straße", 1, ZEROS), FileEntry("STRASSE", 1, ZEROS))
    with pytest.raises(IntegrityError, match="a path is listed twice"):
        Manifest("bundle", files)


def test_a_file_name_that_is_no_text_cannot_be_packed(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"")
    with pytest.raises(IntegrityError, match="unsafe path"):
        Manifest.of(tmp_path, "bundle", {})


def test_a_file_is_measured_by_size_and_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 1_000_000)
    digest, size = sha256_file(tmp_path / "a")
    assert size == 3_000_000
    assert digest == "f4096a131e7e6ebfa7a512b5c299e13b065df34d15624ee1202ab394cc4d7e90"


names = st.lists(
    st.text(st.characters(categories=["L", "N", "P"], exclude_characters="/\\"), min_size=1),
    min_size=1,
    max_size=3,
).filter(lambda parts: not {".", ".."} & set(parts))
entries = st.builds(
    FileEntry,
    names.map("/".join),
    st.integers(0, 2**60),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)
facts = st.dictionaries(
    st.text(max_size=5),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    max_size=3,
)
manifests = st.builds(
    Manifest,
    st.sampled_from(["gguf", "bundle"]),
    st.lists(entries, max_size=4, unique_by=lambda e: e.path.casefold()).map(tuple),
    facts.filter(lambda f: "Infinity" not in json.dumps(f)),
)


@given(manifests)
def test_bytes_round_trip(manifest):
    raw = manifest.to_bytes()
    assert Manifest.from_bytes(raw) == manifest
    assert Manifest.from_bytes(raw).to_bytes() == raw


@given(manifests)
def test_the_order_of_files_is_not_identity(manifest):
    assert Manifest(manifest.kind, manifest.files[::-1]).digest == manifest.digest


@given(manifests, facts)
def test_provenance_is_not_identity(manifest, other):
    assert Manifest(manifest.kind, manifest.files, other).digest == manifest.digest


@given(manifests, manifests)
def test_different_content_has_a_different_digest(a, b):
    same = (a.kind, sorted(a.files)) == (b.kind, sorted(b.files))
    assert (a.digest == b.digest) is same


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(), min_size=1))
def test_equal_values_have_one_spelling(value):
    turned = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(turned)
    assert b" " not in canonical_json(value)


def test_identity_does_not_change_between_versions():
    files = (FileEntry("a/b", 3, ZEROS), FileEntry("c", 0, "f" * 64))
    assert Manifest("corpus", files, {"any": "thing"}).digest == (
        "5d6c3a66b0ef0eae11c83830993a40dfa820fe46a77b7c3b0aa14dad0d093f42"
    )


def written(**changes):
    """The text of a manifest with changed fields."""
    entry = {"path": "a", "size": 1, "sha256": ZEROS}
    whole = {"schema": module.SCHEMA, "kind": "bundle", "files": [entry], "facts": {}}
    return json.dumps(whole | changes)


def nested(depth):
    return '{"x":' * depth + "0" + "}" * depth


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "not readable"),
        ("[]", "not readable"),
        ("{}", "not readable: 'schema'"),
        ("\ufeff{}", "not readable"),
        (written()[:-1], "not readable"),
        (written(kind=7), "kind or facts"),
        (written(facts=[]), "kind or facts"),
        (written(files=""), "more than"),
        (written(files={}), "more than"),
        (written(files=None), "not readable"),
        (written(files=["a"]), "not readable"),
        (written(files=[{"path": "a", "size": 1}]), "not readable"),
        (written(files=[{"path": "../a", "size": 1, "sha256": ZEROS}]), "unsafe path"),
        (
            written(files=[{"path": "a", "size": 1, "sha256": ZEROS, "run": "x"}]),
            "not readable",
        ),
        (written(extra=1), "more than"),
        (written(facts={"x": float("nan")}), "not readable"),
        (written(kind="\ud800"), "not readable"),
        (nested(100_000), "not readable"),
        (f'{{"size": {"9" * 5000}}}', "not readable"),
    ],
)
def test_what_is_no_manifest_is_refused(raw, reason):
    with pytest.raises(IntegrityError, match=reason):
        Manifest.from_bytes(raw.encode())


def test_a_newer_schema_asks_for_an_update():
    with pytest.raises(
        IntegrityError, match=r"unknown manifest schema 'sfta.manifest/9'"
    ) as info:
        Manifest.from_bytes(written(schema="sfta.manifest/9").encode())
    assert "Update" in info.value.hint


@given(st.binary())
def test_any_bytes_parse_or_raise_one_error(raw):
    with suppress(IntegrityError):
        Manifest.from_bytes(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["kind", "files", "facts", "schema", "more"]), json_values)
def test_whatever_parses_can_be_identified_and_written(field, value):
    with suppress(IntegrityError):
        manifest = Manifest.from_bytes(written(**{field: value}).encode())
        assert Manifest.from_bytes(manifest.to_bytes()).digest == manifest.digest


def test_a_huge_manifest_is_refused_unread(monkeypatch):
    def parse(_raw):
        raise AssertionError("parsed")

    monkeypatch.setattr(module.json, "loads", parse)
    with pytest.raises(IntegrityError, match=f"larger than {MAX_MANIFEST_BYTES} bytes"):
        Manifest.from_bytes(b" " * (MAX_MANIFEST_BYTES + 1))


def test_a_folder_without_a_manifest_is_named(tmp_path):
    with pytest.raises(IntegrityError, match=f"{tmp_path} holds no readable manifest.json"):
        Manifest.read(tmp_path)
