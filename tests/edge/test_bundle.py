"""Verifying and installing: attacks are refused and named, interruptions change nothing."""

import platform
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge import bundle as bundles
from sfta_edge.archive import write_archive
from sfta_edge.bundle import install, verify_bundle
from sfta_edge.cli.install import command as install_command
from sfta_edge.cli.verify import command as verify_command
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import MANIFEST, FileEntry, Manifest
from sfta_edge.seal import seal
from sfta_edge.signature import fingerprint, open_verified, public_pem, sign
from sfta_edge.slots import STATE, active_slot, read_state, rollback

SECRET = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SECRET)
PUBLIC = KEY.public_key()
HERE = {
    "python": [f"{sys.version_info.major}.{sys.version_info.minor}"],
    "machine": [platform.machine()],
    "system": [platform.system().lower()],
}


def facts(counter=1, **changes):
    return {"name": "manuals", "counter": counter, "compat": HERE, **changes}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def make(folder, counter=1, *, key=KEY, **changes):
    """A small bundle as a folder, and as an archive beside it."""
    for name in ("model/m.gguf", "prompt.json", "knowledge/k.sqlite"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} of bundle {counter}\n" * 50)
    manifest = seal(folder, facts(counter, **changes), key)
    write_archive(folder, manifest, folder.with_suffix(".tar"))
    return folder


def snapshot(root):
    """All that an installation holds, but the lock."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if path.name != ".lock"
    }


@pytest.fixture(name="first")
def _first(tmp_path):
    return make(tmp_path / "first", 1)


@pytest.fixture(name="second")
def _second(tmp_path):
    return make(tmp_path / "second", 2)


@pytest.fixture(name="root")
def _root(tmp_path, first):
    root = tmp_path / "root"
    install(first, root, PUBLIC)
    return root


@pytest.mark.parametrize("form", ["", ".tar"])
def test_a_bundle_is_verified_and_installed(tmp_path, first, form):
    bundle = first.with_suffix(form)
    manifest = verify_bundle(bundle, PUBLIC)
    installed = install(bundle, tmp_path / "root", PUBLIC)
    assert (installed.name, installed.counter) == ("manuals", 1)
    assert installed.digest == manifest.digest
    assert installed.key == fingerprint(PUBLIC)
    slot = active_slot(tmp_path / "root")
    assert open_verified(slot, PUBLIC) == manifest
    assert names_in(tmp_path / "root") == [".lock", "keys", "slots", STATE]
    assert names_in(tmp_path / "root/slots") == ["a"]


def test_a_folder_and_its_archive_install_the_same_files(tmp_path, first):
    install(first, tmp_path / "x", PUBLIC)
    install(first.with_suffix(".tar"), tmp_path / "y", PUBLIC)
    assert snapshot(tmp_path / "x") == snapshot(tmp_path / "y")


def test_the_next_bundle_goes_to_the_other_slot_and_the_old_one_stays(root, second):
    install(second.with_suffix(".tar"), root, PUBLIC)
    assert active_slot(root).name == "b"
    assert open_verified(root / "slots/a", PUBLIC).facts["counter"] == 1
    assert rollback(root).active == "a"


def test_the_third_bundle_replaces_the_oldest(tmp_path, root, second):
    install(second, root, PUBLIC)
    install(make(tmp_path / "third", 3), root, PUBLIC)
    counters = [open_verified(root / "slots" / s, PUBLIC).facts["counter"] for s in "ab"]
    assert counters == [3, 2]
    assert active_slot(root).name == "a"


def test_installing_the_active_bundle_again_changes_nothing(root, first):
    before = snapshot(root)
    install(first, root, PUBLIC)
    assert snapshot(root) == before


def test_installing_again_repairs_a_damaged_slot(root, first):
    (root / "slots/a/prompt.json").write_text("rotten")
    install(first, root, PUBLIC)
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 1


def _tamper(bundle):
    (bundle / "model/m.gguf").write_text("evil")


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
def test_an_attack_on_the_folder_is_refused_and_changes_nothing(root, second, attack, reason):
    before = snapshot(root)
    attack(second)
    with pytest.raises(IntegrityError, match=reason):
        verify_bundle(second, PUBLIC)
    with pytest.raises(IntegrityError, match=reason):
        install(second, root, PUBLIC)
    assert snapshot(root) == before


@pytest.mark.parametrize("form", ["", ".tar"])
def test_another_key_is_refused_and_changes_nothing(root, second, form):
    before = snapshot(root)
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(IntegrityError, match="signature does not match this public key"):
        install(second.with_suffix(form), root, other)
    assert snapshot(root) == before


@pytest.mark.parametrize("cut", [0, 100, 600, 3000, -1024, -1])
def test_a_truncated_archive_is_refused_and_changes_nothing(root, second, cut):
    before = snapshot(root)
    archive = second.with_suffix(".tar")
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(IntegrityError):
        install(archive, root, PUBLIC)
    assert snapshot(root) == before


def test_a_changed_byte_in_the_archive_is_refused_and_changes_nothing(root, second):
    before = snapshot(root)
    archive = second.with_suffix(".tar")
    raw = archive.read_bytes()
    archive.write_bytes(raw.replace(b"prompt.json of", b"prompt.json or", 1))
    with pytest.raises(IntegrityError, match=r"changed: prompt\.json"):
        install(archive, root, PUBLIC)
    assert snapshot(root) == before


def test_an_older_bundle_is_refused(tmp_path, root, first, second):
    install(second, root, PUBLIC)
    before = snapshot(root)
    with pytest.raises(IntegrityError, match="bundle 1 is older than 2") as caught:
        install(first, root, PUBLIC)
    assert "--allow-older" in caught.value.hint
    assert snapshot(root) == before


def test_an_older_bundle_can_be_installed_on_purpose(root, first, second):
    install(second, root, PUBLIC)
    install(first, root, PUBLIC, allow_older=True)
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 1
    assert read_state(root).counters == {fingerprint(PUBLIC): 2}


def test_an_older_bundle_is_refused_though_the_state_was_deleted(root, first, second):
    install(second, root, PUBLIC)
    (root / STATE).unlink()
    with pytest.raises(IntegrityError, match="bundle 1 is older than 2"):
        install(first, root, PUBLIC)


def test_an_older_bundle_is_refused_after_going_back(root, tmp_path, second):
    install(second, root, PUBLIC)
    install(make(tmp_path / "five", 5), root, PUBLIC)
    rollback(root)
    with pytest.raises(IntegrityError, match="bundle 4 is older than 5"):
        install(make(tmp_path / "four", 4), root, PUBLIC)


def test_two_bundles_cannot_have_one_counter(root, tmp_path):
    other = make(tmp_path / "other", 1, name="something else")
    with pytest.raises(IntegrityError, match="another bundle with the counter 1"):
        install(other, root, PUBLIC)


def test_a_new_key_starts_its_own_counter(root, tmp_path, second):
    """A leaked key may have signed counter 99: with the next key the device can go on."""
    install(make(tmp_path / "high", 99), root, PUBLIC)
    new = Ed25519PrivateKey.generate()
    install(make(tmp_path / "new", 1, key=new), root, new.public_key())
    assert open_verified(active_slot(root), new.public_key()).facts["counter"] == 1
    with pytest.raises(IntegrityError, match="older than 99"):
        install(second, root, PUBLIC)


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("python", ["3.99"], "made for python 3.99; this device has"),
        ("machine", ["riscv128"], "made for machine riscv128"),
        ("system", [], r"made for system \(not stated\)"),
    ],
)
def test_a_bundle_for_another_device_is_refused(tmp_path, root, part, value, reason):
    before = snapshot(root)
    other = make(tmp_path / "other", 2, compat={**HERE, part: value})
    with pytest.raises(ConfigError, match=reason):
        install(other, root, PUBLIC)
    assert snapshot(root) == before


def test_a_full_disk_is_noticed_before_anything_is_written(root, second, monkeypatch):
    before = snapshot(root)
    usage = shutil.disk_usage(root)._replace(free=1 << 20)
    monkeypatch.setattr(bundles.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match="1 MiB free; 64 MiB are needed"):
        install(second, root, PUBLIC)
    assert snapshot(root) == before


def test_a_disk_that_fills_up_meanwhile_changes_nothing(root, second, monkeypatch):
    before = snapshot(root)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sfta_edge.archive.os.write", full)
    with pytest.raises(SftaError, match="No space left on device"):
        install(second, root, PUBLIC)
    monkeypatch.undo()
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": None}, "no usable name and counter"),
        ({"counter": "2"}, "no usable name and counter"),
        ({"counter": 0}, "no usable name and counter"),
        ({"compat": None}, "which devices"),
    ],
)
def test_a_signed_bundle_must_say_what_it_is(tmp_path, root, change, reason):
    before = snapshot(root)
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "file").write_text("x")
    seal(folder, {**facts(2), **change}, KEY)
    with pytest.raises(IntegrityError, match=reason):
        install(folder, root, PUBLIC)
    assert snapshot(root) == before


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


KILL = """
    import os, signal, sys
    from pathlib import Path
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sfta_edge.bundle import install
    bundle, root, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
    seen = 0
    def step(event, arguments):
        global seen
        if event in STEPS and str(root) in str(arguments):
            seen += 1
            if seen == after:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(step)
    install(bundle, root, key)
    print(seen)
"""


def killed_after(bundle, root, step):
    """Install in a process that dies at its n-th change of the file system."""
    command = [sys.executable, "-c", textwrap.dedent(KILL), str(bundle), str(root), str(step)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(name="twice", scope="module")
def _twice(tmp_path_factory):
    """Bundles 1 and 2 are installed, 2 is active; 3 waits in a folder."""
    folder = tmp_path_factory.mktemp("kill")
    root = folder / "root"
    for counter in (1, 2):
        install(make(folder / str(counter), counter), root, PUBLIC)
    return root, make(folder / "3", 3)


def steps_of_an_installation(twice, tmp_path):
    root, third = twice
    copy = shutil.copytree(root, tmp_path / "count")
    done = killed_after(third.with_suffix(".tar"), copy, 10**9)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_killed_at_any_point_one_whole_bundle_answers(twice, tmp_path):
    root, third = twice
    total = steps_of_an_installation(twice, tmp_path)
    assert total > 15  # else the sweep below would prove little
    seen = set()
    for step in range(1, total + 1, max(1, total // 16)):
        copy = shutil.copytree(root, tmp_path / str(step))
        done = killed_after(third.with_suffix(".tar"), copy, step)
        assert done.returncode == -signal.SIGKILL, done.stderr
        counter = open_verified(active_slot(copy), PUBLIC).facts["counter"]
        assert counter == read_state(copy).current.counter
        seen.add(counter)
        for name, what in read_state(copy).slots.items():
            assert open_verified(copy / "slots" / name, PUBLIC).facts["counter"] == what.counter
        install(third, copy, PUBLIC)
        assert open_verified(active_slot(copy), PUBLIC).facts["counter"] == 3
        assert not (copy / "slots/.incoming").exists()
    assert 2 in seen


@pytest.fixture(name="key_file")
def _key_file(tmp_path):
    path = tmp_path / "maker.pem"
    path.write_bytes(public_pem(PUBLIC))
    return path


def test_the_command_verifies(first, key_file):
    done = CliRunner().invoke(verify_command, [str(first), "--key", str(key_file), "--json"])
    assert done.exit_code == 0, done.output
    assert f'"digest": "{Manifest.read(first).digest}"' in done.output
    said = CliRunner().invoke(verify_command, [str(first), "--key", str(key_file)])
    assert "verified manuals 1: 4 files" in said.output
    assert "next: sfta-edge install" in said.output


def test_the_command_installs(tmp_path, first, key_file):
    root = tmp_path / "root"
    arguments = [str(first), "--key", str(key_file), "--root", str(root)]
    done = CliRunner().invoke(install_command, arguments)
    assert done.exit_code == 0, done.output
    assert f"installed manuals 1 in {root / 'slots/a'}" in done.output
    again = CliRunner().invoke(install_command, [*arguments, "--json"])
    assert '"counter": 1' in again.output


def test_the_command_takes_its_root_from_the_environment(tmp_path, first, key_file):
    done = CliRunner().invoke(
        install_command,
        [str(first), "--key", str(key_file)],
        env={"SFTA_ROOT": str(tmp_path / "elsewhere")},
    )
    assert done.exit_code == 0, done.output
    assert active_slot(tmp_path / "elsewhere").is_dir()


def test_a_refused_bundle_is_an_integrity_error_of_the_command(tmp_path, first, key_file):
    _tamper(first)
    root = tmp_path / "root"
    arguments = [str(first), "--key", str(key_file), "--root", str(root)]
    done = CliRunner().invoke(install_command, arguments)
    assert isinstance(done.exception, IntegrityError)
    assert done.exception.exit_code == 4
    assert not Path(root / STATE).exists()
