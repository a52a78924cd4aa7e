"""The judge of `evaluate`: the model that the recipe names, asked about every arm's answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.core.stage import Job
from sfta.evaluation.answer_judge import Messages
from sfta.evaluation.config import EndpointModel
from sfta.evaluation.judge_config import AnswerJudge, EndpointJudge, FileJudge
from sfta.evaluation.judged_answers import judge_answers
from sfta.evaluation.outcome import Evaluation
from sfta.recipe import Recipe
from sfta.stages.asking import configured, lasting, reply_folder
from sfta.stages.benchmark import dataset_rows
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import canonical_json, sha256_file, write_durably

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Teacher
    from sfta.adapters.teacher_openai import Endpoint

VERDICTS = "judge.jsonl"


def judge_evaluation(job: Job[Recipe], evaluation: Evaluation) -> dict[str, Any] | None:
    """What the judge found, for the report; its verdicts go to judge.jsonl. None: no judge.

    A judge that cannot tell planted right answers from wrong ones is marked unusable, and no
    answer is shown to it.

    Raises:
        SftaError: its endpoint failed for good, or its file cannot be read.
    """
    config = job.recipe.evaluate.judge
    if config is None:
        return None
    usage: list[dict[str, Any]] = []

    def ask(prompts: Sequence[Messages], schema: Mapping[str, Any]) -> list[str]:
        texts, spent = _ask(job, config, prompts, schema)
        usage.append(spent)
        return texts

    judged = judge_answers(evaluation, ask, config)
    lines = [canonical_json(line) + b"\n" for line in judged.lines]
    write_durably(job.out / VERDICTS, b"".join(lines))
    return {
        **judged.figures,
        "model": config.model,
        "is_the_teacher": _wrote_rows(job, config.model),
        "is_judged_itself": config.model in _judged_models(job.recipe),
        "usage": dict(zip(("self_test", "answers"), usage, strict=False)),
    }


def judge_problems(recipe: Recipe) -> list[str]:
    """Cheap checks of the judge; one sentence per problem."""
    config = recipe.evaluate.judge
    if isinstance(config, EndpointJudge):
        from sfta.adapters.teacher_openai import problems

        return problems(_endpoint(config))
    if isinstance(config, FileJudge):
        try:
            _file(config, recipe)
        except SftaError as error:
            return [f"evaluate.judge.model: {error}"]
    return []


def judge_content(recipe: Recipe) -> dict[str, str]:
    """Digest of a judge's file: the recipe names it, its content decides the verdicts."""
    config = recipe.evaluate.judge
    if not isinstance(config, FileJudge):
        return {}
    try:
        return {"judge": sha256_file(_file(config, recipe))[0]}
    except SftaError:
        return {}  # the check says so


def _ask(
    job: Job[Recipe],
    config: AnswerJudge,
    prompts: Sequence[Messages],
    schema: Mapping[str, Any],
) -> tuple[list[str], dict[str, Any]]:
    # Loaded here: neither is needed where nothing is asked.
    from sfta.adapters.teacher_asking import Request, ask_all

    held_to = schema if getattr(config, "json_schema", True) else None
    texts = [""] * len(prompts)
    usage = ask_all(
        _teacher(config, job.recipe),
        (Request(prompt, held_to) for prompt in prompts),
        reply_folder(job.runtime.cache),
        lambda place, reply: texts.__setitem__(place, reply.text),
        total=len(prompts),
        title="asking the judge of answers",
    )
    return texts, lasting(usage)


def _teacher(config: AnswerJudge, recipe: Recipe) -> "Teacher":
    if isinstance(config, EndpointJudge):
        from sfta.adapters.teacher_openai import EndpointTeacher

        return EndpointTeacher(_endpoint(config))
    from sfta.adapters.teacher_gguf import GgufModelTeacher, LocalModel

    return GgufModelTeacher(
        LocalModel(
            _file(config, recipe),
            config.context_tokens,
            config.max_output_tokens,
            temperature=0.0,
        )
    )


def _endpoint(config: EndpointJudge) -> "Endpoint":
    return configured(
        config,
        role="judge",
        settings="evaluate.judge",
        temperature=0.0,
        max_output_tokens=config.max_output_tokens,
    )


def _file(config: FileJudge, recipe: Recipe) -> Path:
    from sfta.adapters.hub import local_path

    path = local_path(config.model, root=recipe.root)
    if path is None or not path.is_file():
        raise ConfigError(
            f"{config.model} is no GGUF file here", hint="Check evaluate.judge.model."
        )
    return path


def _wrote_rows(job: Job[Recipe], model: str) -> bool:
    rows = dataset_rows(job, "train", "validation", "test")
    return any(row.get("teacher") == model for row in rows)


def _judged_models(recipe: Recipe) -> set[str]:
    """Names of the models whose answers are judged; a model likes its own."""
    named = recipe.evaluate.models.values()
    others = {
        model.model if isinstance(model, EndpointModel) else model.path for model in named
    }
    return {recipe.model.base, *others}
