"""Teachers that are models: made from the recipe, asked about chunks, and what came of each."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.core.stage import Runtime
from sfta.raft.candidate import Candidate, Funnel
from sfta.raft.config import ExtractiveTeacher, GenerateConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.teacher_config import GgufTeacher, OpenAITeacher
from sfta.raft.teaching import SCHEMA, messages_for, narrow_schema, read_candidates
from sfta.recipe import Recipe
from sfta_edge.errors import SftaError
from sfta_edge.manifest import sha256_file

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Request, Teacher
    from sfta.adapters.teacher_budget import Budget, Usage
    from sfta.adapters.teacher_openai import Endpoint
    from sfta.adapters.teacher_replies import Reply, ReplyFolder

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

    config, order = recipe.generate, asking_order(chunks, recipe.seed)
    outcome = _Outcome(order, getattr(config.teacher, "model", ""), {}, {})
    usage = ask_all(
        teacher_of(recipe), requests_of(order, config), reply_folder(cache), outcome.take,
        budget=budget_of(config), total=len(order),
    )  # fmt: skip
    funnel.notes["teacher"] = {**_lasting(usage), **outcome.report()}
    funnel.facts |= {"from_disk": usage.from_disk, "retries": usage.retries}
    if config.price is not None:
        cost = budget_of(config).price
        funnel.facts["cost"] = round(cost.of(usage.tokens), 6) if cost else None
        funnel.facts["currency"] = config.price.currency
    return [candidate for chunk in chunks for candidate in outcome.found.get(chunk.id, ())]


def _lasting(usage: "Usage") -> dict[str, Any]:
    """What is the same for the same replies, however often the run was interrupted."""
    names = ("requests", "repeated", "filtered", "refused", "cut", "not_asked",
             "prompt_tokens", "completion_tokens", "stopped_by")  # fmt: skip
    return {name: getattr(usage, name) for name in names}


@dataclass(slots=True)
class _Outcome:
    """Candidates by chunk, and the chunks that gave none."""

    order: Sequence[CorpusChunk]
    teacher: str
    found: dict[str, list[Candidate]]
    nothing: dict[str, list[str]]
    """By reason: ids of chunks."""

    def take(self, place: int, reply: "Reply") -> None:
        """Read the reply to the request at this place."""
        chunk = self.order[place]
        written = read_candidates(reply.text, chunk, self.teacher) if reply.text else None
        if written:
            self.found[chunk.id] = written
            return
        reason: str = reply.status
        if reason == "ok":
            reason = "empty" if written is not None else "unreadable"
        self.nothing.setdefault(reason, []).append(chunk.id)

    def report(self) -> dict[str, Any]:
        """Counts of chunks, and the first ids of every reason."""
        counts = Counter({reason: len(ids) for reason, ids in self.nothing.items()})
        return {
            "chunks": len(self.order),
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


def requests_of(chunks: Sequence[CorpusChunk], config: GenerateConfig) -> Iterator["Request"]:
    """What is asked about each chunk, in their order."""
    from sfta.adapters.teacher_asking import Request

    teacher = config.teacher
    if isinstance(teacher, ExtractiveTeacher):
        return
    wanted = {
        "answerable": teacher.questions_per_chunk,
        "unanswerable": teacher.unanswerable_per_chunk,
    }
    for chunk in chunks:
        schema = narrow_schema(chunk, **wanted) if teacher.kind == "gguf" else SCHEMA
        messages = messages_for(chunk, **wanted)
        yield Request(messages, schema if teacher.json_schema else None)


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


def endpoint_of(teacher: OpenAITeacher) -> "Endpoint":
    """The teacher's settings as its adapter takes them."""
    from sfta.adapters.teacher_openai import Endpoint

    return Endpoint(
        base_url=teacher.base_url, model=teacher.model, api_version=teacher.api_version,
        api_key_env=teacher.api_key_env, azure_identity=teacher.identity == "azure",
        temperature=teacher.temperature, max_output_tokens=teacher.max_output_tokens,
        concurrency=teacher.concurrency, attempts=teacher.attempts,
        timeout_seconds=teacher.timeout_seconds,
        requests_per_minute=teacher.requests_per_minute,
        tokens_per_minute=teacher.tokens_per_minute,
    )  # fmt: skip


def budget_of(config: GenerateConfig) -> "Budget":
    """The recipe's budget as the asking takes it."""
    from sfta.adapters.teacher_budget import Budget, Price

    price = config.price
    return Budget(
        config.budget.tokens,
        config.budget.money,
        Price(price.prompt, price.completion, price.currency) if price else None,
    )


def reply_folder(cache: Path) -> "ReplyFolder":
    """Replies that all recipes share."""
    from sfta.adapters.teacher_replies import ReplyFolder

    return ReplyFolder(cache.expanduser() / "replies")


def teacher_problems(recipe: Recipe, _runtime: Runtime) -> list[str]:
    """Cheap checks of the teacher; one sentence per problem."""
    teacher = recipe.generate.teacher
    if isinstance(teacher, OpenAITeacher):
        from sfta.adapters.teacher_openai import problems

        return problems(endpoint_of(teacher))
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
