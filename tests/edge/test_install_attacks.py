"""install.sh refuses every altered bundle before anything of it is made or run."""

import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from device_bundles import run
from sfta_edge.manifest import MANIFEST
from sfta_edge.signature import public_pem


def _change_a_model_byte(bundle):
    (bundle / "model/m.gguf").write_text("weights of bundle 3")


def _change_a_wheel(bundle):
    with next((bundle / "wheels").glob("sfta*")).open("ab") as stream:
        stream.write(b"!")


def _change_requirements(bundle):
    (bundle / "wheels/requirements.txt").write_text("evil\n")


def _change_the_script(bundle):
    with (bundle / "install.sh").open("a") as stream:
        stream.write("\n# harmless\n")


def _change_the_sums_too(bundle):
    _change_a_model_byte(bundle)
    lines = subprocess.run(
        ["sha256sum", "model/m.gguf"], cwd=bundle, check=True, capture_output=True, text=True
    ).stdout
    (bundle / "SHA256SUMS").write_text(lines)


def _empty_the_sums(bundle):
    (bundle / "SHA256SUMS").write_text("")


def _change_the_manifest(bundle):
    raw = (bundle / MANIFEST).read_bytes()
    (bundle / MANIFEST).write_bytes(raw.replace(b'"counter":2', b'"counter":3'))


def _add_a_file(bundle):
    (bundle / "wheels/extra.whl").write_text("x")


def _add_a_hidden_file(bundle):
    (bundle / ".hidden").write_text("x")


def _add_a_file_named_newline(bundle):
    (bundle / "\n").write_text("x")


def _add_a_file_named_like_two(bundle):
    (bundle / "model/m.gguf\nmodel").mkdir()
    (bundle / "model/m.gguf\nmodel/m.gguf").write_text("x")


def _remove_a_file(bundle):
    (bundle / "model/m.gguf").unlink()


def _remove_the_signature(bundle):
    (bundle / "manifest.sig").unlink()


def _empty_the_signature(bundle):
    (bundle / "manifest.sig").write_text("")


def _link_a_file(bundle):
    (bundle / "model/m.gguf").rename(bundle.parent / "m")
    (bundle / "model/m.gguf").symlink_to(bundle.parent / "m")


def _link_a_folder(bundle):
    (bundle / "model").rename(bundle.parent / "model")
    (bundle / "model").symlink_to(bundle.parent / "model")


def _link_the_manifest(bundle):
    (bundle / MANIFEST).rename(bundle.parent / MANIFEST)
    (bundle / MANIFEST).symlink_to(bundle.parent / MANIFEST)


def _put_a_pipe(bundle):
    os.mkfifo(bundle / "pipe")


ATTACKS = [
    (_change_a_model_byte, "model/m.gguf: FAILED"),
    (_change_a_wheel, "FAILED"),
    (_change_requirements, "wheels/requirements.txt: FAILED"),
    (_change_the_script, "install.sh: FAILED"),
    (_change_the_sums_too, "changed: SHA256SUMS"),
    (_empty_the_sums, "changed: SHA256SUMS"),
    (_change_the_manifest, "signature does not match"),
    (_add_a_file, "not listed: wheels/extra.whl"),
    (_add_a_hidden_file, "not listed: .hidden"),
    (_add_a_file_named_newline, "not listed"),
    (_add_a_file_named_like_two, "not listed"),
    (_remove_a_file, "missing: model/m.gguf"),
    (_remove_the_signature, "manifest.sig is missing"),
    (_empty_the_signature, "signature does not match"),
    (_link_a_file, "links and devices are not allowed"),
    (_link_a_folder, "links and devices are not allowed"),
    (_link_the_manifest, "manifest.json is missing"),
    (_put_a_pipe, "links and devices are not allowed: ./pipe"),
]


@pytest.mark.parametrize(("attack", "reason"), ATTACKS)
def test_an_altered_bundle_is_refused_before_anything_is_made(
    install_bundle, tmp_path, install_key, attack, reason
):
    attack(install_bundle)
    prefix = tmp_path / "prefix"
    done = run(
        install_bundle, "--key", install_key, "--prefix", prefix, "--python", sys.executable
    )
    assert done.returncode == 4, done.stderr
    assert reason in done.stderr
    assert not prefix.exists()


def test_another_key_is_refused(install_bundle, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(public_pem(Ed25519PrivateKey.generate().public_key()))
    done = run(install_bundle, "--key", other, "--prefix", tmp_path / "prefix")
    assert done.returncode == 4
    assert "signature does not match this public key" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_another_kind_of_key_is_refused(install_bundle, tmp_path):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    path = tmp_path / "ec.pem"
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    done = run(install_bundle, "--key", path, "--prefix", tmp_path / "prefix")
    assert done.returncode == 2
    assert "is not an Ed25519 public key" in done.stderr
