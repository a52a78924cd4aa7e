"""What is written into handed-over folders: the Modelfile, the start script, what to know."""

import json
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PromptContract

_QUOTES = '"""'
# What Go prints: letters, marks, numbers, punctuation and symbols.
_PRINTED = frozenset("LMNPS")


@dataclass(frozen=True, slots=True)
class Handed:
    """What all texts of a folder with a GGUF file tell of."""

    file: str
    contract: PromptContract
    context: int
    """Tokens of prompt and answer."""
    name: str
    """What the model calls itself."""
    licence: str


@dataclass(frozen=True, slots=True)
class _Example:
    """A chunk for the examples; satisfies `PromptChunk`."""

    title: str = "Operating manual"
    page: int = 12
    heading: str = "Maintenance"
    text: str = "Change the oil after the first 500 operating hours."


def modelfile(
    handed: Handed, template: str, stops: Sequence[str], licences: Sequence[str]
) -> str:
    """Ollama's Modelfile.

    Raises:
        ConfigError: the system text cannot be written in one.
    """
    system = handed.contract.system
    if _QUOTES in system or (lost := sorted({c for c in system if not _is_kept(c)})):
        what = f"the letters {lost}" if _QUOTES not in system else f"three quotes {_QUOTES}"
        raise ConfigError(
            f"the system text holds {what}, which a Modelfile cannot carry",
            hint="Change prompt.system in the recipe and train again, or use llama-server.",
        )
    parameters = {
        "temperature": "0",
        # The default lowers what was written before, and a quote is written before.
        "repeat_penalty": "1",
        "num_ctx": str(handed.context),
    }
    lines = [
        f"# {handed.name or handed.file}: ollama create NAME -f Modelfile",
        f"FROM ./{handed.file}",
        f"TEMPLATE {_QUOTES}{template}{_QUOTES}",
        f"SYSTEM {_QUOTES}{system}{_QUOTES}",
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
        *(f'PARAMETER stop "{stop}"' for stop in stops if '"' not in stop),
    ]
    told = [text for text in licences if _QUOTES not in text] or [handed.licence]
    lines += [f"LICENSE {_QUOTES}{text}{_QUOTES}" for text in told if text]
    return "\n".join(lines) + "\n"


def serve_script(handed: Handed, *, leave_out_begin: bool) -> str:
    """The script that starts llama.cpp's server."""
    override = (
        "    --override-kv tokenizer.ggml.add_bos_token=bool:false \\\n"
        if leave_out_begin
        else ""
    )
    return f"""\
#!/bin/sh
# Serves the model of this folder to this machine only; further options are handed on:
#     sh serve.sh --port 8081
# LLAMA_SERVER names the program where it is not in PATH.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
exec "${{LLAMA_SERVER:-llama-server}}" \\
    --model "$here"/{shlex.quote(handed.file)} \\
    --jinja --chat-template-file "$here/chat_template.jinja" \\
{override}    --host 127.0.0.1 --cors-origins localhost --offline --no-ui --no-slots \\
    --ctx-size {handed.context} --parallel 1 --temp 0 --reasoning off \\
    "$@"
"""


def messages(contract: PromptContract) -> list[dict[str, str]]:
    """An example as messages: the documents and the question as the contract words them."""
    _, *bodies, question = contract.segments([_Example()], "When is the oil changed?")
    # Of the last segment the question; what comes after it is the template's.
    asked = "".join(part.text for body in bodies for part in body) + question[0].text
    return [
        {"role": "system", "content": contract.system},
        {"role": "user", "content": asked},
    ]


def example_request(contract: PromptContract) -> str:
    """The body of a request to /v1/chat/completions."""
    body: dict[str, Any] = {
        "messages": messages(contract),
        "temperature": 0,
        "max_tokens": 256,
        # llama.cpp goes on from a remembered prompt: the same question, the same answer.
        "cache_prompt": False,
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def ollama_readme(handed: Handed) -> str:
    """README.md of a folder for Ollama."""
    return f"""\
# {handed.name or handed.file} for Ollama

```sh
ollama create my-model -f Modelfile
ollama run my-model
```

{_prompt_section(handed.contract)}
The Modelfile holds the system text, the template, greedy decoding and the stop texts that the
model was trained and measured with. `num_ctx` is {handed.context}: what does not fit, Ollama cuts
off without a word. The folder was not run with Ollama itself; its template was compared with the
prompt contract, letter by letter.

{_LIMITS}"""


def server_readme(handed: Handed) -> str:
    """README.md of a folder for llama.cpp's server."""
    return f"""\
# {handed.name or handed.file} for llama-server

```sh
sh serve.sh
curl -H 'Content-Type: application/json' -d @example.json \\
  http://127.0.0.1:8080/v1/chat/completions
```

`serve.sh` listens on this machine only, answers no web page of another, downloads nothing, shows
no page of its own and offers no tools.

{_prompt_section(handed.contract)}
{_LIMITS}
## The exact prompt

The model was trained on prompts of which each part is tokenized alone, and in which text of a
document never becomes a control token. Both hold if ids are sent instead of messages: `head`,
`between` and `tail` of `prompt.json` through `/tokenize` with `"parse_special": true`, every text
between them with `"parse_special": false`, always `"add_special": false`; then all ids, one after
the other, as `"prompt"` to `/completion`.
"""


def transformers_readme(contract: PromptContract, licence: str) -> str:
    """README.md of a folder for transformers and vLLM."""
    front = f"---\nlicense: {json.dumps(licence)}\n---\n" if licence else ""
    return f"""\
{front}# A model that answers from documents

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")
model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER")
```

`vllm serve THIS_FOLDER` loads the same folder; it was not run with vLLM. The folder holds no code.
`generation_config.json` names every token that ends an answer, and decodes greedily.

{_prompt_section(contract)}
{_LIMITS}"""


_LIMITS = """\
Programs that take messages tokenize the whole prompt at once, and read spellings of control
tokens in a document as control tokens. The text is that of the training, some token ids where
parts meet are not, and a document that you do not trust can end its own turn: take the spellings
out before you send it. `sfta-edge` has neither limit, and checks every quote.
"""


def _prompt_section(contract: PromptContract) -> str:
    example = json.dumps(messages(contract), indent=2, ensure_ascii=False)
    return f"""\
## What to send

The model answers from documents that are sent with the question. A document is worded

```text
{contract.document.rstrip()}
```

numbered from 1, and the question, after the last one, `{contract.question}`:

```json
{example}
```

It replies with quotes, each with the number of its document, and `{contract.answer_marker}` before
the answer; or with the one sentence "{contract.refusal}"
"""


def _is_kept(letter: str) -> bool:
    return letter in " \n\r\t" or unicodedata.category(letter)[0] in _PRINTED
