"""What a person gets for a wrong input: one line that says it, and the right exit code."""

import os
import shutil
import subprocess
import sys

import pymupdf
import pytest

from small_line import QUICKSTART, make_workplace, sfta

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, tiny_base):
    make_workplace(tmp_path, tiny_base)
    return tmp_path


def refuses(done, code, *words):
    """One error line with these words, this exit code, and no traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def replace_document(folder, make):
    shutil.rmtree(folder / "documents")
    (folder / "documents").mkdir()
    make(folder / "documents/manual.pdf")


def test_a_missing_recipe(folder):
    refuses(sfta("run", "nothing.yaml", cwd=folder), 2, "there is no file nothing.yaml")


def test_a_missing_document(folder):
    done = sfta("run", "recipe.yaml", "--set", "ingest.sources=[nowhere.pdf]", cwd=folder)
    refuses(done, 2, "nowhere.pdf")


def test_an_encrypted_document(folder):
    def encrypted(path):
        document = pymupdf.open(QUICKSTART / "documents/controller-handbook.pdf")
        document.save(
            path, encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", user_pw="user"
        )

    replace_document(folder, encrypted)
    done = sfta("ingest", "recipe.yaml", cwd=folder)
    refuses(done, 2, "manual.pdf", "encrypted")


def test_a_document_without_text(folder):
    def drawn(path):
        document = pymupdf.open()
        document.new_page().draw_rect(pymupdf.Rect(50, 50, 200, 200))
        document.save(path)

    replace_document(folder, drawn)
    refuses(sfta("ingest", "recipe.yaml", cwd=folder), 2, "manual.pdf", "text")


def test_an_unknown_key_names_the_known_one(folder):
    done = sfta("run", "recipe.yaml", "--set", "train.epoch=3", cwd=folder)
    refuses(done, 2, "train.epoch: unknown key (did you mean epochs?)")


def test_a_base_model_that_the_converter_does_not_know(folder, tiny_base, tmp_path_factory):
    strange = tmp_path_factory.mktemp("strange") / "model"
    shutil.copytree(tiny_base, strange)
    config = (strange / "config.json").read_text("utf-8")
    changed = config.replace("LlamaForCausalLM", "UnheardOfForCausalLM")
    (strange / "config.json").write_text(changed, "utf-8")
    done = sfta("export", "recipe.yaml", "--set", f"model.base={strange}", cwd=folder)
    refuses(done, 2, "UnheardOfForCausalLM")
    assert not (folder / "runs").exists()


def test_a_base_model_that_is_not_there(folder):
    done = sfta("export", "recipe.yaml", "--set", "model.base=./no-such-model", cwd=folder)
    refuses(done, 2, "no-such-model")
    assert not (folder / "runs").exists()


def test_a_bundle_without_a_key(folder):
    environment = {k: v for k, v in os.environ.items() if k != "SFTA_SIGNING_KEY"}
    refuses(sfta("run", "recipe.yaml", cwd=folder, env=environment), 2, "key")
    assert not (folder / "runs").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A disk with room for nothing."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_no_artifact(folder, small_disk):
    done = sfta("ingest", "recipe.yaml", "--runs", small_disk / "runs", cwd=folder)
    refuses(done, 1, "No space left on device")
    assert list((small_disk / "runs").rglob("manifest.json")) == []


def test_a_damaged_artifact_is_named(folder):
    assert sfta("ingest", "recipe.yaml", cwd=folder).returncode == 0
    artifact = next((folder / "runs/ingest").iterdir())
    path = artifact / "documents.jsonl"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    refuses(sfta("inspect", artifact, cwd=folder), 4, "changed: documents.jsonl")


def test_the_command_runs_without_a_terminal_and_without_colours(folder):
    done = sfta("plan", "recipe.yaml", "--until", "chunk", cwd=folder)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


def test_help_is_quick_to_load():
    code = (
        "import sfta.cli.main, sys; print(sorted({'torch','transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
