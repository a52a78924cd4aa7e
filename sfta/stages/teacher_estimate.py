"""What asking the teacher would come to, before anything is asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.core.artifact import Artifact
from sfta.core.stage import Runtime, plan_stages, select
from sfta.raft.config import ExtractiveTeacher, GenerateConfig, WrittenTeacher
from sfta.raft.corpus import CorpusChunk
from sfta.raft.teacher_config import ModelTeacher
from sfta.recipe import Recipe
from sfta.stages.asking import reply_folder
from sfta.stages.generate import read_chunks
from sfta.stages.inquiries import inquiries
from sfta.stages.pipeline import stages_of
from sfta.stages.stepwise import foreseen
from sfta.stages.teachers import budget_of, teacher_of
from sfta_edge.errors import ConfigError

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Request
    from sfta.adapters.teacher_budget import Tokens
    from sfta.adapters.teacher_replies import Reply

_TOKENS_PER_ITEM = 70  # a question with quote and answer as JSON, in English
_TOKENS_PER_KIND = 150  # with evidence, reason and other wordings too
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls, tokens and money. Tokens and costs are those of the calls still to make."""

    teacher: str
    chunks: int
    calls: int = 0
    """Requests that are not on disk yet."""
    on_disk: int = 0
    repeated: int = 0
    """Requests that equal another one."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_prompt_tokens: int = 0
    most_completion_tokens: int = 0
    measured_on: int = 0
    """Replies on disk whose tokens the estimate is scaled by; 0: it is a guess from lengths."""
    cost: float | None = None
    most_cost: float | None = None
    currency: str = ""
    budget: str = ""
    """What `generate.budget` would do: nothing, `fits`, `may end early`, `ends early`."""

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


class _Seen:
    """Different requests, and the tokens of those on disk and of the others."""

    def __init__(self) -> None:
        from sfta.adapters.teacher_budget import Tokens

        self.keys = set[str]()
        self.paid, self.known, self.missing = Tokens(), Tokens(), Tokens()


def corpus_of(recipe: Recipe, runtime: Runtime) -> Artifact:
    """The corpus that `sfta generate` would read.

    Raises:
        ConfigError: it is not made yet; an estimate makes nothing.
    """
    planned = plan_stages(select(stages_of(recipe), "chunk"), recipe, runtime)[-1]
    if planned.state != "reuse" or planned.path is None:
        raise ConfigError(
            "there are no chunks yet to count", hint="Run `sfta chunk` on this recipe first."
        )
    return Artifact.open(planned.path)


def estimate_asking(recipe: Recipe, corpus: Artifact, cache: Path) -> Estimate:
    """Count the requests; estimate tokens from replies on disk, or from lengths."""
    chunks = read_chunks(corpus.file("chunks.jsonl"))
    teacher = recipe.generate.teacher
    if isinstance(teacher, ExtractiveTeacher | WrittenTeacher):
        return Estimate(teacher.kind, len(chunks))
    # Loaded here: rules need none of it.
    from sfta.adapters.teacher_budget import Tokens
    from sfta.adapters.teacher_replies import reply_key

    seen, on_disk, repeated = _Seen(), 0, 0
    asked, replies = teacher_of(recipe, Runtime()), reply_folder(cache)

    def kept(request: "Request") -> "Reply | None":
        return replies.get(reply_key(asked.identity(request)))

    for request in _requests(chunks, recipe, teacher, kept):
        key, most = reply_key(asked.identity(request)), asked.most(request)
        if key in seen.keys:
            repeated += 1
            continue
        seen.keys.add(key)
        if reply := kept(request):
            on_disk += 1
            seen.paid += Tokens(reply.prompt_tokens, reply.completion_tokens)
            seen.known += most
        else:
            seen.missing += most
    calls = len(seen.keys) - on_disk
    exact = teacher.kind == "gguf"  # its tokens are counted, not bounded by bytes
    guess = Tokens(
        seen.missing.prompt // (1 if exact else _BYTES_PER_TOKEN),
        min(seen.missing.completion, calls * _tokens_per_reply(recipe.generate, teacher)),
    )
    likely = _scaled(seen) if on_disk else guess
    return Estimate(
        f"{teacher.kind}: {teacher.model}", len(chunks), calls, on_disk,
        repeated, likely.prompt, likely.completion, seen.missing.prompt,
        seen.missing.completion, on_disk, *_costs(recipe, likely, seen.missing),
        _verdict(recipe, seen.paid + likely, seen.paid + seen.missing),
    )  # fmt: skip


def _requests(
    chunks: Sequence[CorpusChunk],
    recipe: Recipe,
    teacher: ModelTeacher,
    kept: Callable[["Request"], "Reply | None"],
) -> Iterator["Request"]:
    """What would be sent, in its order."""
    if recipe.generate.questions.answered == "separately":
        return foreseen(chunks, recipe, teacher, kept)
    return (inquiry.request() for inquiry in inquiries(chunks, recipe))


def _tokens_per_reply(config: GenerateConfig, teacher: ModelTeacher) -> int:
    """A guess from what is asked for."""
    if config.questions.answered == "separately":
        return _TOKENS_PER_ITEM
    if config.questions.kinds:
        return teacher.questions_per_chunk * _TOKENS_PER_KIND
    return (teacher.questions_per_chunk + teacher.unanswerable_per_chunk) * _TOKENS_PER_ITEM


def _costs(
    recipe: Recipe, likely: "Tokens", most: "Tokens"
) -> tuple[float | None, float | None, str]:
    price = budget_of(recipe.generate).price
    return (price.of(likely), price.of(most), price.currency) if price else (None, None, "")


def _scaled(seen: "_Seen") -> "Tokens":
    """What the missing requests cost if they are like those on disk."""
    missing, paid, known = seen.missing, seen.paid, seen.known
    return replace(
        missing,
        prompt=round(missing.prompt * paid.prompt / max(1, known.prompt)),
        completion=round(missing.completion * paid.completion / max(1, known.completion)),
    )


def _verdict(recipe: Recipe, likely: "Tokens", most: "Tokens") -> str:
    config, budget = recipe.generate.budget, budget_of(recipe.generate)
    if config.tokens is None and config.money is None:
        return ""
    if budget.exceeded_by(likely):
        return "ends early"
    return "may end early" if budget.exceeded_by(most) else "fits"
