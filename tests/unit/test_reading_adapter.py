"""The adapter that lies in the tree: made by a script, and what the quickstart can go on from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sfta.recipe import load_recipe
from sfta.training.model import start_problems
from sfta_edge.manifest import sha256_file

ROOT = Path(__file__).parents[2]
READING, ADAPTER = ROOT / "configs/reading", ROOT / "configs/reading/adapter"
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    torch.manual_seed(1)
    save_file({f"w{n}": torch.randn(4, 3) for n in range(3)}, folder / WEIGHTS)
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    return folder


def publish(made, out):
    command = [sys.executable, str(READING / "publish.py"), str(made), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_weights_are_rounded_to_sixteen_bits_and_the_digest_is_told(made, tmp_path):
    told = publish(made, tmp_path / "out")
    assert told == sha256_file(tmp_path / "out" / WEIGHTS)[0]
    before, after = load_file(made / WEIGHTS), load_file(tmp_path / "out" / WEIGHTS)
    assert set(before) == set(after)
    for name, value in after.items():
        assert value.dtype == torch.bfloat16
        assert torch.allclose(value.float(), before[name], rtol=2**-8)
    assert (tmp_path / "out/adapter_config.json").read_text("utf-8") == "{}"
    assert not (tmp_path / "out/quantization.json").exists()


def test_the_same_adapter_gives_the_same_bytes(made, tmp_path):
    assert publish(made, tmp_path / "first") == publish(made, tmp_path / "second")


def test_the_quickstart_can_go_on_from_the_adapter_in_the_tree():
    recipe = load_recipe(ROOT / "configs/quickstart/quickstart.yaml")
    start = recipe.root / recipe.train.start_from
    assert start.resolve() == ADAPTER
    assert start_problems(start, recipe.train.lora) == []
    weights = load_file(start / WEIGHTS)
    assert sum(value.numel() for value in weights.values()) == 4_884_480
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_the_adapter_was_made_for_the_base_the_prompt_and_the_chunks_of_the_quickstart():
    quickstart = load_recipe(ROOT / "configs/quickstart/quickstart.yaml")
    reading = load_recipe(READING / "recipe.yaml")
    assert reading.model == quickstart.model
    assert reading.prompt == quickstart.prompt
    assert reading.train.lora == quickstart.train.lora
    assert reading.chunk.max_tokens == quickstart.chunk.max_tokens
    assert reading.retrieval.top_k == quickstart.retrieval.top_k
    quantized = json.loads((ADAPTER / "quantization.json").read_text("utf-8"))
    assert len(quantized["weights"]) == 30 * 7  # every linear layer
