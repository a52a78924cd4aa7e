"""Other wordings of a benchmark's question: the key `variants` of its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sfta.core.records import is_list, is_text


@dataclass(frozen=True, slots=True)
class Wording:
    """The same question in other words or in another language."""

    name: str
    """What sort of wording it is, as `paraphrase`, or the language, as `de`."""
    text: str


def are_wordings(value: object) -> bool:
    """Whether a value holds lists of texts by name."""
    return isinstance(value, dict) and all(
        is_text(name) and is_list(texts, is_text) for name, texts in value.items()
    )


def wordings_of(variants: Mapping[str, Sequence[str]]) -> tuple[Wording, ...]:
    """All of them, by name, each name in its own order."""
    return tuple(
        Wording(name, text) for name, texts in sorted(variants.items()) for text in texts
    )
