"""One question and its answer as a file gives them, before they are a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sfta.raft.corpus import CorpusChunk
from sfta.raft.neutral import original
from sfta.raft.splits import SPLITS

LABELS = ("kind", "group", "split", "teacher")
_SPLIT_NAMES = {"val": "validation", "valid": "validation", "dev": "validation",
                "eval": "validation"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is asked, what is shown with it, and what is to be answered."""

    question: str
    answer: str
    """The whole text to learn, in whatever form the file has it."""
    system: str = ""
    chunks: tuple[CorpusChunk, ...] = ()
    roles: tuple[str, ...] = ()
    """Of the chunks: oracle, distractor, or empty where the file does not say."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Kind, group, split and teacher, as far as the file gives them."""

    def plain(self) -> Self:
        """With the spellings that `neutral` has taken apart put together again."""
        chunks = tuple(
            replace(c, title=original(c.title), heading=original(c.heading),
                    text=original(c.text))
            for c in self.chunks
        )  # fmt: skip
        return replace(
            self,
            question=original(self.question),
            answer=original(self.answer),
            system=original(self.system),
            chunks=chunks,
        )


def text_of(record: Mapping[str, Any], key: str, problems: list[str], place: str = "") -> str:
    """The text under a key; a problem is noted if there is none."""
    where = f"{place}{key}"
    if key not in record or record[key] is None:
        problems.append(f"{where}: is missing")
        return ""
    value = record[key]
    if not is_text(value):
        problems.append(f"{where}: must be a text that is not empty")
        return ""
    return str(value)


def optional_text(record: Mapping[str, Any], key: str, problems: list[str]) -> str:
    """The text under a key, empty if there is none."""
    value = record.get(key)
    if value is None or value == "":
        return ""
    return text_of(record, key, problems)


def labels_of(record: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    """Kind, group, split and teacher of a record, where it has them."""
    labels = {}
    for name in LABELS:
        value = record.get(name)
        if value is None or value == "":
            continue
        if not is_text(value):
            problems.append(f"{name}: must be a text")
            continue
        labels[name] = value
    if "split" in labels:
        labels["split"] = split_of(labels["split"], problems)
    return labels


def split_of(name: str, problems: list[str]) -> str:
    """The split by any of its usual names."""
    found = _SPLIT_NAMES.get(name.casefold(), name.casefold())
    if found not in SPLITS:
        problems.append(f"split: {name!r} is not one of {', '.join(SPLITS)}")
    return found


def is_text(value: object) -> bool:
    """Whether a value is a text that says something and can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip():
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)
