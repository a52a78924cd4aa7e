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
from sfta.evaluation.config import BASE, TRAINED, ArmName, EvaluateConfig
from sfta_edge.manifest import canonical_json
from sfta_edge.retriever import Chunk

_BATCH = 32


Context = Literal["closed", "rag", "few_shot", "oracle"]
_GIVEN: Mapping[Context, str] = {
    "closed": ", no documents",
    "rag": " + retrieval",
    "few_shot": " + retrieval, examples",
    "oracle": ", oracle chunks",
}
_LABELS: Mapping[str, str] = {BASE: "Base model", TRAINED: "Trained model"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One system: a model, and what it is given."""

    name: ArmName
    label: str
    model: str
    context: Context

    def chunks(self, case: Case) -> tuple[Chunk, ...]:
        """What this arm reads for a question."""
        if self.context == "closed":
            return ()
        return case.oracle_chunks if self.context == "oracle" else case.retrieved


def arm_of(name: ArmName, label: str | None = None) -> Arm:
    """The arm of a name such as ``base_few_shot``.

    Args:
        name: model and context.
        label: what the model is called; none: its usual label, or its name.
    """
    model, _, given = name.partition("_")
    context = next(known for known in _GIVEN if known == given)
    return Arm(name, f"{label or _LABELS.get(model, model)}{_GIVEN[context]}", model, context)


def labelled_arm(name: ArmName, config: EvaluateConfig) -> Arm:
    """The arm of a name, called as the recipe calls its model."""
    model = name.partition("_")[0]
    compared = config.models.get(model)
    return arm_of(name, compared.label or model if compared else None)


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
    """From the question to the last token, for this question alone; 0 if it was not alone."""
    first_token_ms: float = 0.0
    """From the question to the first text, likewise. The search is in neither."""
    resident_bytes: int = 0
    """Memory of the whole process after the answer, likewise; 0 where it cannot be told."""


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
