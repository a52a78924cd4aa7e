"""A model's chat template as literals around the texts of a conversation, and written anew.

The prompt contract holds the literals of one question. Programs that keep a conversation need
those between an answer and the next question as well. From all of them two templates are
written that hold nothing else: one for Ollama, in Go's language, and one in Jinja. What a
model's own template adds to them, such as today's date, thoughts or tools, the model was not
trained with.
"""

import re
from dataclasses import dataclass
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.prompt import PromptContract

# Some templates tell today's date. The contract must not depend on the clock: they tell this.
NO_CLOCK = "{% macro strftime_now(form) %}26 Jul 2024{% endmacro %}{{ '' }}"
_SYSTEM, _USER, _ANSWER, _AGAIN = (
    f"sfta-{part}-6c1f" for part in ("sys", "ask", "say", "more")
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Turns:
    """What stands before, between and after the texts of a conversation."""

    head: str
    """Before the system text."""
    between: str
    """Between the system text and the first question."""
    bare: str
    """Before the first question, where there is no system text."""
    tail: str
    """After the last question, up to where the answer begins."""
    asked: str
    """After the last question, where no answer is asked for."""
    past: str
    """Between a question and its answer, where the conversation goes on."""
    following: str
    """Between an answer and the next question."""
    end: str
    """After the last answer."""

    def without_begin(self, token: str) -> "Turns":
        """The same for a program that puts the begin token before every prompt by itself."""
        names = {name: getattr(self, name) for name in self.__slots__}
        cut = {name: names[name].removeprefix(token) for name in ("head", "bare")}
        return Turns(**(names | cut))


def read_turns(template: str, contract: PromptContract, tokens: dict[str, str]) -> Turns:
    """Cut a chat template where texts go in.

    Args:
        template: Of the model, in Jinja.
        contract: Made from the same template.
        tokens: What the template calls `bos_token` and `eos_token`.

    Raises:
        ConfigError: the template takes no second question.
        IntegrityError: the contract was made from another template.
    """
    user, answer = _turn("user", _USER), _turn("assistant", _ANSWER)
    wanted = f"{contract.head}{_SYSTEM}{contract.between}{_USER}{contract.tail}"
    # Where a template has no system role, the contract puts the text into the first question.
    forms = ([_turn("system", _SYSTEM), user], [_turn("user", f"{_SYSTEM}\n\n{_USER}")])
    first = next((form for form in forms if _render(template, form, tokens) == wanted), None)
    if first is None:
        raise IntegrityError(
            "prompt.json was made from another chat template than the model's",
            hint="Give an artifact as `sfta merge` or `sfta export` wrote it.",
        )
    bare = _render(template, [user], tokens).partition(_USER)[0]
    asked = _render(template, first, tokens, opened=False).partition(_USER)[2]
    longer = _render(template, [*first, answer, _turn("user", _AGAIN)], tokens)
    start = f"{contract.head}{_SYSTEM}{contract.between}{_USER}"
    past, _, rest = longer.removeprefix(start).partition(_ANSWER)
    following, _, tail = rest.partition(_AGAIN)
    if not longer.startswith(start) or tail != contract.tail:
        raise ConfigError(
            "the chat template cannot be cut into questions and answers",
            hint="It changes earlier turns, or takes no second question.",
        )
    return Turns(
        contract.head, contract.between, bare, tail, asked, past, following, contract.end
    )


def go_template(turns: Turns) -> str:
    """The template of an Ollama Modelfile.

    It reads `.System` and `.Messages`, which Ollama hands over with turns of one role joined.
    """
    opening = f"{_go(turns.head)}{{{{ .System }}}}{_go(turns.between)}"
    last = "eq (len (slice $.Messages $i)) 1"
    return (
        f"{{{{- if .System }}}}{opening}{{{{ else }}}}{_go(turns.bare)}{{{{ end }}}}\n"
        "{{- range $i, $m := .Messages }}\n"
        '{{- if eq $m.Role "user" }}{{ $m.Content }}'
        f"{{{{ if {last} }}}}{_go(turns.tail)}{{{{ else }}}}{_go(turns.past)}{{{{ end }}}}\n"
        '{{- else if eq $m.Role "assistant" }}{{ $m.Content }}'
        f"{{{{ if {last} }}}}{{{{ else }}}}{_go(turns.following)}{{{{ end }}}}\n"
        "{{- end }}\n"
        "{{- end }}"
    )


def jinja_template(turns: Turns) -> str:
    """The template as servers with an OpenAI-compatible endpoint read it."""
    text = {name: _jinja(getattr(turns, name)) for name in turns.__slots__}
    return f"""\
{{%- set told = messages[0]['role'] == 'system' -%}}
{{%- if told -%}}
{{{{ {text["head"]} + messages[0]['content'] + {text["between"]} }}}}
{{%- else -%}}
{{{{ {text["bare"]} }}}}
{{%- endif -%}}
{{%- for message in messages -%}}
{{%- if message['role'] == 'user' -%}}
{{{{ message['content'] }}}}
{{%- if not loop.last -%}}
{{{{ {text["past"]} }}}}
{{%- elif add_generation_prompt -%}}
{{{{ {text["tail"]} }}}}
{{%- else -%}}
{{{{ {text["asked"]} }}}}
{{%- endif -%}}
{{%- elif message['role'] == 'assistant' -%}}
{{{{ message['content'] + ({text["end"]} if loop.last else {text["following"]}) }}}}
{{%- endif -%}}
{{%- endfor -%}}
"""


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _render(
    template: str, turns: list[dict[str, str]], tokens: dict[str, str], *, opened: bool = True
) -> str:
    """Text of a conversation; empty where the template refuses it."""
    from jinja2.exceptions import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    named: dict[str, Any] = {"enable_thinking": False, **tokens}
    try:
        rendered: Any = render_jinja_template(
            [turns], chat_template=NO_CLOCK + template, add_generation_prompt=opened, **named
        )
    except TemplateError:
        return ""
    return str(rendered[0][0])


def _go(text: str) -> str:
    """A literal as an action, so that nothing around it is trimmed or read as template."""
    quoted = re.sub(r"[^ -~]|[\\\"]", lambda found: _go_escape(found[0]), text)
    return f'{{{{ "{quoted}" }}}}' if text else ""


def _go_escape(letter: str) -> str:
    number = ord(letter)
    # A Modelfile loses letters that Go does not print: everything outside ASCII is spelled.
    spelled = f"\\u{number:04x}" if number < 1 << 16 else f"\\U{number:08x}"
    return _ESCAPES.get(letter, spelled)


def _jinja(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'
