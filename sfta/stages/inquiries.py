"""What a teacher is asked about each chunk, and what came of each inquiry."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sfta.core.stage import Runtime
from sfta.raft import asking, teaching
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.config import ExtractiveTeacher, GenerateConfig, WrittenTeacher
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import add_rejected
from sfta.raft.filters import unreadable_reply
from sfta.raft.teacher_config import GgufTeacher, ModelTeacher
from sfta.recipe import Recipe
from sfta.stages.asking import lasting, reply_folder
from sfta.stages.teachers import budget_of, teacher_of
from sfta_edge.errors import ConfigError

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Request
    from sfta.adapters.teacher_budget import Budget, Usage
    from sfta.adapters.teacher_replies import Reply

_EXAMPLES = 5
Read = tuple[list[Candidate], list[Rejected]]
"""Candidates in a reply, and what in it is none."""


class Inquiry(Protocol):
    """One request about one chunk."""

    @property
    def chunk(self) -> CorpusChunk:
        """The chunk it is about."""

    def request(self) -> "Request":
        """What is sent; made when it is needed, since there may be very many."""

    def read(self, text: str) -> Read | None:
        """What a reply holds; None if it cannot be read at all."""

    def unread(self, text: str) -> list[Rejected]:
        """What goes on record for a reply that cannot be read; the text may be empty."""


@dataclass(frozen=True, slots=True)
class ChunkInquiry:
    """Asks for questions with their answers, all of a chunk at once."""

    chunk: CorpusChunk
    teacher: ModelTeacher
    plan: asking.Plan | None
    """Questions of named kinds; None: the teacher chooses."""

    def request(self) -> "Request":
        from sfta.adapters.teacher_asking import Request

        teacher, plan = self.teacher, self.plan
        if plan is not None:
            narrow = asking.narrow_schema(plan) if held(teacher) else asking.SCHEMA
            return Request(asking.messages_of(plan), narrow if teacher.json_schema else None)
        wanted = {
            "answerable": teacher.questions_per_chunk,
            "unanswerable": teacher.unanswerable_per_chunk,
        }
        schema = (
            teaching.narrow_schema(self.chunk, **wanted) if held(teacher) else teaching.SCHEMA
        )
        messages = teaching.messages_for(self.chunk, **wanted)
        return Request(messages, schema if teacher.json_schema else None)

    def read(self, text: str) -> Read | None:
        if self.plan is not None:
            return asking.read_items(text, self.plan, self.teacher.model)
        written = teaching.read_candidates(text, self.chunk, self.teacher.model)
        return None if written is None else (written, [])

    def unread(self, text: str) -> list[Rejected]:
        return [unreadable_reply(text, self.chunk.id, self.teacher.model)] if text else []


def held(teacher: ModelTeacher) -> bool:
    """Whether a schema holds the model token by token, and may name the chunk's own text."""
    return isinstance(teacher, GgufTeacher)


@dataclass(slots=True)
class Outcome:
    """What came of inquiries, by their place, and the chunks of those that gave nothing."""

    asked: list[Inquiry] = field(default_factory=list)
    found: dict[int, list[Candidate]] = field(default_factory=dict)
    lost: dict[int, list[Rejected]] = field(default_factory=dict)
    nothing: dict[str, list[str]] = field(default_factory=dict)
    """By reason: ids of chunks."""

    def take(self, place: int, reply: "Reply") -> None:
        """Read the reply to the inquiry at this place."""
        inquiry, reason = self.asked[place], str(reply.status)
        read = inquiry.read(reply.text) if reply.text else None
        if read is None and reply.text and reason == "ok":
            reason = "unreadable"
        written, broken = read or ([], inquiry.unread(reply.text))
        if broken:
            self.lost[place] = broken
        if written:
            self.found[place] = written
            return
        if reason == "ok":
            reason = "unusable" if broken else "empty"
        self.nothing.setdefault(reason, []).append(inquiry.chunk.id)

    def candidates(self, chunks: Sequence[CorpusChunk], funnel: Funnel) -> list[Candidate]:
        """What was found, in the order of the chunks; what was lost goes into the funnel."""
        rank = {chunk.id: number for number, chunk in enumerate(chunks)}
        places = sorted(
            range(len(self.asked)), key=lambda place: (rank[self.asked[place].chunk.id], place)
        )
        add_rejected(funnel, [item for place in places for item in self.lost.get(place, ())])
        return [item for place in places for item in self.found.get(place, ())]

    def counts(self, what: str, gave: str) -> dict[str, Any]:
        """How many were asked about, how many gave something, and why the others did not."""
        reasons = sorted(self.nothing.items())
        return {
            what: len(self.asked),
            f"{what}_with_{gave}": len(self.found),
            f"{what}_without": {reason: len(ids) for reason, ids in reasons},
        }

    def examples(self) -> dict[str, Any]:
        """For every reason the first chunks that gave nothing."""
        reasons = sorted(self.nothing.items())
        return {"examples_without": {name: sorted(ids)[:_EXAMPLES] for name, ids in reasons}}


def written_candidates(
    chunks: Sequence[CorpusChunk], recipe: Recipe, runtime: Runtime, funnel: Funnel
) -> list[Candidate]:
    """Ask a model about every chunk; count what came of each chunk, and why it was nothing.

    Raises:
        SftaError: the teacher failed for good. Replies that have come in are kept.
    """
    outcome = Outcome()
    budget = budget_of(recipe.generate)
    usage = ask(inquiries(chunks, recipe), outcome, recipe, runtime, budget)
    report = outcome.counts("chunks", "questions") | outcome.examples()
    note_usage(funnel, recipe.generate, usage, report)
    return outcome.candidates(chunks, funnel)


def ask(
    more: Sequence[Inquiry],
    outcome: Outcome,
    recipe: Recipe,
    runtime: Runtime,
    budget: "Budget",
    title: str = "asking the teacher",
) -> "Usage":
    """Ask the recipe's teacher; the outcome grows by the inquiries and what came of them.

    Raises:
        SftaError: the teacher failed for good. Replies that have come in are kept.
    """
    # Loaded here: the HTTP client is not needed where rules write the questions.
    from sfta.adapters.teacher_asking import ask_all

    first = len(outcome.asked)
    outcome.asked += more
    return ask_all(
        teacher_of(recipe, runtime), (inquiry.request() for inquiry in more),
        reply_folder(runtime.cache),
        lambda place, reply: outcome.take(first + place, reply),
        budget=budget, total=len(more), title=title,
    )  # fmt: skip


def note_usage(
    funnel: Funnel, config: GenerateConfig, usage: "Usage", report: dict[str, Any]
) -> None:
    """Write what the asking came to into the funnel.

    Raises:
        ConfigError: no request at all has fitted into the teacher's context.
    """
    if usage.requests and usage.too_long == usage.requests:
        raise ConfigError(
            "no chunk fits into the teacher's context",
            hint="Lower chunk.max_tokens or generate.teacher.max_output_tokens, or take a teacher "
            "with a longer context.",
        )
    funnel.notes["teacher"] = {**lasting(usage), **report}
    funnel.facts |= {"from_disk": usage.from_disk, "retries": usage.retries}
    if (price := budget_of(config).price) is not None:
        funnel.facts["cost"] = round(price.of(usage.tokens), 6)
        funnel.facts["currency"] = price.currency


def asking_order(chunks: Sequence[CorpusChunk], seed: int) -> list[CorpusChunk]:
    """The chunks as they are asked about: mixed, so that a budget falls on all documents."""
    return sorted(
        chunks, key=lambda chunk: hashlib.sha256(f"{seed}/{chunk.id}".encode()).digest()
    )


def inquiries(chunks: Sequence[CorpusChunk], recipe: Recipe) -> list[Inquiry]:
    """What the teacher is asked, one for each chunk, in the order of the asking."""
    config, teacher = recipe.generate, recipe.generate.teacher
    if isinstance(teacher, ExtractiveTeacher | WrittenTeacher):
        return []
    plans: dict[str, asking.Plan] = {}
    if config.questions.kinds:
        # In the order of the corpus: which chunks are asked about together depends on it.
        made = asking.plans(chunks, config.questions, teacher.questions_per_chunk, recipe.seed)
        plans = {chunk.id: plan for chunk, plan in zip(chunks, made, strict=True)}
    order = asking_order(chunks, recipe.seed)
    return [ChunkInquiry(chunk, teacher, plans.get(chunk.id)) for chunk in order]
