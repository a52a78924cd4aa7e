"""What an arm is asked with: the file of its model, its prompt, and what is fitted for it."""

import hashlib
from collections.abc import Mapping, Sequence

from sfta.adapters import hub
from sfta.core.stage import Job
from sfta.evaluation.arms import Arm
from sfta.evaluation.asking import Asker, calibrate
from sfta.evaluation.calibration import Calibration
from sfta.evaluation.config import BASE, TRAINED, EvaluateConfig, FileModel
from sfta.evaluation.examples import Example, draw_examples
from sfta.evaluation.prompting import closed, told, with_examples
from sfta.recipe import Recipe
from sfta.stages.benchmark import dataset_rows
from sfta.stages.compared_models import named_model, scheme_of
from sfta.stages.opened_model import NamedModel, OpenedModel
from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk
from sfta_export.gguf import model_gguf


def model_of(job: Job[Recipe], model: str, contract: PromptContract) -> NamedModel:
    """The file and the prompt of a model that an arm names.

    Args:
        job: its recipe names the models.
        model: `base`, `raft` or one of `evaluate.models` that is a file.
        contract: of the model that ships.

    Raises:
        SftaError: it is not there, or cannot be made.
    """
    compared = job.recipe.evaluate.models.get(model)
    if isinstance(compared, FileModel):
        return named_model(job.recipe, job.runtime, compared.path)
    scheme, cache = scheme_of(job.recipe), job.runtime.cache
    if model == TRAINED:
        return NamedModel(
            job.inputs["gguf"].file(f"model-{scheme}.gguf"), contract, trained=True
        )
    if model != BASE:
        raise ConfigError(
            f"{model} is no model in a file", hint="Name its file in evaluate.models."
        )
    base = hub.resolve_model(job.recipe.model.base, cache, root=job.recipe.root)
    return NamedModel(model_gguf(base, cache, scheme), contract, trained=False)


def has_learnt(config: EvaluateConfig, model: str) -> bool:
    """Whether a model was trained to answer as RAFT does, so that something is fitted for it."""
    compared = config.models.get(model)
    if isinstance(compared, FileModel):
        return compared.choose_quotes
    return model == TRAINED


def spelt(
    config: EvaluateConfig,
    contract: PromptContract,
    arm: Arm,
    examples: Sequence[Example],
    *,
    trained: bool,
) -> PromptContract:
    """What an arm is told; a model is not told what it has learnt.

    Args:
        config: says what a model without documents is told.
        contract: of the arm's model.
        arm: model and context.
        examples: of `examples_for`.
        trained: the model was trained on the contract.
    """
    if not trained and arm.context == "closed":
        return closed(contract, config.closed_system)
    suited = contract if trained else told(contract)
    return with_examples(suited, examples) if arm.context == "few_shot" else suited


def fitted(
    job: Job[Recipe], model: str, found: OpenedModel, chunks: Mapping[str, Chunk]
) -> tuple[OpenedModel, Calibration | None]:
    """A model with the weights and the refusal threshold that suit it.

    A model that was not trained keeps its own choice: it does not begin an answer with a
    quote, so its first token does not tell an answer from a refusal.
    """
    most = job.recipe.evaluate.calibration_rows
    if not most:
        return found, None
    # The device never asks without documents: such rows say nothing of when it should refuse.
    shown = [row for row in dataset_rows(job, "validation") if row["context"]]
    rows = sorted(shown, key=lambda row: _draw(job.recipe.seed, row["id"]))[:most]
    fit = calibrate(found.asker, rows, chunks, job.work / f"calibration-{model}.json")
    ready = found.with_settings(refusal_threshold=fit.threshold, weights=fit.weights)
    return ready, fit


def examples_for(
    job: Job[Recipe], arms: Sequence[Arm], chunks: Mapping[str, Chunk], refusal: str
) -> list[Example]:
    """What the arms with examples are shown first; none if there is no such arm.

    Raises:
        ConfigError: the dataset holds none.
    """
    if not any(arm.context == "few_shot" for arm in arms):
        return []
    wanted, rows = job.recipe.evaluate.few_shot, dataset_rows(job, "train")
    found = draw_examples(rows, chunks, refusal, wanted, job.recipe.seed)
    if not found:
        raise ConfigError(
            "no training row can serve as an example for the arms few_shot",
            hint="Rows with quotes and chunks can. Leave these arms out, or use such a dataset.",
        )
    return found


def require_room(asker: Asker) -> None:
    """Examples must leave half of the context to question and answer.

    Raises:
        ConfigError: they do not.
    """
    prefix = asker.contract.prompt_ids([], "?", asker.engine.tokenize)[0]
    if len(prefix) * 2 > asker.engine.context_tokens:
        raise ConfigError(
            f"the examples take {len(prefix)} of {asker.engine.context_tokens} tokens",
            hint="Lower evaluate.few_shot, or raise evaluate.context_tokens.",
        )


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
