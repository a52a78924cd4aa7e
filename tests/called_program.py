"""The program, called as a process or in this one, on a small recipe."""

import logging
import sys

import pytest

from sfta.cli import main as program
from sfta.core.artifact import writing

RECIPE = "name: pumps\ningest:\n  sources: [documents]\nmodel:\n  base: models/student\n"


@pytest.fixture
def logging_as_before():
    """A command sets up the program's logger; put it back for the other tests."""
    logger = logging.getLogger("sfta")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def call_program(monkeypatch, capsys, logging_as_before):
    """Call the program in this process: exit code, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sfta", *map(str, arguments)])
        monkeypatch.setattr(program, "_silence_libraries", lambda: None)
        with pytest.raises(SystemExit) as info:
            program.main()
        said = capsys.readouterr()
        return info.value.code, said.out, said.err

    return run


@pytest.fixture
def recipe_folder(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")
    return tmp_path


@pytest.fixture
def corpus_artifact(tmp_path):
    facts = {"metrics": {"chunks": 2}, "made_at": "2026-01-01T00:00:00Z"}
    with writing(tmp_path / "runs/chunk/0123456789abcdef", "corpus", facts) as out:
        (out / "chunks.jsonl").write_text("{}\n", "utf-8")
    return tmp_path / "runs/chunk/0123456789abcdef"
