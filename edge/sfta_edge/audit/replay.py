"""An answer of the log, asked again: the same words from the same chunks, or what differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sfta_edge.errors import ConfigError

ANSWER = "answer"
"""Kind of the records that can be replayed."""
_STATE = ("bundle", "knowledge")
_COMPARED = ("answer", "refused", "supported", "chunks", "citations")


class Replayer(Protocol):
    """What answers a question under the conditions of a record."""

    def state(self) -> Mapping[str, Any]:
        """Digest of the bundle and state of the device's own knowledge, as records hold them."""
        ...

    def again(self, question: str, conditions: Mapping[str, Any]) -> Mapping[str, Any]:
        """The facts of an answer, as `answered` makes them.

        Args:
            question: as it was asked.
            conditions: ``settings`` and ``view`` of the record: how it was answered, and from
                which documents.
        """
        ...


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of asking again."""

    same: bool
    differences: tuple[str, ...]
    """What differs, or first why it cannot be compared."""
    recorded: Mapping[str, Any]
    answer: Mapping[str, Any] | None = None
    """None: it was not asked, because the bundle or the documents are others."""

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API."""
        return {
            "same": self.same,
            "answer": self.answer,
            "recorded": self.recorded,
            "differences": list(self.differences),
        }


def answered(
    answer: Mapping[str, Any], conditions: Mapping[str, Any], chunks: list[str]
) -> dict[str, Any]:
    """The facts of an answer for `log.Audit.append`.

    Args:
        answer: in the form of the Edge API, its question added.
        conditions: ``user``, ``bundle``, ``knowledge``, ``settings``, ``settings_digest``,
            ``view``: who asked, and what the answer depends on.
        chunks: ids of what the model was given, best first.
    """
    names = ("question", "answer", "refused", "supported", "mode", "degraded", "citations")
    facts = {name: answer[name] for name in names if name in answer}
    facts |= {"dropped": answer.get("dropped_chunks", []), "chunks": chunks}
    return {**facts, "finish_reason": answer.get("finish_reason"), **conditions}


def replay(record: Mapping[str, Any], replayer: Replayer) -> Replay:
    """Ask the question of a record again and compare.

    Raises:
        ConfigError: the record is no answer, or its question was taken out.
    """
    if record["kind"] != ANSWER:
        raise ConfigError(f"record {record['id']} is no answer but {record['kind']}")
    if "question" not in record:
        raise ConfigError(f"the question of record {record['id']} was taken out")
    recorded = {name: record[name] for name in _COMPARED if name in record}
    state = replayer.state()
    others = [
        f"not comparable: the {name} is another than at that time"
        for name in _STATE
        if record.get(name) != state.get(name)
    ]
    if others:
        return Replay(False, tuple(others), recorded)
    conditions = {name: record.get(name) for name in ("settings", "view")}
    found = replayer.again(record["question"], conditions)
    again = {name: found[name] for name in _COMPARED if name in found}
    differences = tuple(
        f"{name} differs" for name in _COMPARED if _plain(recorded, name) != _plain(again, name)
    )
    return Replay(not differences, differences, recorded, again)


def _plain(facts: Mapping[str, Any], name: str) -> Any:
    """One fact; of citations only what was quoted and where, not how it is drawn."""
    value = facts.get(name)
    if name != "citations" or not isinstance(value, list):
        return value
    return [(each.get("chunk_id"), each.get("quote"), each.get("verified")) for each in value]
