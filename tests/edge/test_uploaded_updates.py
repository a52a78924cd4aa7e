"""What is taken of an upload, and what is refused as early as it can be."""

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.archive import write_archive
from sfta_edge.installation import install
from sfta_edge.library.refusals import DiskLowError
from sfta_edge.seal import seal
from sfta_edge.slots import read_state
from sfta_edge.trust import TrustRoot, adopt, make_trust, raw_key
from sfta_edge.updates.arrived import announced
from sfta_edge.updates.receiving import Receiving, Slice
from sfta_edge.updates.refusals import UnusableUpdateError
from signed_bundles import KEY, PUBLIC, facts, make
from uploaded_updates import LIMITS, opened, outcome, receive


def test_a_slice_that_was_cut_off_leaves_no_trace(device_root, second_bundle):
    updates = opened(device_root)
    content = second_bundle.with_suffix(".tar").read_bytes()
    whole = Slice("m.tar", len(content), 0, len(content))
    with pytest.raises(UnusableUpdateError, match=r"bytes of m\.tar are missing"):
        updates.receive(whole, io.BytesIO(content[:-1]), "ada")
    assert updates.status()["files"][0]["received"] == 0
    receive(updates, second_bundle)
    assert outcome(updates)["state"] == "done"


def test_what_a_power_cut_has_left_is_removed_at_the_next_start(device_root, second_bundle):
    receive(opened(device_root), second_bundle, 3000)
    assert list((device_root / "data/cache/updates").iterdir())
    assert opened(device_root).status()["files"] == []
    assert not (device_root / "data/cache/updates").exists()


def test_a_link_in_the_way_is_not_written_through(device_root, tmp_path):
    receiving = Receiving(tmp_path / "in", LIMITS)
    receiving.free_bytes()
    (tmp_path / "in/update.tar").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        receiving.take(Slice("m.tar", 1, 0, 1), io.BytesIO(b"x"), print)
    assert not (tmp_path / "victim").exists()


def test_a_forged_bundle_is_refused_as_soon_as_its_manifest_is_there(device_root, tmp_path):
    told = []
    updates = opened(device_root, on_event=lambda kind, _facts: told.append(kind))
    strange = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(UnusableUpdateError, match="no key that this device trusts"):
        receive(updates, make(tmp_path / "forged", 2, key=strange), 4096)
    assert (updates.status()["files"], told) == ([], ["update_refused"])


@pytest.mark.parametrize(
    ("counter", "changes", "words"),
    [
        (1, {"note": "other"}, "another bundle with the counter 1"),
        (2, {"compat": {"python": ["2.7"]}}, "this device has"),
    ],
)
def test_what_is_not_for_this_device_is_refused_before_the_rest_is_sent(
    device_root, tmp_path, counter, changes, words
):
    updates = opened(device_root)
    with pytest.raises(UnusableUpdateError, match=words):
        receive(updates, make(tmp_path / "x", counter, **changes), 4096)


def test_a_bundle_that_has_no_room_beside_its_upload_is_refused_early(
    device_root, second_bundle, monkeypatch
):
    size = second_bundle.with_suffix(".tar").stat().st_size
    real = Receiving.free_bytes
    monkeypatch.setattr(Receiving, "free_bytes", lambda itself: min(real(itself), size))
    updates = opened(device_root)
    with pytest.raises(DiskLowError, match="beside its upload"):
        receive(updates, second_bundle, 4096)
    assert updates.status()["files"] == []


def with_program(folder, counter, program):
    make(folder, counter)
    for name in ("manifest.json", "manifest.sig", "SHA256SUMS"):
        (folder / name).unlink(missing_ok=True)
    (folder / "wheels").mkdir()
    (folder / "wheels/sfta_edge-1-py3-none-any.whl").write_bytes(program)
    manifest = seal(folder, facts(counter), KEY)
    write_archive(folder, manifest, folder.with_suffix(".tar"))
    return folder


@pytest.fixture(name="programmed")
def _programmed(tmp_path):
    """A device whose program came with its bundle."""
    root = tmp_path / "programmed"
    install(with_program(tmp_path / "p1", 1, b"one"), root, PUBLIC, environment="abcd")
    return root


def test_a_bundle_with_the_same_program_goes_on_with_it(programmed, tmp_path):
    updates = opened(programmed)
    receive(updates, with_program(tmp_path / "p2", 2, b"one"))
    assert outcome(updates)["state"] == "done"
    assert read_state(programmed).current.environment == "abcd"
    assert b'"launch":"abcd"' in read_state(programmed).to_bytes()


def test_a_bundle_without_a_program_goes_on_with_the_one_that_is_there(
    programmed, second_bundle
):
    updates = opened(programmed)
    receive(updates, second_bundle)
    assert outcome(updates)["state"] == "done"
    assert read_state(programmed).current.environment == "abcd"


def test_a_bundle_with_another_program_is_for_the_installer(programmed, tmp_path):
    updates = opened(programmed)
    with pytest.raises(UnusableUpdateError, match="another program") as refused:
        receive(updates, with_program(tmp_path / "p2", 2, b"two"))
    assert "install.sh" in refused.value.hint


def test_a_key_of_the_trust_file_counts_and_a_revoked_one_does_not(
    device_root, tmp_path, second_bundle
):
    safe, new = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (7, 8))
    trust: TrustRoot = make_trust(
        version=1, threshold=1, root_keys=(raw_key(safe.public_key()),),
        signing_keys={raw_key(new.public_key()): "release"},
        revoked=(read_state(device_root).current.key,),
    )  # fmt: skip
    adopt(device_root, trust.signed_by(safe))
    updates = opened(device_root)
    with pytest.raises(UnusableUpdateError, match="was revoked"):
        receive(updates, second_bundle)
    receive(updates, make(tmp_path / "new", 2, key=new))
    assert outcome(updates)["state"] == "done"


def test_names_of_archives_are_taken_apart():
    part, whole = announced("manuals 4 (new).tar.012", 1), announced("m.tar", 1)
    assert (part.stem, part.number, part.is_first) == ("manuals 4 (new).tar", "012", False)
    assert (whole.number, whole.is_first, whole.whole) == ("", True, False)
