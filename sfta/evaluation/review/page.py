"""One HTML file to read and edit a question set; what it saves is a benchmark file again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.core.page.rendering import render
from sfta.core.problems import problem_list
from sfta.evaluation.questions import KEYS, read_questions
from sfta_edge.errors import ConfigError

LARGEST_FILE = 64 << 20
"""Bytes; a browser shows more, but slowly."""


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """A page, and how many questions it shows."""

    html: str
    questions: int


def question_page(path: Path) -> QuestionPage:
    """The page of a benchmark file.

    Raises:
        ConfigError: the file is no benchmark file, too large, or holds what a script cannot read.
    """
    if path.is_file() and path.stat().st_size > LARGEST_FILE:
        raise ConfigError(
            f"{path} holds more than {LARGEST_FILE >> 20} MiB",
            hint="Review a part of it, or import it with fewer --passages.",
        )
    questions = read_questions(path)
    raw = path.read_bytes()
    data = _page_data(path, raw.decode("utf-8"))
    data["digest"] = hashlib.sha256(raw).hexdigest()
    html = render(
        "sfta.evaluation.review",
        template="questions.html.j2",
        scripts=("changes.js", "form.js", "questions.js"),  # functions first, then what runs
        styles=("questions.css",),
        data=data,
        name=path.name,
        count=len(questions),
    )
    return QuestionPage(html, len(questions))


def _page_data(path: Path, text: str) -> dict[str, Any]:
    """Every line as it is, which of them are questions, and values that only go along.

    A script reads numbers as 64-bit floats. Values that it does not edit go back as they are
    spelled here.
    """
    lines, rows, problems = text.split("\n"), [], []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            rows.append({"line": number, "own": _own_values(json.loads(line))})
        except ValueError as error:
            problems.append(f"line {number + 1}: {error}")
    if problems:
        raise ConfigError(
            problem_list(f"{path} cannot be edited in a browser", problems),
            hint="Numbers of JSON are finite.",
        )
    return {"file": path.name, "lines": lines, "rows": rows, "none": "no question"}


def _own_values(row: Mapping[str, Any]) -> dict[str, str]:
    own = {key: value for key, value in row.items() if key not in KEYS}
    return {
        key: json.dumps(value, ensure_ascii=False, allow_nan=False)
        for key, value in own.items()
    }
