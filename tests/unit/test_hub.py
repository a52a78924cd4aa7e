"""A model is found by folder, package or hub name, and identified by what it holds."""

import shutil
import sys
from pathlib import Path

import pytest

from packaged_base import SMOL
from sfta.adapters import hub
from sfta_edge.errors import ConfigError, IntegrityError, ToolError


@pytest.fixture
def folder(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    return model


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with a model folder, whose code must not run."""
    root = tmp_path / "site" / "sfta_demo_package"
    (root / "model").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('the code of a data package ran')")
    (root / "model" / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(str(root.parent))
    return root


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A hub that is not there, and nothing kept of it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def keep_in_hub_cache(cache, name, commit):
    """A hub model as an earlier download leaves it."""
    root = cache / f"models--{name.replace('/', '--')}"
    (root / "snapshots" / commit).mkdir(parents=True)
    (root / "snapshots" / commit / "config.json").write_text("{}")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    return root / "snapshots" / commit


def test_a_folder_is_used_where_it_is(folder, tmp_path):
    assert hub.resolve_model(str(folder), tmp_path / "cache") == folder
    assert not (tmp_path / "cache").exists()


def test_a_folder_without_a_config_is_no_model(tmp_path):
    with pytest.raises(ConfigError, match=r"no config\.json"):
        hub.resolve_model(str(tmp_path), tmp_path)


@pytest.mark.parametrize(
    "spec", ["./absent", "/absent/model", "~/absent", "absent", "a/b/c", ""]
)
def test_a_name_that_is_neither_folder_nor_hub_name_is_refused(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no model|no config"):
        hub.resolve_model(spec, tmp_path)


def test_a_folder_in_a_package_is_found_without_running_the_package(package, tmp_path):
    found = hub.resolve_model("package://sfta_demo_package/model", tmp_path)
    assert found == package / "model"
    assert "sfta_demo_package" not in sys.modules


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("package://no_such_package_here/model", "not installed"),
        ("package://sfta_demo_package/absent", "holds no absent"),
        ("package://sfta_demo_package", "cannot read"),
        ("package://sfta_demo_package/", "cannot read"),
        ("package://sfta_demo_package/../../etc", "cannot read"),
        ("package://not-a-name/model", "cannot read"),
        ("package://os.path/model", "cannot read"),
    ],
)
def test_a_package_name_that_leads_nowhere_is_refused(package, tmp_path, spec, message):
    with pytest.raises(ConfigError, match=message):
        hub.resolve_model(spec, tmp_path)


def test_the_identity_of_a_folder_is_its_content(folder, tmp_path):
    before = hub.model_identity(str(folder))
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert hub.model_identity(str(copy)) == before
    (copy / "model.safetensors").write_bytes(b"others!")
    assert hub.model_identity(str(copy)) != before


def test_a_hub_model_is_identified_by_its_commit(offline):
    commit = "a" * 40
    keep_in_hub_cache(offline, "owner/name", commit)
    assert hub.model_identity("owner/name") == f"owner/name@{commit}"


def test_a_pinned_commit_needs_no_hub(offline):
    commit = "0123456789" * 4
    assert hub.model_identity(f"owner/name@{commit}") == f"owner/name@{commit}"


def test_what_is_on_the_machine_is_used_without_a_hub(offline, tmp_path):
    kept = keep_in_hub_cache(offline, "owner/name", "b" * 40)
    assert hub.resolve_model("owner/name", tmp_path) == kept
    assert hub.resolve_settings("owner/name", tmp_path) == kept


@pytest.mark.parametrize("ask", [hub.model_identity, lambda s: hub.resolve_model(s, Path())])
def test_a_hub_that_cannot_be_reached_is_a_tool_error_with_a_way_out(offline, ask):
    with pytest.raises(ToolError, match=r"cannot get owner/absent@main") as caught:
        ask("owner/absent")
    assert "local folder" in caught.value.hint


def test_a_folder_without_a_tokenizer_is_refused(folder):
    with pytest.raises(ConfigError, match="no usable tokenizer") as caught:
        hub.load_tokenizer(folder)
    assert caught.value.hint


def test_a_gguf_file_is_identified_by_its_content(packaged, tmp_path):
    assert hub.model_identity(SMOL) == hub.model_identity(str(packaged))
    small = tmp_path / "other.gguf"
    small.write_bytes(b"GGUF")
    assert hub.model_identity(str(small)) != hub.model_identity(SMOL)


def test_a_failed_dequantization_leaves_no_folder(tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    with pytest.raises(IntegrityError, match="not a readable GGUF"):
        hub.resolve_model(str(tmp_path / "bad.gguf"), tmp_path / "cache")
    assert list((tmp_path / "cache" / "models").iterdir()) == []
