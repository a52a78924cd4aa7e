"""A merged model becomes a folder for onnxruntime-genai, always the same, or nothing at all."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from model_families import save_base
from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError
from sfta_export import onnx
from sfta_export.onnx import (
    EXACT,
    FAST,
    GRAPH,
    SCHEMES,
    SETTINGS,
    check_buildable,
    known_architectures,
    model_onnx,
    set_accuracy,
)

if any(find_spec(name) is None for name in onnx.PACKAGES):
    pytest.skip("needs the extra onnx", allow_module_level=True)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def int4(model_dir, tmp_path_factory):
    return model_onnx(model_dir, tmp_path_factory.mktemp("onnx") / "int4", "int4")


@pytest.fixture
def copy(model_dir, tmp_path):
    return shutil.copytree(model_dir, tmp_path / "elsewhere" / "copy")


@pytest.fixture
def graph(int4, tmp_path):
    """A folder to break."""
    return shutil.copytree(int4, tmp_path / "int4")


def test_a_folder_holds_what_the_runtime_loads(int4):
    assert {GRAPH, "model.onnx.data", SETTINGS, "tokenizer.json"} <= set(contents(int4))


def test_nothing_is_left_beside_a_finished_folder(int4):
    assert [path.name for path in int4.parent.iterdir()] == ["int4"]


def test_the_same_model_gives_the_same_bytes_wherever_it_lies(int4, copy, tmp_path):
    assert contents(model_onnx(copy, tmp_path / "again", "int4")) == contents(int4)


@pytest.mark.parametrize("scheme", ["fp16", "fp32"])
def test_wider_schemes_give_the_same_bytes_too(model_dir, copy, tmp_path, scheme):
    first = model_onnx(model_dir, tmp_path / "first", scheme)
    assert contents(first) == contents(model_onnx(copy, tmp_path / "again", scheme))


def test_other_weights_give_other_bytes(int4, build_model, tmp_path):
    other = build_model(tmp_path / "other", seed=5)
    found = contents(model_onnx(other, tmp_path / "out", "int4"))
    assert found["model.onnx.data"] != contents(int4)["model.onnx.data"]
    assert found["tokenizer.json"] == contents(int4)["tokenizer.json"]


def test_the_graph_names_no_folder_of_this_machine(int4, model_dir):
    text = (int4 / GRAPH).read_bytes() + (int4 / SETTINGS).read_bytes()
    for place in (model_dir, Path(sys.prefix), Path.home() / ".cache"):
        assert str(place).encode() not in text


def test_the_graph_does_not_carry_the_commit_of_the_tree_around_it(int4):
    import onnx as library

    made_by = library.load(str(int4 / GRAPH), load_external_data=False).producer_version
    here = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    assert made_by.startswith("0.")
    assert not here or here[:7] not in made_by


@pytest.mark.parametrize("scheme", ["fp16"])
def test_a_folder_made_for_a_gpu_names_no_provider(model_dir, tmp_path, scheme):
    out = model_onnx(model_dir, tmp_path / "out", scheme)
    options = json.loads((out / SETTINGS).read_text())["model"]["decoder"]["session_options"]
    assert options["provider_options"] == []


def levels(folder):
    import onnx as library

    nodes = library.load(str(folder / GRAPH), load_external_data=False).graph.node
    return {
        attribute.i
        for node in nodes
        for attribute in node.attribute
        if attribute.name == "accuracy_level"
    }


def test_an_accuracy_level_is_an_attribute_and_no_weight(graph):
    assert levels(graph) == {FAST}
    before = contents(graph)
    set_accuracy(graph, EXACT)
    assert levels(graph) == {EXACT}
    changed = {name for name, data in contents(graph).items() if data != before[name]}
    assert changed == {GRAPH}


def test_a_level_set_twice_is_the_same_bytes(graph):
    set_accuracy(graph, EXACT)
    once = contents(graph)
    set_accuracy(graph, FAST)
    set_accuracy(graph, EXACT)
    assert contents(graph) == once


def test_an_unknown_scheme_names_those_that_there_are(model_dir, tmp_path):
    with pytest.raises(ConfigError, match="int5") as caught:
        model_onnx(model_dir, tmp_path / "out", "int5")
    assert all(scheme in caught.value.hint for scheme in SCHEMES)


@pytest.mark.parametrize("package", onnx.PACKAGES)
def test_a_missing_package_is_named_with_the_line_for_pip(
    monkeypatch, model_dir, tmp_path, package
):
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == package else True)
    with pytest.raises(MissingDependencyError, match=package) as caught:
        model_onnx(model_dir, tmp_path / "out", "int4")
    assert caught.value.hint == "pip install 'sfta[onnx]'"
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_the_builder_knows_the_families_that_have_recipes():
    known = {"LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Phi3ForCausalLM"}
    assert known <= known_architectures()
    assert not {name for name in known_architectures() if not name[0].isupper()}


def test_a_good_folder_has_no_problem(model_dir):
    assert check_buildable(model_dir) == []


def test_an_unknown_architecture_is_told_without_running_the_builder(
    copy, edit_json, monkeypatch
):
    edit_json(copy / "config.json", architectures=["Strange"])
    monkeypatch.setattr(onnx, "run_logged", None)
    (problem,) = check_buildable(copy)
    assert problem == "the ONNX builder does not know the architecture Strange"
    with pytest.raises(ConfigError, match="Strange"):
        model_onnx(copy, copy.parent / "out", "int4")


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("config.json", {"architectures": None}, "names an architecture"),
        ("config.json", {"auto_map": {"AutoModel": "x.Y"}}, "code of its own"),
        ("config.json", {"quantization_config": {"bits": 4}}, "quantized already"),
    ],
)
def test_a_folder_that_cannot_be_built_says_why(copy, edit_json, file, changes, words):
    edit_json(copy / file, **changes)
    (problem,) = check_buildable(copy)
    assert words in problem


def test_code_beside_the_weights_is_never_run(copy):
    (copy / "modeling.py").write_text("raise SystemExit(9)", "utf-8")
    with pytest.raises(ConfigError, match="code of its own"):
        model_onnx(copy, copy.parent / "out", "int4")


def test_weights_are_needed_to_build_and_not_to_check(copy):
    (copy / "model.safetensors").unlink()
    assert check_buildable(copy) == []
    with pytest.raises(ConfigError, match="no safetensors"):
        model_onnx(copy, copy.parent / "out", "int4")


def test_settings_that_the_builder_refuses_are_told_before_weights_are_read(tmp_path):
    """Frequencies by kind of layer, as transformers 5 writes them, are new to the builder."""
    (problem,) = check_buildable(save_base("gemma3", tmp_path / "gemma"))
    assert problem.startswith("the ONNX builder refuses Gemma3ForCausalLM")
    assert "rope_type" in problem


def test_a_build_that_fails_keeps_its_log_and_leaves_no_folder(copy, tmp_path):
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ToolError, match="the ONNX builder failed") as caught:
        model_onnx(copy, tmp_path / "out", "int4")
    log = tmp_path / "out.build.log"
    assert str(log) in caught.value.hint
    assert "Traceback" in log.read_text()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".partial*"))


def test_what_a_program_died_of_stands_last_in_its_log(tmp_path, monkeypatch):
    """Even where it prints through a buffer, which is written when it ends."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    log = tmp_path / "log"
    assert not onnx.run_logged(["-c", "print('working'); raise ValueError('why')"], log)
    assert log.read_text().splitlines()[-1] == "ValueError: why"


def test_a_family_that_the_builder_names_and_cannot_build_is_refused(tmp_path):
    folder = save_base("smollm3", tmp_path / "smollm3")
    (problem,) = check_buildable(folder)
    assert "cannot build SmolLM3ForCausalLM" in problem


@pytest.mark.slow
def test_that_family_still_cannot_be_built(tmp_path, monkeypatch):
    """When this fails, the builder has learnt it: take the name out of `_NOT_BUILT`."""
    monkeypatch.setattr(onnx, "_NOT_BUILT", {})
    folder = save_base("smollm3", tmp_path / "smollm3")
    with pytest.raises(ToolError, match="position_ids"):
        model_onnx(folder, tmp_path / "out", "fp32")


def test_the_builder_is_given_no_network_and_no_repository(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    given = onnx.offline_environment()
    assert given["HF_HUB_OFFLINE"] == given["TRANSFORMERS_OFFLINE"] == "1"
    assert given["GIT_DIR"] == "/dev/null"
