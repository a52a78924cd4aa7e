"""The folder for transformers and vLLM: it loads without code, and every end of a turn is named."""

import json
import shutil
from dataclasses import replace

import pytest

from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_export.interchange import hand_over_folder


@pytest.fixture(scope="module")
def folder(model_dir, contract, tmp_path_factory):
    out = tmp_path_factory.mktemp("handed") / "transformers"
    assert hand_over_folder(model_dir, contract, out) == []
    return out


def test_transformers_loads_the_folder_and_writes_what_the_engine_writes(folder, f16):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = tokenizer("The pump weighs", return_tensors="pt")
    ids = asked["input_ids"][0].tolist()
    written = model.generate(**asked, max_new_tokens=6)[0].tolist()[len(ids) :]
    with Engine(f16, context_tokens=64, threads=1) as engine:
        assert engine.tokenize("The pump weighs") == ids
        ours = list(engine.generate([ids], max_tokens=6).token_ids)
    assert written[: len(ours)] == ours


def test_the_template_is_the_model_s_own(folder, model_dir, contract):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = [{"role": "system", "content": "A"}, {"role": "user", "content": "B"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == f"{contract.head}A{contract.between}B{contract.tail}"
    own = (model_dir / "chat_template.jinja").read_bytes()
    assert (folder / "chat_template.jinja").read_bytes() == own


def test_every_end_of_a_turn_is_named_once_and_first(model_dir, contract, edit_json, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_dir, copy)
    for number, (before, after) in enumerate([(0, [2, 0]), ([0, 2], [2, 0]), (None, [2])]):
        edit_json(copy / "generation_config.json", eos_token_id=before)
        out = tmp_path / f"out{number}"
        hand_over_folder(copy, contract, out)
        assert json.loads((out / "generation_config.json").read_text())["eos_token_id"] == after


def test_an_end_that_is_no_token_is_said(model_dir, contract, tmp_path):
    other = replace(contract, end="THE END.\n")
    assert "THE END. is no token" in hand_over_folder(model_dir, other, tmp_path / "out")[0]


@pytest.mark.parametrize("change", ["auto_map", "a file"])
def test_a_model_with_code_of_its_own_is_refused(
    model_dir, contract, edit_json, tmp_path, change
):
    copy = tmp_path / "model"
    shutil.copytree(model_dir, copy)
    if change == "a file":
        (copy / "modeling.py").touch()
    else:
        edit_json(copy / "config.json", auto_map={"AutoModel": "modeling.Model"})
    with pytest.raises(ConfigError, match="code of its own"):
        hand_over_folder(copy, contract, tmp_path / "out")
