"""Replies of earlier evaluations: the same model is not asked the same thing again.

Another gate, more questions or another training leave most replies as they were, all those of the
base model among them.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sfta.core.record_cache import RecordCache, code_identity, record_key
from sfta.evaluation.arms import AskMany, Reply
from sfta_edge.manifest import canonical_json
from sfta_edge.retriever import Chunk

FILE = "replies.sqlite"
_CODE = ("sfta_edge", "sfta.evaluation.asking")
_PACKAGES = ("llama-cpp-python",)


class KeptReplies:
    """Replies by everything they depend on: model, prompt, settings, code, question and chunks."""

    def __init__(self, cache: RecordCache, *identity: Any) -> None:
        """Keep them in a cache; `identity` says what answers, and how."""
        self._cache = cache
        self._identity = record_key(code_identity(_CODE, _PACKAGES), *identity)

    def ask_many(
        self, items: Sequence[tuple[str, str, Sequence[Chunk]]], ask_many: AskMany
    ) -> list[Reply]:
        """Replies in the order of the items; only those that are not known are asked for."""
        keys = {item[0]: self._key(item) for item in items}
        found = {
            name: _reply(name, value)
            for name, key in keys.items()
            if (value := self._cache.get(key)) is not None
        }
        made = ask_many([item for item in items if item[0] not in found])
        self._cache.put({keys[reply.id]: canonical_json(asdict(reply)) for reply in made})
        found |= {reply.id: reply for reply in made}
        return [found[item[0]] for item in items]

    def _key(self, item: tuple[str, str, Sequence[Chunk]]) -> str:
        _, question, chunks = item
        return record_key(self._identity, question, [asdict(chunk) for chunk in chunks])


def _reply(name: str, value: bytes) -> Reply:
    facts = json.loads(value)
    return Reply(**{**facts, "id": name, "given": tuple(facts["given"])})
