"""Chat templates cut into literals, and the two templates that are written from them."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template

from go_template import render
from model_families import FAMILIES, save_base
from sfta.adapters.contract import make_contract
from sfta.adapters.hub import hf_tokenize, load_tokenizer
from sfta.raft.config import PromptConfig
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.turns import Turns, go_template, jinja_template, read_turns

TOLD = {"role": "system", "content": "Answer from the documents."}
CHATS = {
    "one question": [TOLD, {"role": "user", "content": "[1] Manual\nOil\n\nQuestion: When?"}],
    "a second question": [
        TOLD,
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": '[1] "Oil"\nAnswer: {{ never }}'},
        {"role": "user", "content": "And {% why %}?"},
    ],
    "no system text": [{"role": "user", "content": "When?"}],
    "no system text, and a second question": [
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": "Now."},
        {"role": "user", "content": "Why?"},
    ],
}
GO = """
package main
import ("bytes"; "encoding/json"; "fmt"; "os"; "text/template")
type message struct{ Role, Content string }
type job struct { Template, System string; Messages []*message }
func main() {
  var jobs []job
  if err := json.NewDecoder(os.Stdin).Decode(&jobs); err != nil { panic(err) }
  out := []string{}
  for _, j := range jobs {
    parsed := template.Must(template.New("").Option("missingkey=zero").Parse(j.Template))
    var b bytes.Buffer
    values := map[string]any{"System": j.System, "Messages": j.Messages, "Response": ""}
    if err := parsed.Execute(&b, values); err != nil { panic(err) }
    out = append(out, b.String())
  }
  text, _ := json.Marshal(out)
  fmt.Println(string(text))
}
"""


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    """Tokenizer, contract and turns of one family."""
    folder = save_base(request.param, tmp_path_factory.mktemp("family") / request.param)
    tokenizer = load_tokenizer(folder)
    contract = make_contract(tokenizer, PromptConfig())
    return tokenizer, contract, read_turns(tokenizer.chat_template, contract, tokens(tokenizer))


def tokens(tokenizer):
    return {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token}


def of_the_model(tokenizer, chat, opened=True):
    """What the model's own template makes of a conversation."""
    chat = [dict(turn) for turn in chat]
    if "System role not supported" in tokenizer.chat_template and chat[0]["role"] == "system":
        system, first, *rest = chat
        chat = [first | {"content": f"{system['content']}\n\n{first['content']}"}, *rest]
    return tokenizer.apply_chat_template(
        chat, tokenize=False, add_generation_prompt=opened, enable_thinking=False
    )


def as_ollama(chat):
    """What Ollama hands a template: system texts on their own, and all messages."""
    system = "\n\n".join(turn["content"] for turn in chat if turn["role"] == "system")
    messages = [{"Role": turn["role"], "Content": turn["content"]} for turn in chat]
    return {"System": system, "Messages": messages}


@pytest.mark.parametrize("name", CHATS)
def test_the_go_template_writes_what_the_model_s_own_template_writes(family, name):
    tokenizer, _, turns = family
    written = render(go_template(turns), as_ollama(CHATS[name]))
    assert written == of_the_model(tokenizer, CHATS[name])


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("opened", [True, False])
def test_the_jinja_template_writes_what_the_model_s_own_template_writes(family, name, opened):
    tokenizer, _, turns = family
    (written,), _ = render_jinja_template(
        [CHATS[name]], chat_template=jinja_template(turns), add_generation_prompt=opened
    )
    assert written == of_the_model(tokenizer, CHATS[name], opened)


def test_both_give_the_tokens_of_the_contract_s_text(family):
    tokenizer, contract, turns = family
    chunks = [
        SimpleNamespace(title="Manual", page=n, heading="Data", text=f"It weighs {n} kg.")
        for n in (1, 2)
    ]
    prefix, *bodies, question = contract.segments(chunks, "How heavy is it?")
    asked = "".join(part.text for body in bodies for part in body) + question[0].text
    chat = [
        {"role": "system", "content": contract.system},
        {"role": "user", "content": asked},
    ]
    text = "".join(part.text for part in prefix) + asked + question[1].text
    tokenize = hf_tokenize(tokenizer)
    (jinja,), _ = render_jinja_template(
        [chat], chat_template=jinja_template(turns), add_generation_prompt=True
    )
    for written in (render(go_template(turns), as_ollama(chat)), jinja):
        assert tokenize(written, True) == tokenize(text, True)


def test_an_answer_closes_with_the_end_of_the_contract(family):
    _, contract, turns = family
    chat = [*CHATS["one question"], {"role": "assistant", "content": "Now."}]
    (written,), _ = render_jinja_template(
        [chat], chat_template=jinja_template(turns), add_generation_prompt=False
    )
    assert written.endswith(f"Now.{contract.end}")


def test_an_answer_that_is_begun_is_left_open_for_ollama(family):
    _, _, turns = family
    chat = [*CHATS["one question"], {"role": "assistant", "content": "[1]"}]
    assert render(go_template(turns), as_ollama(chat)).endswith(f"{turns.past}[1]")


def test_the_begin_token_can_be_left_to_the_program(family):
    tokenizer, _, turns = family
    left = turns.without_begin(tokenizer.bos_token)
    for name in ("head", "bare"):
        assert getattr(left, name) == getattr(turns, name).removeprefix(tokenizer.bos_token)
    assert replace(left, head=turns.head, bare=turns.bare) == turns


def test_a_template_that_tells_the_date_tells_that_of_the_contract(tmp_path):
    tokenizer = load_tokenizer(save_base("qwen2.5", tmp_path / "model"))
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }}" + tokenizer.chat_template
    contract = make_contract(tokenizer, PromptConfig())
    turns = read_turns(tokenizer.chat_template, contract, tokens(tokenizer))
    assert turns.head.startswith("26 Jul 2024<|im_start|>")


def test_a_contract_of_another_template_is_refused(family):
    tokenizer, contract, _ = family
    other = replace(contract, between=contract.between + " ")
    with pytest.raises(IntegrityError, match="another chat template") as caught:
        read_turns(tokenizer.chat_template, other, tokens(tokenizer))
    assert caught.value.hint


def test_a_template_for_one_question_only_is_refused(tmp_path):
    tokenizer = load_tokenizer(save_base("qwen2.5", tmp_path / "model"))
    once = "{% if messages | length > 3 %}{{ raise_exception('one question') }}{% endif %}"
    tokenizer.chat_template = once + tokenizer.chat_template
    contract = make_contract(tokenizer, PromptConfig())
    with pytest.raises(ConfigError, match="questions and answers"):
        read_turns(tokenizer.chat_template, contract, tokens(tokenizer))


# Without the letters that carriage returns and surrogates are: the literals come from JSON text.
LITERALS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(LITERALS, min_size=8, max_size=8), LITERALS, LITERALS)
def test_any_literal_comes_out_as_it_went_in(literals, system, question):
    turns = Turns(*literals)
    chat = [{"role": "user", "content": question}]
    if system:
        chat.insert(0, {"role": "system", "content": system})
    opening = f"{turns.head}{system}{turns.between}" if system else turns.bare
    wanted = f"{opening}{question}{turns.tail}"
    assert render(go_template(turns), as_ollama(chat)) == wanted
    # Jinja reads all ends of lines as \n; the literals are written so that it meets none.
    compiled = jinja2.Template(jinja_template(turns), keep_trailing_newline=True)
    assert compiled.render(messages=chat, add_generation_prompt=True) == wanted


def test_go_s_own_templates_agree(family, tmp_path):
    """The evaluation that the tests bring is checked where there is a Go to ask."""
    program = shutil.which("go")
    if program is None:
        pytest.skip("needs go")
    _, _, turns = family
    odd = replace(turns, head='"{{ back\\slash ｜ \U0001f600 \t', following="\u00a0}} `\n")
    jobs = [
        {"Template": go_template(one), **as_ollama(chat)}
        for one in (turns, odd)
        for chat in CHATS.values()
    ]
    (tmp_path / "render.go").write_text(GO)
    done = subprocess.run(
        [program, "run", "render.go"],
        cwd=tmp_path,
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod"},
    )
    ours = [render(job.pop("Template"), job) for job in jobs]
    assert json.loads(done.stdout) == ours


def test_the_tokenizer_reads_the_written_template(family, tmp_path):
    tokenizer, _, turns = family
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(jinja_template(turns), "utf-8")
    again = AutoTokenizer.from_pretrained(tmp_path)
    chat = CHATS["a second question"]
    written = again.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert written == of_the_model(tokenizer, chat)
