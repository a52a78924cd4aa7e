"""How an endpoint wants a request spelled: they agree on the protocol, not on every field.

A request is first sent as OpenAI documents it. Where an endpoint turns a field down, the error
names it, and the next spelling is tried: other fields of the reply are the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

_SCHEMA_WORDS = re.compile(r"response_format|json_schema|json_object")
_TURNED_DOWN = frozenset({400, 422, 500})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to spell a request."""

    schema_form: Literal["strict", "older", "object", "none"] = "strict"
    """`strict`: OpenAI, Azure, vLLM, Ollama, llama.cpp; `older`: a schema beside json_object, as
    llama-cpp-python and older llama.cpp servers take it; `object`: any JSON object, as older
    OpenAI models promise it; `none`: the prompt alone asks for JSON."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Reasoning models of OpenAI know the second only."""
    with_temperature: bool = True
    """Reasoning models of OpenAI take none."""

    def spell(
        self, body: Mapping[str, Any], schema: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """The body as it is sent. `body` holds `max_tokens` and `temperature`."""
        sent = dict(body)
        sent[self.limit_field] = sent.pop("max_tokens")
        if not self.with_temperature:
            del sent["temperature"]
        if schema is not None and self.schema_form != "none":
            sent["response_format"] = self._format(dict(schema))
        return sent

    def after(self, status: int, text: str, *, schema: bool) -> Self | None:
        """The spelling to try after an error; None if the error is not about the spelling."""
        if status not in _TURNED_DOWN:
            return None
        if "max_completion_tokens" in text and self.limit_field == "max_tokens":
            return replace(self, limit_field="max_completion_tokens")
        if schema and self.schema_form != "none" and _SCHEMA_WORDS.search(text):
            forms: list[Any] = ["strict", "older", "object", "none"]
            return replace(self, schema_form=forms[forms.index(self.schema_form) + 1])
        if status == 400 and "temperature" in text and self.with_temperature:
            return replace(self, with_temperature=False)
        return None

    def _format(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.schema_form == "strict":
            named = {"name": "reply", "strict": True, "schema": schema}
            return {"type": "json_schema", "json_schema": named}
        if self.schema_form == "older":
            return {"type": "json_object", "schema": schema}
        return {"type": "json_object"}
