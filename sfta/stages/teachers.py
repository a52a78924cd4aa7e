"""Teachers that are models: made from the recipe, and checked before they are asked."""

from pathlib import Path
from typing import TYPE_CHECKING

from sfta.core.executor import executor_of
from sfta.core.stage import Runtime
from sfta.raft.config import GenerateConfig
from sfta.raft.teacher_config import GgufTeacher, OpenAITeacher
from sfta.recipe import Recipe
from sfta.stages.asking import endpoint_of, endpoint_problems
from sfta_edge.errors import SftaError
from sfta_edge.manifest import sha256_file

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Teacher
    from sfta.adapters.teacher_budget import Budget


def teacher_of(recipe: Recipe, runtime: Runtime) -> "Teacher":
    """The teacher that the recipe names, ready to be asked.

    A model in a file writes where the runtime says. An endpoint is asked from here: what is
    allowed in a minute is allowed to all together.

    Raises:
        SftaError: there is no key, no such model, or a package is missing.
    """
    teacher = recipe.generate.teacher
    if isinstance(teacher, OpenAITeacher):
        from sfta.adapters.teacher_openai import EndpointTeacher

        return EndpointTeacher(endpoint_of(teacher))
    if isinstance(teacher, GgufTeacher):
        from sfta.adapters.teacher_gguf import GgufModelTeacher, LocalModel

        model = LocalModel(
            model_file(teacher, recipe), teacher.context_tokens,
            teacher.max_output_tokens, teacher.temperature,
        )  # fmt: skip
        if runtime.executor == "local":
            return GgufModelTeacher(model)
        from sfta.adapters.teacher_spread import SpreadTeacher

        return SpreadTeacher(model, executor_of(runtime))
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
