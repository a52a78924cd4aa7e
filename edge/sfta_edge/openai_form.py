"""The OpenAI form of questions and answers, as far as one grounded answer fits into it.

The last message of the user is the question. The system message and sampling settings are not used,
because the prompt contract is part of the signed bundle. Earlier turns are not used either: the
model is trained on one question with its documents, and a question that leans on the one before
would have to be reworded by it, which nothing checks. How many messages were not used stands in
the answer.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from sfta_edge.errors import ConfigError
from sfta_edge.reply import Answer

_FINISH = {"stop": "stop", "length": "length", "deadline": "length", "cancelled": "stop"}


def question_of(body: Mapping[str, Any]) -> str:
    """The text of the last message of the user.

    Raises:
        ConfigError: there is none, or more than one answer is asked for.
    """
    if body.get("n", 1) != 1:
        raise ConfigError("n must be 1: there is one answer to a question")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ConfigError("messages must be a list with at least one message")
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return _text(message.get("content"))
    raise ConfigError("messages hold no message of the role user")


def unused_messages(body: Mapping[str, Any]) -> int:
    """How many messages of a request besides the question say something."""
    messages = body.get("messages")
    return max(0, len(messages) - 1) if isinstance(messages, list) else 0


def completion(
    answer: Answer, model: str, bundle: Mapping[str, Any], *, unused: int = 0
) -> dict[str, Any]:
    """One ``chat.completion``; what has no place in the form is under ``sfta``.

    Args:
        answer: what is told.
        model: its name.
        bundle: what answered.
        unused: messages that were not used, see `unused_messages`.
    """
    prompt = answer.usage.get("prompt_tokens", 0)
    written = answer.usage.get("completion_tokens", 0)
    facts = answer.to_json(bundle)
    return {
        "id": completion_id(answer.question),
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.answer},
                "finish_reason": _FINISH[answer.finish_reason],
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
        },
        "citations": facts.pop("citations"),
        "sfta": {
            **{name: facts[name] for name in facts if name not in ("answer", "usage")},
            "unused_messages": unused,
        },
    }


def completion_part(
    identity: str, model: str, delta: Mapping[str, Any], finish: str | None = None
) -> dict[str, Any]:
    """One ``chat.completion.chunk``."""
    return {
        "id": identity,
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish}],
    }


def completion_id(question: str) -> str:
    """The same for the same question: clocks of devices without a network are no identity."""
    return "chatcmpl-" + hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:24]


class FinalText:
    """Of a completion that grows, the part behind the answer marker.

    The pieces joined, and `rest` at the end, are the answer's text.
    """

    def __init__(self, answer_marker: str) -> None:
        self._marker = re.compile(rf"^[ \t]*{re.escape(answer_marker)}[ \t]*", re.MULTILINE)
        self._seen = ""
        self._given = ""

    def feed(self, piece: str) -> str:
        """What can be shown after this piece."""
        self._seen += piece
        found = self._marker.search(self._seen)
        if not found:
            return ""
        # A trailing space may turn out to be the end, and the end is stripped.
        text = self._seen[found.end() :].strip()
        new = text[len(self._given) :]
        self._given = text
        return new

    def rest(self, answer: str) -> str:
        """What of the final answer was not shown yet.

        All of it, in a paragraph of its own, if it turned out to be another: what was shown
        cannot be taken back.
        """
        if answer.startswith(self._given):
            return answer[len(self._given) :]
        return f"\n\n{answer}"


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        if parts and all(isinstance(part, str) for part in parts):
            return "\n".join(str(part) for part in parts)
    raise ConfigError("the content of the last message of the user is no text")
