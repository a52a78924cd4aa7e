"""The file of questions that people have written, when they are the teacher."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.adapters import record_files
from sfta.core.problems import problem_list
from sfta.raft.candidate import Candidate, Funnel
from sfta.raft.config import WrittenTeacher
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import add_rejected
from sfta.raft.written import WrittenQuestion, read_written, written_candidates
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError, SftaError


def written_file(recipe: Recipe) -> Path | None:
    """Where the file is, if people are the teacher."""
    teacher = recipe.generate.teacher
    return recipe.root / teacher.file if isinstance(teacher, WrittenTeacher) else None


def written_questions(path: Path) -> list[WrittenQuestion]:
    """The questions of the file.

    Raises:
        ConfigError: it cannot be read, or records are unusable; every problem is listed.
    """
    found, problems = read_written(record_files.read_records(path))
    if problems:
        raise ConfigError(problem_list(f"{path} cannot be used as questions", problems))
    return found


def candidates_of_people(
    path: Path,
    chunks: Sequence[CorpusChunk],
    documents: Sequence[Mapping[str, Any]],
    funnel: Funnel,
) -> list[Candidate]:
    """Candidates with their places in the corpus; the others go into the funnel."""
    names = {str(document["id"]): str(document["name"]) for document in documents}
    questions = written_questions(path)
    found, lost = written_candidates(questions, chunks, names)
    add_rejected(funnel, lost)
    funnel.notes["teacher"] = {"questions": len(questions), "placed": len(found)}
    return found


def written_problems(recipe: Recipe) -> list[str]:
    """Cheap checks of the file; one sentence per problem."""
    path = written_file(recipe)
    if path is None:
        return []
    try:
        written_questions(path)
    except SftaError as error:
        return [f"generate.teacher.file: {line}" for line in str(error).split("\n")]
    return []
