"""An altered, foreign or unfit bundle is refused, named, and changes nothing."""

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.bundle import verify_bundle
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.installation import install
from sfta_edge.manifest import MANIFEST, FileEntry, Manifest
from sfta_edge.seal import seal
from sfta_edge.signature import sign
from signed_bundles import HERE, KEY, PUBLIC, _tamper, facts, make, snapshot


def _same_size(bundle):
    raw = (bundle / "model/m.gguf").read_bytes()
    (bundle / "model/m.gguf").write_bytes(raw[:-2] + b"!\n")


def _grow(bundle):
    with (bundle / "model/m.gguf").open("ab") as stream:
        stream.write(b"!")


def _unlisted(bundle):
    (bundle / "model/extra.gguf").write_text("x")


def _missing(bundle):
    (bundle / "prompt.json").unlink()


def _link(bundle):
    (bundle / "prompt.json").rename(bundle.parent / "prompt")
    (bundle / "prompt.json").symlink_to(bundle.parent / "prompt")


def _manifest_of_other(bundle):
    other = make(bundle.parent / "other", 7)
    shutil.copy(other / MANIFEST, bundle / MANIFEST)


def _all_of_other(bundle):
    other = make(bundle.parent / "other", 7)
    for name in (MANIFEST, "manifest.sig"):
        shutil.copy(other / name, bundle / name)


def _unsigned(bundle):
    (bundle / "manifest.sig").unlink()


FOLDER_ATTACKS = [
    (_tamper, "m.gguf"),
    (_same_size, "changed: model/m.gguf"),
    (_grow, "changed: model/m.gguf"),
    (_unlisted, "not listed: model/extra.gguf"),
    (_missing, "missing: prompt.json"),
    (_link, "symbolic links are not allowed"),
    (_manifest_of_other, "signature does not match"),
    (_all_of_other, "changed: "),
    (_unsigned, "manifest.sig"),
]


@pytest.mark.parametrize(("attack", "reason"), FOLDER_ATTACKS)
def test_an_attack_on_the_folder_is_refused_and_changes_nothing(
    device_root, second_bundle, attack, reason
):
    before = snapshot(device_root)
    attack(second_bundle)
    with pytest.raises(IntegrityError, match=reason):
        verify_bundle(second_bundle, PUBLIC)
    with pytest.raises(IntegrityError, match=reason):
        install(second_bundle, device_root, PUBLIC)
    assert snapshot(device_root) == before


@pytest.mark.parametrize("form", ["", ".tar"])
def test_another_key_is_refused_and_changes_nothing(device_root, second_bundle, form):
    before = snapshot(device_root)
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(IntegrityError, match="signature does not match this public key"):
        install(second_bundle.with_suffix(form), device_root, other)
    assert snapshot(device_root) == before


@pytest.mark.parametrize("cut", [0, 100, 600, 3000, -1024, -1])
def test_a_truncated_archive_is_refused_and_changes_nothing(device_root, second_bundle, cut):
    before = snapshot(device_root)
    archive = second_bundle.with_suffix(".tar")
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(IntegrityError):
        install(archive, device_root, PUBLIC)
    assert snapshot(device_root) == before


def test_a_changed_byte_in_the_archive_is_refused_and_changes_nothing(
    device_root, second_bundle
):
    before = snapshot(device_root)
    archive = second_bundle.with_suffix(".tar")
    raw = archive.read_bytes()
    archive.write_bytes(raw.replace(b"prompt.json of", b"prompt.json or", 1))
    with pytest.raises(IntegrityError, match=r"changed: prompt\.json"):
        install(archive, device_root, PUBLIC)
    assert snapshot(device_root) == before


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("python", ["3.99"], "made for python 3.99; this device has"),
        ("machine", ["riscv128"], "made for machine riscv128"),
        ("system", [], r"made for system \(not stated\)"),
        ("glibc", ["2.999"], r"needs glibc 2\.999 or newer; this device has"),
        ("glibc", ["2.17", "3"], "needs glibc 3 or newer"),
    ],
)
def test_a_bundle_for_another_device_is_refused(tmp_path, device_root, part, value, reason):
    before = snapshot(device_root)
    other = make(tmp_path / "other", 2, compat={**HERE, part: value})
    with pytest.raises(ConfigError, match=reason):
        install(other, device_root, PUBLIC)
    assert snapshot(device_root) == before


@pytest.mark.parametrize("value", [["2.5"], ["2.17", "2.4"], [], ["odd"], None, 7])
def test_an_older_c_library_or_none_that_is_said_is_no_reason(tmp_path, device_root, value):
    other = make(tmp_path / "other", 2, compat={**HERE, "glibc": value})
    assert install(other, device_root, PUBLIC).counter == 2


def test_a_device_without_glibc_is_told_so(tmp_path, device_root, monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    other = make(tmp_path / "other", 2, compat={**HERE, "glibc": ["2.17"]})
    with pytest.raises(ConfigError, match="this device has another C library"):
        install(other, device_root, PUBLIC)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": None}, "no usable name and counter"),
        ({"counter": "2"}, "no usable name and counter"),
        ({"counter": 0}, "no usable name and counter"),
        ({"compat": None}, "which devices"),
    ],
)
def test_a_signed_bundle_must_say_what_it_is(tmp_path, device_root, change, reason):
    before = snapshot(device_root)
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "file").write_text("x")
    seal(folder, {**facts(2), **change}, KEY)
    with pytest.raises(IntegrityError, match=reason):
        install(folder, device_root, PUBLIC)
    assert snapshot(device_root) == before


def entry(path):
    return FileEntry(
        path, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@pytest.mark.parametrize(
    ("paths", "kind", "reason"),
    [
        (["manifest.json"], "bundle", "lists itself"),
        (["MANIFEST.SIG"], "bundle", "lists itself"),
        (["a", "a/b"], "bundle", "a is both a file and a folder"),
        (["A", "a/b/c"], "bundle", "a is both a file and a folder"),
        (["a"], "gguf", "no bundle"),
    ],
)
def test_a_manifest_must_be_possible_as_a_folder(tmp_path, paths, kind, reason):
    manifest = Manifest(kind, tuple(map(entry, paths)), facts())
    raw = manifest.to_bytes()
    (tmp_path / MANIFEST).write_bytes(raw)
    (tmp_path / "manifest.sig").write_bytes(sign(raw, KEY))
    with pytest.raises(IntegrityError, match=reason):
        verify_bundle(tmp_path, PUBLIC)


def test_a_bundle_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the bundle"):
        verify_bundle(tmp_path / "none.tar", PUBLIC)
