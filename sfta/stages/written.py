"""Questions that a model writes: asked for, read, and every reply accounted for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.raft import asking, teaching
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.config import ExtractiveTeacher, GenerateConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import add_rejected
from sfta.raft.filters import unreadable_reply
from sfta.recipe import Recipe
from sfta.stages.asking import Messages, ask

Read = Callable[[str], tuple[list[Candidate], list[Rejected]] | None]
"""Candidates of one reply and what in it is none; None if it cannot be read at all."""


def written_candidates(
    chunks: Sequence[CorpusChunk], recipe: Recipe, cache: Path, funnel: Funnel
) -> list[Candidate]:
    """Ask a model about every chunk; what it refuses or garbles is counted and kept.

    Raises:
        ToolError: the endpoint failed for good. Replies that have come in are kept.
    """
    teacher = recipe.generate.teacher
    assert not isinstance(teacher, ExtractiveTeacher)
    prompts, schema, reads = _wanted(chunks, recipe.generate, recipe.seed)
    replies, usage = ask(teacher, prompts, schema, cache)
    found: list[Candidate] = []
    unreadable = 0
    for chunk, reply, read in zip(chunks, replies, reads, strict=True):
        made = read(reply) if reply else ([], [])
        if made is None:
            unreadable += 1
            made = [], [unreadable_reply(reply, chunk.id, teacher.model)]
        found += made[0]
        add_rejected(funnel, made[1])
    funnel.notes["teacher"] = {**usage, "unreadable": unreadable}
    return found


def _wanted(
    chunks: Sequence[CorpusChunk], config: GenerateConfig, seed: int
) -> tuple[list[Messages], Mapping[str, Any], list[Read]]:
    """Prompts, the schema of the replies, and how each reply is read."""
    teacher = config.teacher
    assert not isinstance(teacher, ExtractiveTeacher)
    model, count = teacher.model, teacher.questions_per_chunk
    if config.questions.kinds:
        made = asking.plans(chunks, config.questions, count, seed)

        def of_plan(plan: asking.Plan) -> Read:
            return lambda reply: asking.read_items(reply, plan, model)

        return [asking.messages_of(p) for p in made], asking.SCHEMA, [of_plan(p) for p in made]

    def of_chunk(chunk: CorpusChunk) -> Read:
        def read(reply: str) -> tuple[list[Candidate], list[Rejected]] | None:
            written = teaching.read_candidates(reply, chunk, model)
            return None if written is None else (written, [])

        return read

    prompts: list[Messages] = [
        teaching.messages_for(
            chunk, answerable=count, unanswerable=teacher.unanswerable_per_chunk
        )
        for chunk in chunks
    ]
    return prompts, teaching.SCHEMA, [of_chunk(chunk) for chunk in chunks]
