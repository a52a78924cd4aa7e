"""Other words for the same: questions should not repeat the manuals' words only."""

import random
import re

_SAME: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\b[Hh]ow often\b", ("how frequently", "at what interval")),
    (r"\bmust I\b", ("do I have to", "do I need to", "should I")),
    (r"\bI must\b", ("I have to", "I need to", "I should")),
    (r"^What is\b", ("What's",)),
    (r"\breplaced\b", ("changed", "swapped", "renewed")),
    (r"\breplacing\b", ("changing", "swapping")),
    (r"\bmounted\b", ("fitted", "installed")),
    (r"\bfitted\b", ("mounted", "installed")),
    (r"\btested\b", ("checked",)),
    (r"\bpermitted\b", ("allowed",)),
    (r"\brecommended\b", ("advised",)),
    (r"\b(?:maximum|highest permitted)\b", ("max", "highest allowed", "maximum")),
    (r"\bminimum\b", ("min", "lowest", "minimum")),
    (r"\bshows?\b(?= the| a| an| one)", ("displays",)),
    (r"\bemergency stop button\b", ("e-stop", "emergency button", "emergency stop")),
    (r"\bfastened\b", ("fixed", "attached")),
    (r"\bconnected\b", ("hooked up", "connected")),
    (r"\brequired\b", ("needed",)),
    (r"\bprocedure\b", ("procedure", "section", "instructions")),
    (r"\bfor how long\b", ("how long",)),
    (r"\bFor how long\b", ("How long",)),
)


def reworded(
    question: str, rng: random.Random, *, share: float, aliases: dict[str, list[str]]
) -> str:
    """Swap words for others that mean the same; in `1 - share` of the questions, none.

    Nothing inside double quotes is touched: it names a heading or a sign. `aliases` are
    names that a corpus itself uses for one thing.
    """
    if rng.random() >= share:
        return question
    parts = question.split('"')
    for index in range(0, len(parts), 2):
        parts[index] = _reworded_part(parts[index], rng, aliases)
    text = '"'.join(parts)
    return text[:1].upper() + text[1:] if question[:1].isupper() else text


def _reworded_part(text: str, rng: random.Random, aliases: dict[str, list[str]]) -> str:
    for pattern, others in _SAME:
        if rng.random() < 0.7:
            other = rng.choice(others)
            if pattern == r"\bshows?\b(?= the| a| an| one)" and re.search(r"\bshow\b", text):
                other = "display"
            text = re.sub(pattern, other, text, count=1)
    for name, names in aliases.items():
        if rng.random() < 0.5:
            text = re.sub(rf"\b{re.escape(name)}\b(?! \w+ing\b)", rng.choice(names), text)
    return text
