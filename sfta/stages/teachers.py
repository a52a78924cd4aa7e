"""Teachers that are models: made from the recipe, asked about chunks, and what came of each."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.core.stage import Runtime
from sfta.raft import asking, teaching
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.config import ExtractiveTeacher, GenerateConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import add_rejected
from sfta.raft.filters import unreadable_reply
from sfta.raft.teacher_config import GgufTeacher, ModelTeacher, OpenAITeacher
from sfta.recipe import Recipe
from sfta.stages.asking import endpoint_of, endpoint_problems, lasting, reply_folder
from sfta_edge.errors import SftaError
from sfta_edge.manifest import sha256_file

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Request, Teacher
    from sfta.adapters.teacher_budget import Budget
    from sfta.adapters.teacher_replies import Reply

_EXAMPLES = 5


def written_candidates(
    chunks: Sequence[CorpusChunk], recipe: Recipe, cache: Path, funnel: Funnel
) -> list[Candidate]:
    """Ask a model about every chunk; count what came of each chunk, and why it was nothing.

    Raises:
        SftaError: the teacher failed for good. Replies that have come in are kept.
    """
    # Loaded here: the HTTP client is not needed where rules write the questions.
    from sfta.adapters.teacher_asking import ask_all

    config, asked = recipe.generate, inquiries(chunks, recipe)
    outcome = _Outcome(asked)
    usage = ask_all(
        teacher_of(recipe), (inquiry.request() for inquiry in asked), reply_folder(cache),
        outcome.take, budget=budget_of(config), total=len(asked),
    )  # fmt: skip
    for chunk in chunks:
        add_rejected(funnel, outcome.lost.get(chunk.id, ()))
    funnel.notes["teacher"] = {**lasting(usage), **outcome.report()}
    funnel.facts |= {"from_disk": usage.from_disk, "retries": usage.retries}
    if config.price is not None:
        cost = budget_of(config).price
        funnel.facts["cost"] = round(cost.of(usage.tokens), 6) if cost else None
        funnel.facts["currency"] = config.price.currency
    return [candidate for chunk in chunks for candidate in outcome.found.get(chunk.id, ())]


@dataclass(slots=True)
class _Outcome:
    """Candidates by chunk, what in the replies is none, and the chunks that gave none."""

    asked: Sequence["Inquiry"]
    found: dict[str, list[Candidate]] = field(default_factory=dict)
    lost: dict[str, list[Rejected]] = field(default_factory=dict)
    nothing: dict[str, list[str]] = field(default_factory=dict)
    """By reason: ids of chunks."""

    def take(self, place: int, reply: "Reply") -> None:
        """Read the reply to the request at this place."""
        inquiry = self.asked[place]
        chunk, reason = inquiry.chunk, str(reply.status)
        read = inquiry.read(reply.text) if reply.text else None
        if read is None and reply.text:
            read = [], [unreadable_reply(reply.text, chunk.id, inquiry.teacher.model)]
            reason = "unreadable" if reason == "ok" else reason
        written, broken = read or ([], [])
        if broken:
            self.lost[chunk.id] = broken
        if written:
            self.found[chunk.id] = written
            return
        if reason == "ok":
            reason = "unusable" if broken else "empty"
        self.nothing.setdefault(reason, []).append(chunk.id)

    def report(self) -> dict[str, Any]:
        """Counts of chunks, and the first ids of every reason."""
        counts = Counter({reason: len(ids) for reason, ids in self.nothing.items()})
        return {
            "chunks": len(self.asked),
            "chunks_with_questions": len(self.found),
            "chunks_without": dict(sorted(counts.items())),
            "examples_without": {
                reason: sorted(ids)[:_EXAMPLES] for reason, ids in sorted(self.nothing.items())
            },
        }


def asking_order(chunks: Sequence[CorpusChunk], seed: int) -> list[CorpusChunk]:
    """The chunks as they are asked about: mixed, so that a budget falls on all documents."""
    return sorted(
        chunks, key=lambda chunk: hashlib.sha256(f"{seed}/{chunk.id}".encode()).digest()
    )


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked about one chunk, and how the reply is read."""

    chunk: CorpusChunk
    teacher: ModelTeacher
    plan: asking.Plan | None
    """Questions of named kinds; None: the teacher chooses."""

    def request(self) -> "Request":
        """What is sent; made when it is needed, since there may be very many."""
        from sfta.adapters.teacher_asking import Request

        teacher, plan = self.teacher, self.plan
        if plan is not None:
            narrow = asking.narrow_schema(plan) if self._narrow else asking.SCHEMA
            return Request(asking.messages_of(plan), narrow if teacher.json_schema else None)
        wanted = {
            "answerable": teacher.questions_per_chunk,
            "unanswerable": teacher.unanswerable_per_chunk,
        }
        schema = (
            teaching.narrow_schema(self.chunk, **wanted) if self._narrow else teaching.SCHEMA
        )
        messages = teaching.messages_for(self.chunk, **wanted)
        return Request(messages, schema if teacher.json_schema else None)

    def read(self, text: str) -> tuple[list[Candidate], list[Rejected]] | None:
        """Candidates in a reply and what in it is none; None if it cannot be read at all."""
        if self.plan is not None:
            return asking.read_items(text, self.plan, self.teacher.model)
        written = teaching.read_candidates(text, self.chunk, self.teacher.model)
        return None if written is None else (written, [])

    @property
    def _narrow(self) -> bool:
        """Whether the schema holds the model token by token, and may name the chunk's text."""
        return isinstance(self.teacher, GgufTeacher)


def inquiries(chunks: Sequence[CorpusChunk], recipe: Recipe) -> list[Inquiry]:
    """What the teacher is asked, one for each chunk, in the order of the asking."""
    config, teacher = recipe.generate, recipe.generate.teacher
    if isinstance(teacher, ExtractiveTeacher):
        return []
    plans: dict[str, asking.Plan] = {}
    if config.questions.kinds:
        # In the order of the corpus: which chunks are asked about together depends on it.
        made = asking.plans(chunks, config.questions, teacher.questions_per_chunk, recipe.seed)
        plans = {chunk.id: plan for chunk, plan in zip(chunks, made, strict=True)}
    order = asking_order(chunks, recipe.seed)
    return [Inquiry(chunk, teacher, plans.get(chunk.id)) for chunk in order]


def requests_of(chunks: Sequence[CorpusChunk], recipe: Recipe) -> Iterator["Request"]:
    """What the teacher is sent, one for each chunk, in the order of the asking."""
    return (inquiry.request() for inquiry in inquiries(chunks, recipe))


def teacher_of(recipe: Recipe) -> "Teacher":
    """The teacher that the recipe names, ready to be asked.

    Raises:
        SftaError: there is no key, no such model, or a package is missing.
    """
    teacher = recipe.generate.teacher
    if isinstance(teacher, OpenAITeacher):
        from sfta.adapters.teacher_openai import EndpointTeacher

        return EndpointTeacher(endpoint_of(teacher))
    if isinstance(teacher, GgufTeacher):
        from sfta.adapters.teacher_gguf import GgufModelTeacher, LocalModel

        return GgufModelTeacher(
            LocalModel(
                model_file(teacher, recipe), teacher.context_tokens,
                teacher.max_output_tokens, teacher.temperature,
            )
        )  # fmt: skip
    raise SftaError("rules write the questions: there is no model to ask")


def model_file(teacher: GgufTeacher, recipe: Recipe) -> Path:
    """The GGUF file of a local teacher.

    Raises:
        SftaError: there is no such file.
    """
    from sfta.adapters.hub import local_path

    path = local_path(teacher.model, root=recipe.root)
    if path is None or not path.is_file():
        raise SftaError(f"generate.teacher.model: {teacher.model} is no GGUF file here")
    return path


def budget_of(config: GenerateConfig) -> "Budget":
    """The recipe's budget as the asking takes it."""
    from sfta.adapters.teacher_budget import Budget, Price

    price = config.price
    return Budget(
        config.budget.tokens,
        config.budget.money,
        Price(price.prompt, price.completion, price.currency) if price else None,
    )


def teacher_problems(recipe: Recipe, _runtime: Runtime) -> list[str]:
    """Cheap checks of the teacher; one sentence per problem."""
    teacher = recipe.generate.teacher
    if isinstance(teacher, OpenAITeacher):
        return endpoint_problems(teacher)
    if isinstance(teacher, GgufTeacher):
        try:
            model_file(teacher, recipe)
        except SftaError as error:
            return [str(error)]
    return []


def teacher_content(recipe: Recipe) -> dict[str, str]:
    """Digest of a local teacher's file: the recipe names it, its content decides the rows."""
    teacher = recipe.generate.teacher
    if not isinstance(teacher, GgufTeacher):
        return {}
    try:
        return {"teacher": sha256_file(model_file(teacher, recipe))[0]}
    except SftaError:
        return {}  # the check says so
