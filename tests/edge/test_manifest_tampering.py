"""Every change to the files of a manifest is refused and named."""

import os

import pytest

from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    payload,
    verify_files,
)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "bundle"
    for name, content in {"model.gguf": b"weights", "docs/index.db": b"vectors"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def change_a_byte(root):
    (root / "model.gguf").write_bytes(b"weightz")


def cut_the_end(root):
    (root / "model.gguf").write_bytes(b"weight")


def swap_two_files(root):
    a, b = root / "model.gguf", root / "docs/index.db"
    (root / "swap").write_bytes(a.read_bytes())
    a.write_bytes(b.read_bytes())
    (root / "swap").replace(b)


def add_a_file(root):
    (root / "run.sh").write_text("rm -rf /")


def add_a_hidden_file(root):
    (root / "docs/.profile").write_text("rm -rf /")


def hide_behind_the_manifest_s_name(root):
    (root / "docs" / MANIFEST).write_text("{}")


def remove_a_file(root):
    (root / "model.gguf").unlink()


def rename_a_file(root):
    (root / "model.gguf").rename(root / "Model.gguf")


def link_outside(root):
    (root / "passwd").symlink_to("/etc/passwd")


def replace_by_a_link_to_the_same_bytes(root):
    (root / "model.gguf").rename(root.parent / "elsewhere")
    (root / "model.gguf").symlink_to(root.parent / "elsewhere")


def link_a_folder(root):
    (root / "more").symlink_to(root / "docs")


def put_a_pipe(root):
    os.mkfifo(root / "pipe")


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (change_a_byte, "^changed: model.gguf$"),
        (cut_the_end, "^changed: model.gguf$"),
        (swap_two_files, "^changed: docs/index.db; changed: model.gguf$"),
        (add_a_file, "^not listed: run.sh$"),
        (add_a_hidden_file, r"^not listed: docs/\.profile$"),
        (hide_behind_the_manifest_s_name, "^not listed: docs/manifest.json$"),
        (remove_a_file, "^missing: model.gguf$"),
        (rename_a_file, "^missing: model.gguf; not listed: Model.gguf$"),
        (link_outside, "symbolic links are not allowed: passwd"),
        (replace_by_a_link_to_the_same_bytes, "symbolic links are not allowed: model.gguf"),
        (link_a_folder, "symbolic links are not allowed: more"),
        (put_a_pipe, "not a regular file: pipe"),
    ],
)
def test_tampering_is_named(folder, attack, reason):
    manifest = Manifest.of(folder, "bundle", {})
    verify_files(folder, manifest)  # the untouched folder is fine
    attack(folder)
    with pytest.raises(IntegrityError, match=reason):
        verify_files(folder, manifest)


def test_manifest_and_signature_are_not_part_of_what_they_list(folder):
    manifest = Manifest.of(folder, "bundle", {})
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    (folder / SIGNATURE).write_bytes(b"signature")
    verify_files(folder, Manifest.read(folder))
    assert [p.name for p in payload(folder)] == ["index.db", "model.gguf"]
