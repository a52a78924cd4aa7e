"""A model folder becomes GGUF by its content alone; what cannot is said before work starts."""

import json
import shutil

import pytest

from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError
from sfta_export import converter, toolchain
from sfta_export.converter import (
    check_convertible,
    convert,
    known_architectures,
    run_converter,
)

pytestmark = pytest.mark.tools


@pytest.fixture
def copy(model_dir, tmp_path):
    return shutil.copytree(model_dir, tmp_path / "copy")


@pytest.fixture
def runs(monkeypatch):
    """Counts how often the converter is started."""
    started = []
    run = converter.subprocess.run

    def counting(command, **options):
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(converter.subprocess, "run", counting)
    return started


def test_the_bytes_do_not_depend_on_where_the_folder_is(f16, copy, cache, tmp_path):
    out = convert(copy, tmp_path / "deep" / "other-name.gguf", cache=cache)
    assert out.read_bytes() == f16.read_bytes()
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_good_folder_is_convertible_and_is_asked_once(model_dir, copy, cache, runs):
    assert check_convertible(model_dir, cache) == []
    asked = len(runs)
    assert check_convertible(copy, cache) == []
    assert len(runs) == asked <= 1


def test_weights_are_not_needed_to_tell(copy, cache):
    (copy / "model.safetensors").unlink()
    assert check_convertible(copy, cache) == []


def test_an_unknown_architecture_is_said_without_running_anything(copy, cache, edit_json, runs):
    edit_json(copy / "config.json", architectures=["NeverHeardOfForCausalLM"])
    (problem,) = check_convertible(copy, cache)
    assert "NeverHeardOfForCausalLM" in problem
    assert runs == []


def test_an_unknown_pre_tokenizer_is_said_and_not_remembered(copy, cache, runs):
    """The vocabulary is the same; words are cut in another way than any known model does."""
    path = copy / "tokenizer.json"
    data = json.loads(path.read_text("utf-8"))
    data["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Punctuation", "behavior": "MergedWithNext"},
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        ],
    }
    path.write_text(json.dumps(data), "utf-8")
    (problem,) = check_convertible(copy, cache)
    assert "pre-tokenizer was not recognized" in problem
    with pytest.raises(ToolError, match="pre-tokenizer was not recognized") as caught:
        convert(copy, copy / "model.gguf", cache=cache)
    assert str(copy / "model.convert.log") in caught.value.hint
    assert not (copy / "model.gguf").exists()
    assert len(runs) == 2


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_folder_that_names_code_is_refused_before_the_converter_could_run_it(
    copy, cache, edit_json, runs, name
):
    edit_json(copy / name, auto_map={"AutoModel": "evil.Model", "AutoTokenizer": "evil.T"})
    with pytest.raises(ConfigError, match="code of its own"):
        convert(copy, copy / "x.gguf", cache=cache)
    assert "code of its own" in check_convertible(copy, cache)[0]
    assert runs == []


def test_a_folder_with_a_python_file_is_refused(copy, cache, runs):
    (copy / "tokenization_evil.py").write_text("raise SystemExit")
    with pytest.raises(ConfigError, match="code of its own"):
        convert(copy, copy / "x.gguf", cache=cache)
    assert runs == []


def test_pickled_weights_are_not_read(copy, cache, runs):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="no safetensors"):
        convert(copy, copy / "x.gguf", cache=cache)
    assert runs == []


def test_a_quantized_folder_is_refused(copy, cache, edit_json):
    edit_json(copy / "config.json", quantization_config={"quant_method": "awq"})
    assert "quantized already" in check_convertible(copy, cache)[0]


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"'])
def test_an_unreadable_config_is_a_problem_and_no_crash(copy, cache, text):
    (copy / "config.json").write_text(text)
    (problem,) = check_convertible(copy, cache)
    assert "no readable config.json" in problem


def test_a_config_without_an_architecture_is_a_problem(copy, cache, edit_json):
    edit_json(copy / "config.json", architectures=None)
    (problem,) = check_convertible(copy, cache)
    assert "names no architecture" in problem


def test_an_unknown_number_format_is_refused_with_the_known_ones(model_dir, cache, tmp_path):
    with pytest.raises(ConfigError, match="f12") as caught:
        convert(model_dir, tmp_path / "x.gguf", dtype="f12", cache=cache)
    assert "bf16" in caught.value.hint


def test_without_tools_the_way_to_get_them_is_named(model_dir, tmp_path):
    with pytest.raises(MissingDependencyError) as caught:
        convert(model_dir, tmp_path / "x.gguf", cache=tmp_path)
    assert "make tools" in caught.value.hint


def test_the_families_that_recipes_name_are_known_to_the_pinned_converter(tools):
    known = known_architectures(tools.converter)
    assert known >= {
        "LlamaForCausalLM",
        "SmolLM3ForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "Phi3ForCausalLM",
        "Gemma3ForCausalLM",
        "BertModel",
    }


def test_another_tree_is_not_taken_for_the_converter(tmp_path):
    (tmp_path / "conversion").mkdir()
    (tmp_path / "conversion" / "__init__.py").write_text("x = 1\n")
    with pytest.raises(ToolError, match="not the converter"):
        known_architectures(tmp_path)


def test_the_converter_brings_its_own_library_and_no_network(cache, model_dir, monkeypatch):
    seen = {}

    def watching(command, **options):
        seen.update(options["env"])
        raise KeyboardInterrupt

    monkeypatch.setattr(converter.subprocess, "run", watching)
    with pytest.raises(KeyboardInterrupt):
        convert(model_dir, cache / "x.gguf", cache=cache)
    tree = toolchain.converter(cache)
    assert seen["PYTHONPATH"].split(":")[0] == str(tree / "gguf-py")
    assert seen["HF_HUB_OFFLINE"] == seen["TRANSFORMERS_OFFLINE"] == "1"


def test_a_full_disk_is_named(tools, tmp_path):
    """What Python says when it cannot write, as the converter's log has it."""
    script = tmp_path / "script.py"
    script.write_text(
        "import errno, os\nraise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
    )
    with pytest.raises(ToolError, match=r"no space is left for .* of model") as caught:
        run_converter(
            script, ["/x/model"], cache=toolchain.DEFAULT_CACHE, log_file=tmp_path / "log"
        )
    assert "Free some space" in caught.value.hint
