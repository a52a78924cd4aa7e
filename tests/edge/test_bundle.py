"""Verifying and installing: attacks are refused and named, interruptions change nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.bundle import verify_bundle
from sfta_edge.cli.install import command as install_command
from sfta_edge.cli.verify import command as verify_command
from sfta_edge.errors import IntegrityError
from sfta_edge.installation import install
from sfta_edge.manifest import Manifest
from sfta_edge.signature import fingerprint, open_verified, public_pem
from sfta_edge.slots import STATE, active_slot, read_state, rollback
from signed_bundles import PUBLIC, _tamper, make, snapshot


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("form", ["", ".tar"])
def test_a_bundle_is_verified_and_installed(tmp_path, first_bundle, form):
    bundle = first_bundle.with_suffix(form)
    manifest = verify_bundle(bundle, PUBLIC)
    installed = install(bundle, tmp_path / "root", PUBLIC)
    assert (installed.name, installed.counter) == ("manuals", 1)
    assert installed.digest == manifest.digest
    assert installed.key == fingerprint(PUBLIC)
    slot = active_slot(tmp_path / "root")
    assert open_verified(slot, PUBLIC) == manifest
    assert names_in(tmp_path / "root") == [".lock", "keys", "slots", STATE]
    assert names_in(tmp_path / "root/slots") == ["a"]


def test_a_folder_and_its_archive_install_the_same_files(tmp_path, first_bundle):
    install(first_bundle, tmp_path / "x", PUBLIC)
    install(first_bundle.with_suffix(".tar"), tmp_path / "y", PUBLIC)
    assert snapshot(tmp_path / "x") == snapshot(tmp_path / "y")


def test_the_next_bundle_goes_to_the_other_slot_and_the_old_one_stays(
    device_root, second_bundle
):
    install(second_bundle.with_suffix(".tar"), device_root, PUBLIC)
    assert active_slot(device_root).name == "b"
    assert open_verified(device_root / "slots/a", PUBLIC).facts["counter"] == 1
    assert rollback(device_root).active == "a"


def test_the_third_bundle_replaces_the_oldest(tmp_path, device_root, second_bundle):
    install(second_bundle, device_root, PUBLIC)
    install(make(tmp_path / "third", 3), device_root, PUBLIC)
    counters = [open_verified(device_root / "slots" / s, PUBLIC).facts["counter"] for s in "ab"]
    assert counters == [3, 2]
    assert active_slot(device_root).name == "a"


def test_installing_the_active_bundle_again_changes_nothing(device_root, first_bundle):
    before = snapshot(device_root)
    install(first_bundle, device_root, PUBLIC)
    assert snapshot(device_root) == before


def test_installing_again_repairs_a_damaged_slot(device_root, first_bundle):
    (device_root / "slots/a/prompt.json").write_text("rotten")
    install(first_bundle, device_root, PUBLIC)
    assert open_verified(active_slot(device_root), PUBLIC).facts["counter"] == 1


def test_an_older_bundle_is_refused(tmp_path, device_root, first_bundle, second_bundle):
    install(second_bundle, device_root, PUBLIC)
    before = snapshot(device_root)
    with pytest.raises(IntegrityError, match="bundle 1 is older than 2") as caught:
        install(first_bundle, device_root, PUBLIC)
    assert "--allow-older" in caught.value.hint
    assert snapshot(device_root) == before


def test_an_older_bundle_can_be_installed_on_purpose(device_root, first_bundle, second_bundle):
    install(second_bundle, device_root, PUBLIC)
    install(first_bundle, device_root, PUBLIC, allow_older=True)
    assert open_verified(active_slot(device_root), PUBLIC).facts["counter"] == 1
    assert read_state(device_root).counters == {fingerprint(PUBLIC): 2}


def test_an_older_bundle_is_refused_though_the_state_was_deleted(
    device_root, first_bundle, second_bundle
):
    install(second_bundle, device_root, PUBLIC)
    (device_root / STATE).unlink()
    with pytest.raises(IntegrityError, match="bundle 1 is older than 2"):
        install(first_bundle, device_root, PUBLIC)


def test_an_older_bundle_is_refused_after_going_back(device_root, tmp_path, second_bundle):
    install(second_bundle, device_root, PUBLIC)
    install(make(tmp_path / "five", 5), device_root, PUBLIC)
    rollback(device_root)
    with pytest.raises(IntegrityError, match="bundle 4 is older than 5"):
        install(make(tmp_path / "four", 4), device_root, PUBLIC)


def test_two_bundles_cannot_have_one_counter(device_root, tmp_path):
    other = make(tmp_path / "other", 1, name="something else")
    with pytest.raises(IntegrityError, match="another bundle with the counter 1"):
        install(other, device_root, PUBLIC)


def test_a_new_key_starts_its_own_counter(device_root, tmp_path, second_bundle):
    """A leaked key may have signed counter 99: with the next key the device can go on."""
    install(make(tmp_path / "high", 99), device_root, PUBLIC)
    new = Ed25519PrivateKey.generate()
    install(make(tmp_path / "new", 1, key=new), device_root, new.public_key())
    assert open_verified(active_slot(device_root), new.public_key()).facts["counter"] == 1
    with pytest.raises(IntegrityError, match="older than 99"):
        install(second_bundle, device_root, PUBLIC)


@pytest.fixture(name="key_file")
def _key_file(tmp_path):
    path = tmp_path / "maker.pem"
    path.write_bytes(public_pem(PUBLIC))
    return path


def test_the_command_verifies(first_bundle, key_file):
    done = CliRunner().invoke(
        verify_command, [str(first_bundle), "--key", str(key_file), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert f'"digest": "{Manifest.read(first_bundle).digest}"' in done.output
    said = CliRunner().invoke(verify_command, [str(first_bundle), "--key", str(key_file)])
    assert "verified manuals 1: 4 files" in said.output
    assert "next: sfta-edge install" in said.output


def test_the_command_installs(tmp_path, first_bundle, key_file):
    root = tmp_path / "root"
    arguments = [str(first_bundle), "--key", str(key_file), "--root", str(root), "--no-test"]
    done = CliRunner().invoke(install_command, arguments)
    assert done.exit_code == 0, done.output
    assert f"installed manuals 1 in {root / 'slots/a'}" in done.output
    again = CliRunner().invoke(install_command, [*arguments, "--json"])
    assert '"counter": 1' in again.output


def test_the_command_takes_its_root_from_the_environment(tmp_path, first_bundle, key_file):
    done = CliRunner().invoke(
        install_command,
        [str(first_bundle), "--no-test", "--key", str(key_file)],
        env={"SFTA_ROOT": str(tmp_path / "elsewhere")},
    )
    assert done.exit_code == 0, done.output
    assert active_slot(tmp_path / "elsewhere").is_dir()


def test_a_refused_bundle_is_an_integrity_error_of_the_command(
    tmp_path, first_bundle, key_file
):
    _tamper(first_bundle)
    root = tmp_path / "root"
    arguments = [str(first_bundle), "--key", str(key_file), "--root", str(root)]
    done = CliRunner().invoke(install_command, arguments)
    assert isinstance(done.exception, IntegrityError)
    assert done.exception.exit_code == 4
    assert not Path(root / STATE).exists()
