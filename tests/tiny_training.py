"""A random Llama that reads bytes, a small dataset, and jobs that train on it."""

import gc
import json

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
REFUSAL = "The documents do not contain the answer."
LIMITS = {"c1": "The limit is 9 bar.", "c2": "Use oil 46.", "c3": "Wait 5 min."}


@pytest.fixture(scope="module")
def one_thread():
    """Tiny matrices are slower on many threads, and so is collecting what imports left."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def byte_llama(tmp_path_factory):
    """A tiny random Llama that reads bytes."""
    folder = tmp_path_factory.mktemp("base")
    letters = {letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}
    words = Tokenizer(BPE(letters, []))
    words.pre_tokenizer, words.decoder = ByteLevel(add_prefix_space=False), ByteDecoder()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        eos_token="<|im_end|>",
    )
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        initializer_range=0.2,  # large enough that a small update can turn every prediction
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def row(number, *, answerable):
    chunk = f"c{number % 3 + 1}"
    others = [name for name in LIMITS if name != chunk]
    chosen = [chunk, others[0]] if answerable else others
    completion = f'[1] "{LIMITS[chunk]}"\nAnswer: {number}'
    return {
        "id": f"r{number:02}",
        "question": f"What about {number}?",
        "context": [
            {"chunk_id": name, "role": "oracle" if name == chunk else "distractor"}
            for name in chosen
        ],
        "quotes": [{"chunk_id": chunk, "text": LIMITS[chunk]}] if answerable else [],
        "answer": str(number) if answerable else REFUSAL,
        "completion": completion if answerable else REFUSAL,
    }


def write_lines(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")


@pytest.fixture(scope="module")
def limits_dataset(tmp_path_factory):
    final = tmp_path_factory.mktemp("dataset") / "dataset"
    chunk = {"title": "Manual", "page": 1, "heading": "Limits"}
    with writing(final, "dataset", {}) as out:
        write_lines(
            out / "chunks.jsonl", [chunk | {"id": i, "text": t} for i, t in LIMITS.items()]
        )
        write_lines(out / "train.jsonl", [row(n, answerable=n % 4 > 0) for n in range(12)])
        write_lines(
            out / "validation.jsonl", [row(n, answerable=n > 20) for n in range(20, 24)]
        )
    return Artifact.open(final)


@pytest.fixture
def training_job(byte_llama, limits_dataset, tmp_path):
    """Make a job of the stage; one work folder for all jobs of a test."""

    def make(name="out", **settings):
        recipe = Recipe.model_validate(
            {
                "name": "tiny",
                "ingest": {"sources": ["x"]},
                "model": {"base": str(byte_llama)},
                "prompt": {"system": "Quote.", "document": "[{number}] {text}\n"},
                "train": {
                    "method": "lora",
                    "lora": {"rank": 4, "alpha": 8},
                    "rows_per_step": 3,
                    "learning_rate": 0.01,
                    "validations": 2,
                    "context_tokens": 512,
                }
                | settings,
                "evaluate": {"choose_quotes": False},
            }
        )
        out, work = tmp_path / name, tmp_path / "work"
        out.mkdir()
        work.mkdir(exist_ok=True)
        return Job(
            recipe,
            {"dataset": limits_dataset},
            out,
            work,
            Runtime(cache=tmp_path, device="cpu"),
        )

    return make
