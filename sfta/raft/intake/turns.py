"""Conversations: chat messages, ShareGPT, Alpaca and prompt with completion.

A conversation of several turns becomes one row for each answer. The device is asked single
questions, so what was said before stands in the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.raft.intake.exchange import Exchange, is_text, optional_text, text_of

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: str
    """system, user or assistant."""
    text: str
    place: str
    """Where it stands in the record, for messages."""


def chat(record: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    """Messages with role and content."""
    return _exchanges(_turns(record, "messages", ("role", "content"), problems), problems)


def sharegpt(record: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    """Conversations with from and value; a system text may stand beside them."""
    turns = _turns(record, "conversations", ("from", "value"), problems)
    system = optional_text(record, "system", problems)
    if system and turns and turns[0].role != "system":
        turns = [Turn("system", system, "system"), *turns]
    return _exchanges(turns, problems)


def alpaca(record: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    """Instruction, input and output; with history, what was said before."""
    asked = text_of(record, "instruction", problems)
    if given := optional_text(record, "input", problems):
        asked = f"{asked}\n{given}"
    answer = text_of(record, "output", problems)
    turns = _history(record.get("history"), problems)
    if system := optional_text(record, "system", problems):
        turns = [Turn("system", system, "system"), *turns]
    if problems:
        return []
    last = [Turn("user", asked, "instruction"), Turn("assistant", answer, "output")]
    found = _exchanges([*turns, *last], problems)
    # Earlier answers are context here, not what the record asks to be learned.
    return found[-1:]


def prompt_completion(record: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    """Prompt and completion."""
    asked = text_of(record, "prompt", problems)
    answer = text_of(record, "completion", problems)
    return [] if problems else [Exchange(asked, answer)]


def _turns(
    record: Mapping[str, Any], key: str, names: tuple[str, str], problems: list[str]
) -> list[Turn]:
    messages = record.get(key)
    if not isinstance(messages, list) or not messages:
        problems.append(f"{key}: must be a list that is not empty")
        return []
    turns = []
    for place, message in enumerate(messages):
        turn = _turn(message, f"{key}[{place}]", names, problems)
        turns += [turn] if turn else []
    return turns


def _turn(
    message: object, place: str, names: tuple[str, str], problems: list[str]
) -> Turn | None:
    speaker, content = names
    if not isinstance(message, dict):
        problems.append(f"{place}: must be an object with {speaker} and {content}")
        return None
    role = _ROLES.get(str(message.get(speaker)).casefold())
    text = _joined(message.get(content))
    if role is None:
        problems.append(
            f"{place}.{speaker}: {message.get(speaker)!r} is not system, user or assistant"
        )
    if not is_text(text):
        problems.append(f"{place}.{content}: must be a text that is not empty")
    return Turn(role, text, f"{place}.{speaker}") if role and is_text(text) else None


def _joined(content: Any) -> Any:
    """The text of a message, which may come in parts."""
    if isinstance(content, list) and content:
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(parts) == len(content) and all(isinstance(part, str) for part in parts):
            return "\n".join(str(part) for part in parts)
        return None
    return content


def _history(value: object, problems: list[str]) -> list[Turn]:
    if value is None or value == []:
        return []
    if not isinstance(value, list) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and all(map(is_text, pair))
        for pair in value
    ):
        problems.append("history: must be a list of pairs of texts")
        return []
    roles = ("user", "assistant")
    return [
        Turn(role, text, f"history[{place}]")
        for place, pair in enumerate(value)
        for role, text in zip(roles, pair, strict=True)
    ]


def _exchanges(turns: Sequence[Turn], problems: list[str]) -> list[Exchange]:
    """One exchange per answer of a conversation that is in order."""
    if problems:
        return []
    system = turns[0].text if turns[0].role == "system" else ""
    spoken = turns[1:] if system else turns
    for number, turn in enumerate(spoken):
        wanted = ("user", "assistant")[number % 2]
        if turn.role != wanted:
            problems.append(f"{turn.place}: is the {turn.role}'s turn where the {wanted}'s is")
            return []
    if not spoken or len(spoken) % 2:
        problems.append("the last turn is not the assistant's: there is no answer to learn")
        return []
    pairs = list(zip(spoken[::2], spoken[1::2], strict=True))
    found = []
    for number, (asked, answer) in enumerate(pairs):
        before = "".join(f"User: {u.text}\nAssistant: {a.text}\n" for u, a in pairs[:number])
        question = f"{before}User: {asked.text}" if before else asked.text
        found.append(Exchange(question, answer.text, system))
    return found
