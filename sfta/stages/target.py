"""The file of target questions that a recipe names."""

from pathlib import Path

from sfta.adapters import record_files
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError, SftaError

_TEXT_FILE = ".txt"


def target_file(recipe: Recipe) -> Path | None:
    """Where the file is, if the recipe names one."""
    name = recipe.generate.target.questions
    return recipe.root / name if name is not None else None


def target_questions(recipe: Recipe) -> tuple[str, ...]:
    """Different questions of the file, in its order; none if the recipe names no file.

    Raises:
        ConfigError: the file cannot be read, or holds no question.
    """
    path = target_file(recipe)
    if path is None:
        return ()
    lines = _lines(path) if path.suffix.casefold() == _TEXT_FILE else _records(path)
    found = dict.fromkeys(line for text in lines if (line := " ".join(text.split())))
    if not found:
        raise ConfigError(f"{path} holds no question")
    return tuple(found)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="Check the path.") from error


def _records(path: Path) -> list[str]:
    found: list[str] = []
    for record in record_files.read_records(path):
        text = record.value.get("question") if isinstance(record.value, dict) else None
        if not isinstance(text, str):
            problem = record.problem or "has no text in the field question"
            raise ConfigError(f"{path}: record {record.number}: {problem}")
        found.append(text)
    return found


def target_problems(recipe: Recipe) -> list[str]:
    """Cheap checks of the file; one sentence per problem."""
    try:
        target_questions(recipe)
    except SftaError as error:
        return [f"generate.target.questions: {line}" for line in str(error).split("\n")]
    return []
