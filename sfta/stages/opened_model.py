"""A model that is open for questions, with what tells its replies from those of others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from sfta.core.record_cache import FOLDER, RecordCache
from sfta.core.stage import Job
from sfta.evaluation.arms import Arm, Reply, arm_of
from sfta.evaluation.asking import Asker, answer_arm
from sfta.evaluation.cases import Case
from sfta.evaluation.forgetting import MAX_TOKENS, general_questions, plain
from sfta.evaluation.kept_replies import FILE as REPLIES
from sfta.evaluation.kept_replies import KeptReplies
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.outcome import ArmResult
from sfta.recipe import Recipe
from sfta.stages.index import EMBEDDER
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.kept_vectors import KeptVectors
from sfta_edge.llama import variant
from sfta_edge.manifest import sha256_file
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import similarities
from sfta_edge.settings import AnswerSettings


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model, ready to be opened."""

    file: Path
    """GGUF."""
    contract: PromptContract
    trained: bool
    """It was trained on the contract; else it has to be told how to answer."""


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """One model in memory, with a prompt and settings."""

    asker: Asker
    identity: tuple[str, ...]
    """Digests of the model and the embedder, and the variant of the runtime."""
    cache: Path
    """Folder of replies to earlier evaluations."""

    def told(self, contract: PromptContract) -> Self:
        """The same model with another prompt."""
        return replace(self, asker=replace(self.asker, contract=contract))

    def with_settings(self, **changes: Any) -> Self:
        """The same model with some settings changed."""
        settings = replace(self.asker.settings, **changes)
        return replace(self, asker=replace(self.asker, settings=settings))

    def answer(
        self, arm: Arm, cases: Sequence[Case], work: Path, timed: int
    ) -> tuple[ArmResult, list[Reply]]:
        """Answers of one arm, and those to questions that were asked alone.

        What this model was asked before in the same way is known.
        """
        asker = self.asker
        with RecordCache(self.cache / FOLDER / REPLIES) as cache:
            spelt = asker.contract.to_bytes().hex()
            kept = KeptReplies(
                cache, *self.identity, spelt, asdict(asker.settings), arm.context
            )
            return answer_arm(asker, arm, cases, work, timed, kept)

    def general_replies(self, model: str, work: Path) -> list[str]:
        """Replies to the general questions, asked plainly."""
        questions = general_questions()
        oracles = resolve_oracles(questions, [])
        cases = [Case(q, o, (), (), ()) for q, o in zip(questions, oracles, strict=True)]
        bare = self.told(plain(self.asker.contract)).with_settings(
            max_tokens=MAX_TOKENS, choose_quotes=False, refusal_threshold=0.5
        )
        folder = work / "general"
        folder.mkdir(exist_ok=True)
        result, _ = bare.answer(arm_of(f"{model}_closed"), cases, folder, 0)
        return [reply.completion for reply in result.replies]


@contextmanager
def opened(
    job: Job[Recipe], named: NamedModel, settings: AnswerSettings
) -> Iterator[OpenedModel]:
    """Load a model beside the embedder of the index, both for as long as the block lasts."""
    with (
        Embedder(job.inputs["index"].file(EMBEDDER)) as embeds,
        Engine(named.file, context_tokens=settings.context_tokens or 4096) as engine,
    ):
        asker = Asker(
            engine, named.contract, settings, partial(similarities, KeptVectors(embeds))
        )
        identity = (sha256_file(named.file)[0], embeds.identity.sha256, variant())
        yield OpenedModel(asker, identity, job.runtime.cache)
