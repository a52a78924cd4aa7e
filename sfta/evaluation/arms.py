"""Arms: the systems that are compared, and asking them without ever asking twice.

An answer is on disk, flushed, before the next batch is asked. An evaluation that is cut off
goes on where it was.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from sfta.core.progress import task
from sfta.evaluation.cases import Case
from sfta.evaluation.config import ArmName
from sfta_edge.manifest import canonical_json
from sfta_edge.retriever import Chunk

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Arm:
    """One system: a model, and what it is given."""

    name: ArmName
    label: str
    model: Literal["base", "raft"]
    context: Literal["closed", "rag", "oracle"]

    def chunks(self, case: Case) -> tuple[Chunk, ...]:
        """What this arm reads for a question."""
        if self.context == "closed":
            return ()
        return case.retrieved if self.context == "rag" else case.oracle_chunks


ARMS: Mapping[ArmName, Arm] = {
    arm.name: arm
    for arm in (
        Arm("base_closed", "Base model, no documents", "base", "closed"),
        Arm("base_rag", "Base model + retrieval", "base", "rag"),
        Arm("base_oracle", "Base model, oracle chunks", "base", "oracle"),
        Arm("raft_closed", "Trained model, no documents", "raft", "closed"),
        Arm("raft_rag", "Trained model + retrieval", "raft", "rag"),
        Arm("raft_oracle", "Trained model, oracle chunks", "raft", "oracle"),
    )
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote for one question."""

    id: str
    """Of the question."""
    completion: str
    given: tuple[str, ...]
    """Ids of the chunks it read, in order; fewer than offered if they did not all fit."""
    truncated: bool
    prompt_tokens: int
    answer_tokens: int
    milliseconds: float
    """From the question to the last token, for this question alone."""


AskMany = Callable[[Sequence[tuple[str, str, Sequence[Chunk]]]], list[Reply]]
"""``[(question id, question, chunks)] -> replies`` in the same order."""


def ask_arm(arm: Arm, cases: Sequence[Case], store: Path, ask_many: AskMany) -> list[Reply]:
    """Replies to all cases, in their order; those already in `store` are not asked again."""
    known = read_replies(store)
    missing = [case for case in cases if case.question.id not in known]
    with task(f"{arm.name}: answers", len(missing)) as progress:
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            replies = ask_many(
                [(c.question.id, c.question.question, arm.chunks(c)) for c in batch]
            )
            append_replies(store, replies)
            known.update((reply.id, reply) for reply in replies)
            progress.advance(len(batch))
    return [known[case.question.id] for case in cases]


def append_replies(store: Path, replies: Sequence[Reply]) -> None:
    """Add replies to the file and flush it to the disk."""
    with store.open("ab") as stream:
        for reply in replies:
            stream.write(canonical_json(asdict(reply)) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_replies(store: Path) -> dict[str, Reply]:
    """Replies by question id. A last line that was cut off in writing is removed."""
    if not store.exists():
        return {}
    raw = store.read_bytes()
    complete = raw[: raw.rfind(b"\n") + 1]
    if len(complete) < len(raw):
        with store.open("r+b") as stream:
            stream.truncate(len(complete))
    replies: dict[str, Reply] = {}
    for line in complete.splitlines():
        facts = json.loads(line)
        replies[facts["id"]] = Reply(**{**facts, "given": tuple(facts["given"])})
    return replies
