"""Folders for other programs: what they hold, what they refuse, what they cost."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.prompt import PromptContract
from sfta_export import interchange, interchange_text
from sfta_export.interchange import (
    HeaderFacts,
    Licence,
    hand_over_folder,
    hand_over_gguf,
)
from sfta_export.turns import read_turns

MIT = Licence("mit", {"LICENSE": b"Permission is hereby granted", "README.md": b"not this"})


@pytest.fixture(scope="module")
def ollama(f16, contract, tmp_path_factory):
    out = tmp_path_factory.mktemp("handed") / "ollama"
    assert hand_over_gguf(f16, contract, out, "ollama", licence=MIT) == []
    return out


@pytest.fixture(scope="module")
def server(f16, contract, tmp_path_factory):
    out = tmp_path_factory.mktemp("handed") / "llama server"
    assert hand_over_gguf(f16, contract, out, "llama-server", licence=MIT, context=512) == []
    return out


@pytest.fixture(scope="module")
def folder(model_dir, contract, tmp_path_factory):
    out = tmp_path_factory.mktemp("handed") / "transformers"
    assert hand_over_folder(model_dir, contract, out, licence=MIT) == []
    return out


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def instructions(text):
    """A Modelfile as Ollama reads it: an instruction, and what it is given, quotes taken off."""
    found, lines = [], iter(text.splitlines())
    for line in lines:
        if not line or line.startswith("#"):
            continue
        name, _, value = line.partition(" ")
        if name == "PARAMETER":
            name, _, value = value.partition(" ")
        if value.startswith('"""'):
            while not (value.endswith('"""') and len(value) > 5):
                value += "\n" + next(lines)
            value = value[3:-3]
        found.append((name, value.strip('"') if name == "stop" else value))
    return found


def test_the_folders_hold_what_their_programs_read(ollama, server, folder):
    assert names(ollama) == [
        "LICENSE",
        "Modelfile",
        "README.md",
        "model-F16.gguf",
        "prompt.json",
    ]
    assert names(server) == [
        *("LICENSE", "README.md", "chat_template.jinja", "example.json"),
        *("model-F16.gguf", "prompt.json", "serve.sh"),
    ]
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(
        names(folder)
    )


def test_nothing_is_left_beside_a_finished_folder(ollama):
    assert names(ollama.parent) == ["ollama"]


def test_weights_are_a_second_name_and_not_a_second_copy(ollama, folder, f16, model_dir):
    assert (ollama / f16.name).samefile(f16)
    assert (folder / "model.safetensors").samefile(model_dir / "model.safetensors")


def test_what_is_small_is_a_copy_that_may_be_edited(folder, model_dir):
    assert not (folder / "config.json").samefile(model_dir / "config.json")


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_there_can_be_no_link_there_is_a_copy(
    f16, contract, tmp_path, monkeypatch, number
):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    hand_over_gguf(f16, contract, tmp_path / "out", "ollama")
    copy = tmp_path / "out" / f16.name
    assert not copy.samefile(f16)
    assert copy.read_bytes() == f16.read_bytes()


def test_a_full_disk_leaves_no_folder(f16, contract, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="No space"):
        hand_over_gguf(f16, contract, tmp_path / "out", "ollama")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_what_is_there_already_stays(f16, model_dir, contract, tmp_path, kind):
    out = tmp_path / "out"
    {"folder": out.mkdir, "file": out.touch, "broken link": lambda: out.symlink_to("gone")}[
        kind
    ]()
    for make in (
        lambda: hand_over_gguf(f16, contract, out, "ollama"),
        lambda: hand_over_folder(model_dir, contract, out),
    ):
        with pytest.raises(ConfigError, match="exists") as caught:
            make()
        assert caught.value.hint
    assert names(tmp_path) == ["out"]


def test_a_damaged_file_is_refused(f16, contract, tmp_path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(f16.read_bytes()[:-5000])
    with pytest.raises(IntegrityError):
        hand_over_gguf(bad, contract, tmp_path / "out", "ollama")
    assert names(tmp_path) == ["bad.gguf"]


def test_another_model_s_contract_is_refused(f16, contract, tmp_path):
    other = replace(contract, tail="<|end|>")
    with pytest.raises(IntegrityError, match="another chat template"):
        hand_over_gguf(f16, other, tmp_path / "out", "llama-server")


def test_the_modelfile_says_how_the_model_was_measured(ollama, contract):
    found = instructions((ollama / "Modelfile").read_text("utf-8"))
    said = dict(found)
    assert found[0] == ("FROM", "./model-F16.gguf")
    assert said["SYSTEM"] == contract.system
    assert (said["temperature"], said["repeat_penalty"], said["num_ctx"]) == ("0", "1", "1024")
    texts = [value for name, value in found if name == "LICENSE"]
    assert texts == ["Permission is hereby granted", "not this"]


def test_the_modelfile_stops_where_the_turn_and_the_text_end(ollama, contract, f16):
    stops = [
        v for n, v in instructions((ollama / "Modelfile").read_text("utf-8")) if n == "stop"
    ]
    assert stops[0] == contract.end.strip()
    assert set(stops[1:]) == set(HeaderFacts.read(f16).stops) - {contract.end.strip()}
    assert len(stops) == len(set(stops))


def test_without_a_text_the_modelfile_names_the_licence(contract):
    handed = interchange_text.Handed("m.gguf", contract, 64, "", "apache-2.0")
    text = interchange_text.modelfile(handed, "{{ .Prompt }}", [], [])
    assert instructions(text)[-1] == ("LICENSE", "apache-2.0")
    unknown = replace(handed, licence="")
    assert "LICENSE" not in interchange_text.modelfile(unknown, "{{ .Prompt }}", [], [])


@pytest.mark.parametrize(
    ("system", "told"),
    [('say """hello"""', '"""'), ("a\u00a0b", "xa0"), ("zero\u200bwidth", "u200b")],
)
def test_what_a_modelfile_would_lose_is_refused_before_it_is_written(contract, system, told):
    handed = interchange_text.Handed("m.gguf", replace(contract, system=system), 64, "", "")
    with pytest.raises(ConfigError, match="Modelfile cannot carry") as caught:
        interchange_text.modelfile(handed, "", [], [])
    assert told in str(caught.value)


def test_ollama_adds_the_begin_token_by_itself(f16, contract):
    template = HeaderFacts.read(f16).template
    begun = "{{ bos_token }}" + template
    facts = replace(HeaderFacts.read(f16), template=begun, adds_begin=True)
    own = replace(contract, head=f"{facts.tokens['bos_token']}{contract.head}")
    turns = read_turns(begun, own, facts.tokens)
    handed = interchange_text.Handed("m.gguf", own, 64, "", "")
    once = interchange._ollama_files(handed, facts, turns, Licence())["Modelfile"]
    asked = replace(facts, adds_begin=False)
    twice = interchange._ollama_files(handed, asked, turns, Licence())["Modelfile"]
    assert (
        f'System }}}}{{{{ "{facts.tokens["bos_token"]}{facts.tokens["bos_token"]}' not in once
    )
    assert twice.count(facts.tokens["bos_token"]) == once.count(facts.tokens["bos_token"]) + 2


def test_a_begin_token_that_was_not_trained_is_turned_off_and_said(f16, contract):
    facts = replace(HeaderFacts.read(f16), adds_begin=True, tokens={"bos_token": "<s>"})
    turns = read_turns(facts.template, contract, {})
    handed = interchange_text.Handed("m.gguf", contract, 64, "", "")
    files = interchange._server_files(handed, facts, turns, Licence())
    assert "--override-kv tokenizer.ggml.add_bos_token=bool:false" in files["serve.sh"]
    assert "Ollama cannot" in interchange._remarks(facts, contract)[0]


def test_the_start_script_passes_the_checker_of_shell_scripts(server):
    checker = Path(sys.executable).with_name("shellcheck")  # installed beside this Python
    done = subprocess.run(
        [str(checker), str(server / "serve.sh")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_start_script_starts_the_server_of_this_machine_only(server, tmp_path):
    program = tmp_path / "a program"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(server / "serve.sh"), "--port", "81"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "LLAMA_SERVER": str(program)},
    )
    given = done.stdout.splitlines()
    value = dict(pairwise(given))
    assert value["--host"] == "127.0.0.1"
    assert value["--model"] == str(server / "model-F16.gguf")
    assert value["--chat-template-file"] == str(server / "chat_template.jinja")
    assert value["--ctx-size"] == "512"
    assert {"--offline", "--no-ui", "--jinja"} <= set(given)
    assert not any(option in given for option in ("--tools", "--agent", "--ui-mcp-proxy"))
    assert given[-2:] == ["--port", "81"]


def test_the_example_is_worded_by_the_contract(server, contract):
    told, asked = json.loads((server / "example.json").read_text("utf-8"))["messages"]
    assert told == {"role": "system", "content": contract.system}
    assert asked["content"] == (
        "[1] Operating manual, page 12, Maintenance\n"
        "Change the oil after the first 500 operating hours.\n\n"
        "Question: When is the oil changed?"
    )


def test_every_readme_tells_the_wording_the_answer_and_the_limits(
    ollama, server, folder, contract
):
    for place in (ollama, server, folder):
        text = (place / "README.md").read_text("utf-8")
        assert contract.document.rstrip() in text
        assert contract.refusal in text
        assert "control\ntokens" in text
    assert "was not run with Ollama" in (ollama / "README.md").read_text("utf-8")
    assert "was not run with vLLM" in (folder / "README.md").read_text("utf-8")


def test_a_licence_file_never_replaces_a_file_of_the_folder(ollama):
    assert (ollama / "LICENSE").read_bytes() == b"Permission is hereby granted"
    assert (ollama / "README.md").read_bytes() != b"not this"


def test_the_contract_goes_along_unchanged(ollama, server, contract):
    for place in (ollama, server):
        assert PromptContract.read(place / "prompt.json") == contract
