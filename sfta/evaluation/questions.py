"""The benchmark file: questions with accepted answers, checked row by row."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.core.problems import problem_list
from sfta.core.records import is_list, is_page, is_text, misspelled
from sfta.evaluation.wording import Wording, are_wordings, wordings_of
from sfta_edge.errors import ConfigError

_UNANSWERABLE_KINDS = ("near_miss", "unanswerable", "written_unanswerable")
KEYS = (
    "id",
    "question",
    "answers",
    "answerable",
    "documents",
    "oracle_ids",
    "oracle_pages",
    "all_oracles",
    "reference",
    "kind",
    "group",
    "test_set",
    "variants",
)


@dataclass(frozen=True, slots=True)
class GivenDocument:
    """A document that comes with its question, and is not searched for."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class OraclePage:
    """A page that holds the answer."""

    document: str
    """File name of the document."""
    page: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of the benchmark file."""

    id: str
    question: str
    answers: tuple[str, ...]
    """Accepted answers; empty for a question without one."""
    answerable: bool
    """Whether the corpus, or the documents given here, hold the answer."""
    documents: tuple[GivenDocument, ...] = ()
    """The context, if the file brings its own; empty: the index is searched."""
    oracle_ids: tuple[str, ...] = ()
    """Chunks of the index, or documents given here, that hold the answer."""
    oracle_pages: tuple[OraclePage, ...] = ()
    all_oracles: bool = False
    """The answer needs every one of `oracle_ids`, not any one of them."""
    reference: str = ""
    """The answer in full sentences, for ROUGE-L and cosine. It is no accepted answer."""
    kind: str = "question"
    """What sort of question it is; the report has one line per kind."""
    group: str = ""
    """What it shares its fate with in a resample; empty: the document of its oracle."""
    test_set: str = ""
    """Which of several test sets it belongs to; each has its own line in the report."""
    variants: tuple[Wording, ...] = ()
    """Other wordings, for `sfta robustness`."""

    @property
    def references(self) -> tuple[str, ...]:
        """What an answer may resemble: the accepted answers and the long one."""
        return (*self.answers, self.reference) if self.reference else self.answers


def read_questions(path: Path) -> list[Question]:
    """Read a benchmark file.

    Raises:
        ConfigError: the file cannot be read or is empty, or rows are unusable; every problem
            is listed with its line, up to 20.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        raise ConfigError(
            f"there is no benchmark file {path}", hint="Check the path."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the benchmark file {path}: {error}") from error
    problems: list[str] = []
    questions: list[Question] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            question, found = _parse(line)
            problems += [f"line {number}: {problem}" for problem in found]
            questions += [question] if question else []
    problems += [f"id {name!r} is used twice" for name in _repeated(q.id for q in questions)]
    if not questions and not problems:
        problems = ["it holds no question"]
    if problems:
        raise ConfigError(
            problem_list(f"{path} cannot be used as a benchmark", problems),
            hint='Each line is a JSON object with "id", "question", "answers", "answerable".',
        )
    return questions


def questions_of_rows(
    rows: Iterable[Mapping[str, Any]], beside: Mapping[str, GivenDocument] | None = None
) -> list[Question]:
    """Questions from RAFT rows, one per wording, for want of a benchmark file.

    A row with a quote is answerable by the chunks it quotes; a near miss is unanswerable. A
    generated row that lost its oracle chunk is left out, because it does not say what its
    answer was. Rows from a file know it: without documents they are asked of the index, and
    documents that the index does not hold (`beside`, by chunk id) come along.
    """
    ordered = sorted(rows, key=lambda row: (not row["quotes"], str(row["id"])))
    questions: dict[str, Question] = {}
    for row in ordered:
        question = _question_of(row, beside or {})
        if question is not None:
            questions.setdefault(" ".join(question.question.split()).casefold(), question)
    return sorted(questions.values(), key=lambda question: question.id)


def _question_of(
    row: Mapping[str, Any], beside: Mapping[str, GivenDocument]
) -> Question | None:
    oracles = tuple(dict.fromkeys(str(quote["chunk_id"]) for quote in row["quotes"]))
    context = [str(entry["chunk_id"]) for entry in row.get("context") or ()]
    documents = tuple(beside[name] for name in context if name in beside)
    from_file = bool(documents) or row.get("context") == []
    refuses = not oracles and (not from_file or row["completion"] == row["answer"])
    if refuses and not documents and not str(row["kind"]).startswith(_UNANSWERABLE_KINDS):
        return None
    return Question(
        id=str(row["id"]),
        question=str(row["question"]),
        answers=() if refuses else (str(row["answer"]),),
        answerable=not refuses,
        documents=documents,
        oracle_ids=oracles,
        all_oracles=len(oracles) > 1,
        kind=str(row["kind"]),
        test_set=str(row.get("test_set") or "").replace("_", " "),
    )


def draw_evenly(questions: Sequence[Question], most: int | None, seed: int) -> list[Question]:
    """At most so many questions, one of each kind in turn, in the order they came in."""
    if most is None or most >= len(questions):
        return list(questions)
    by_kind: dict[str, list[Question]] = {}
    for question in sorted(questions, key=lambda q: _draw(f"{seed}/{q.id}")):
        by_kind.setdefault(question.kind, []).append(question)
    rounds = itertools.zip_longest(*(by_kind[kind] for kind in sorted(by_kind)))
    turns = (question for turn in rounds for question in turn if question is not None)
    chosen = {question.id for question in itertools.islice(turns, most)}
    return [question for question in questions if question.id in chosen]


def _draw(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _parse(line: str) -> tuple[Question | None, list[str]]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, [f"is not JSON: {error}"]
    if not isinstance(row, dict):
        return None, ["is not a JSON object"]
    problems = [*_key_problems(row), *_value_problems(row)]
    if problems:
        return None, problems
    return _question(row), []


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        id=row["id"],
        question=row["question"],
        answers=tuple(row["answers"]),
        answerable=row["answerable"],
        documents=tuple(
            GivenDocument(d["id"], d["title"], d["text"]) for d in row.get("documents") or []
        ),
        oracle_ids=tuple(row.get("oracle_ids") or []),
        oracle_pages=tuple(
            OraclePage(p["document"], p["page"]) for p in row.get("oracle_pages") or []
        ),
        all_oracles=row.get("all_oracles") or False,
        reference=row.get("reference") or "",
        kind=row.get("kind") or "question",
        group=row.get("group") or "",
        test_set=row.get("test_set") or "",
        variants=wordings_of(row.get("variants") or {}),
    )


def _key_problems(row: Mapping[str, Any]) -> list[str]:
    """Keys that are missing or misspelled; other keys are the file's own and stay unread."""
    missing = [f"{key!r} is missing" for key in KEYS[:4] if key not in row]
    return missing + misspelled(row, KEYS)


def _value_problems(row: Mapping[str, Any]) -> list[str]:
    problems = [
        f"{key!r} must be a text that is not empty"
        for key in ("id", "question")
        if key in row and not is_text(row[key])
    ]
    problems += [
        f"{key!r} must be a text"
        for key in ("reference", "kind", "group", "test_set")
        if not isinstance(row.get(key) or "", str)
    ]
    problems += [
        f"{key!r} must be a list of texts that are not empty"
        for key in ("answers", "oracle_ids")
        if not is_list(row.get(key) or [], is_text)
    ]
    problems += [
        f"{key!r} must be true or false"
        for key in ("answerable", "all_oracles")
        if key in row and not isinstance(row[key], bool)
    ]
    if not is_list(row.get("documents") or [], _is_document):
        problems.append("'documents' must be a list of {id, title, text}")
    if not is_list(row.get("oracle_pages") or [], is_page):
        problems.append("'oracle_pages' must be a list of {document, page}")
    if not are_wordings(row.get("variants") or {}):
        problems.append("'variants' must hold lists of texts by name")
    return problems or _contradictions(row)


def _contradictions(row: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    if row.get("answerable") is True and not row.get("answers"):
        problems.append("is answerable but has no answers")
    told = ("answers", "reference", "oracle_ids", "oracle_pages")
    evidence = [key for key in told if row.get(key)]
    if row.get("answerable") is False and evidence:
        problems.append(f"is not answerable but has {' and '.join(evidence)}")
    if row.get("all_oracles") and (row.get("oracle_pages") or not row.get("oracle_ids")):
        problems.append("'all_oracles' needs 'oracle_ids', and no 'oracle_pages'")
    documents = [document["id"] for document in row.get("documents") or []]
    if repeated := _repeated(documents):
        problems.append(f"document id {repeated[0]!r} is used twice")
    if documents and row.get("oracle_pages"):
        problems.append("'oracle_pages' are pages of the index; use 'oracle_ids' here")
    if documents and (unknown := set(row.get("oracle_ids") or []) - set(documents)):
        problems.append(f"oracle id {min(unknown)!r} is not among its documents")
    return problems


def _is_document(value: object) -> bool:
    return (
        isinstance(value, dict)
        and is_text(value.get("id"))
        and isinstance(value.get("title"), str)
        and is_text(value.get("text"))
    )


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for name in names:
        if name in seen:
            repeated[name] = None
        seen.add(name)
    return list(repeated)
