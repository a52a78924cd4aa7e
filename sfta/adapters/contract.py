"""The prompt contract of a base model, derived from its own chat template."""

import hashlib
import re
from typing import Any, Protocol

from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PromptContract
from sfta_export.turns import NO_CLOCK

_SYSTEM = "sfta-system-0b7e"
_USER = "sfta-user-5d21"
_ANSWER = "sfta-answer-93fc"
_FIRST_WORD = re.compile(r"\s*\S+")


class PromptTexts(Protocol):
    """The recipe's part of the contract."""

    @property
    def system(self) -> str: ...
    @property
    def document(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def refusal(self) -> str: ...
    @property
    def answer_marker(self) -> str: ...


def make_contract(tokenizer: Any, texts: PromptTexts) -> PromptContract:
    """Cut the chat template at the places where text goes in.

    A template without a system role gets the system text at the start of the user turn.

    Raises:
        ConfigError: the tokenizer has no chat template, or the template changes the text.
    """
    template = getattr(tokenizer, "chat_template", None)
    if not isinstance(template, str):
        raise ConfigError(
            "the base model has no chat template",
            hint="Use an instruct model, or add chat_template.jinja to the model's folder.",
        )
    head, between, tail, end = turn_literals(tokenizer)
    return PromptContract(
        head=head,
        between=between,
        tail=tail,
        end=end,
        system=texts.system,
        document=texts.document,
        question=texts.question,
        refusal=texts.refusal,
        answer_marker=texts.answer_marker,
        chat_template_sha256=hashlib.sha256(template.encode()).hexdigest(),
    )


def turn_literals(tokenizer: Any) -> tuple[str, str, str, str]:
    """What the template writes before, between and after system text, user text and answer.

    Args:
        tokenizer: has `chat_template` and `apply_chat_template`.

    Raises:
        ConfigError: the template changes the text or takes no conversation of this form.
    """
    user = {"role": "user", "content": _USER}
    folded = {"role": "user", "content": f"{_SYSTEM}\n\n{_USER}"}
    for turns in ([{"role": "system", "content": _SYSTEM}, user], [folded]):
        answer = {"role": "assistant", "content": _ANSWER}
        opened = _render(tokenizer, turns, open_answer=True)
        closed = _render(tokenizer, [*turns, answer], open_answer=False)
        head, _, rest = opened.partition(_SYSTEM)
        between, _, tail = rest.partition(_USER)
        end = closed.partition(_ANSWER)[2]
        if closed == f"{head}{_SYSTEM}{between}{_USER}{tail}{_ANSWER}{end}" and end.strip():
            # The turn ends with its end token; what follows belongs to the conversation.
            return head, between, tail, _FIRST_WORD.match(end)[0]  # type: ignore[index]
    raise ConfigError(
        "the chat template cannot be cut into system text, question and answer",
        hint="Templates that insert or strip thinking text, or need tools, are not supported.",
    )


def _render(tokenizer: Any, turns: list[dict[str, str]], *, open_answer: bool) -> str:
    """Text of a conversation; empty where the template refuses it."""
    from jinja2.exceptions import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=open_answer,
            enable_thinking=False,
            chat_template=NO_CLOCK + tokenizer.chat_template,
        )
    except TemplateError:
        return ""
    return text
