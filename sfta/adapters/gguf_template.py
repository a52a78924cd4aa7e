"""The chat template that a GGUF file carries."""

from typing import Any

from sfta_edge.errors import ConfigError
from sfta_edge.model import Model


class GgufTemplate:
    """Renders conversations; has of a tokenizer what `contract.turn_literals` needs."""

    def __init__(self, model: Model) -> None:
        """Read the template.

        Raises:
            ConfigError: the file holds none.
        """
        self.chat_template = model.metadata("tokenizer.chat_template")
        if not self.chat_template:
            raise ConfigError(
                f"{model.path.name} holds no chat template", hint="Use an instruct model."
            )
        self._begin, self._end = (
            _text(model, of) for of in ("llama_vocab_bos", "llama_vocab_eos")
        )
        adds = bool(model.native.llama_vocab_get_add_bos(model.vocabulary))
        self.added = self._begin if adds and self._begin not in self.chat_template else ""
        """Spelling of the token that the model wants first and the template does not write."""

    def apply_chat_template(
        self, turns: list[dict[str, str]], *, chat_template: str, **settings: Any
    ) -> str:
        """Text of a conversation.

        Raises:
            jinja2.exceptions.TemplateError: the template refuses it.
        """
        from jinja2.exceptions import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> None:
            raise TemplateError(message)

        # A template comes with the model: it must not reach beyond its text.
        scene = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        scene.globals["raise_exception"] = refuse
        settings.pop("tokenize", None)
        text = scene.from_string(chat_template).render(
            messages=turns, bos_token=self._begin, eos_token=self._end, tools=None, **settings
        )
        # The begin token may stand in the template under a variable.
        if self.added and text.startswith(self.added):
            self.added = ""
        return text


def _text(model: Model, which: str) -> str:
    token = getattr(model.native, which)(model.vocabulary)
    if token < 0:
        return ""
    raw: bytes = model.native.llama_vocab_get_text(model.vocabulary, token) or b""
    return raw.decode("utf-8", errors="replace")
