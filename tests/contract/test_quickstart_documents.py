"""Contract of the quickstart: its PDFs match their sources, its questions match its PDFs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf
import pytest

open_pdf: Any = pymupdf.open

QUICKSTART = Path(__file__).resolve().parents[2] / "configs" / "quickstart"
DOCUMENTS = sorted((QUICKSTART / "documents").glob("*.pdf"))
KINDS = {
    "limit",
    "definition",
    "error_code",
    "procedure",
    "table",
    "location",
    "reason",
    "interval",
}
TITLES = {
    "Operator Manual": "operator-manual.pdf",
    "Maintenance Handbook": "maintenance-handbook.pdf",
    "Safety Manual": "safety-manual.pdf",
    "Commissioning Guide": "commissioning-guide.pdf",
    "Fault Code Reference": "fault-code-reference.pdf",
    "Controller Handbook": "controller-handbook.pdf",
}


def flat(text: str) -> str:
    """Return the text with every run of whitespace made one space."""
    return re.sub(r"\s+", " ", text).strip()


@cache
def pages_of(name: str) -> tuple[str, ...]:
    """Return the flattened text of every page of a document."""
    with open_pdf(QUICKSTART / "documents" / name) as document:
        return tuple(flat(page.get_text()) for page in document)


@cache
def sections_of(name: str) -> frozenset[str]:
    """Return the section numbers in the outline of a document."""
    with open_pdf(QUICKSTART / "documents" / name) as document:
        return frozenset(title.split(" ")[0] for _, title, _ in document.get_toc())


@cache
def questions() -> tuple[dict[str, Any], ...]:
    """Return the test questions."""
    lines = (QUICKSTART / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def answerable() -> list[dict[str, Any]]:
    """Return the questions that have an answer."""
    return [question for question in questions() if question["answerable"]]


def page_text(place: dict[str, Any]) -> str:
    """Return the text of the page that a question names."""
    name: str = place["document"]
    page: int = place["page"]
    return pages_of(name)[page - 1]


def test_there_are_at_least_four_documents_and_sixty_pages() -> None:
    assert len(DOCUMENTS) >= 4
    assert sum(len(pages_of(path.name)) for path in DOCUMENTS) >= 60


def test_the_documents_equal_a_fresh_render_byte_for_byte() -> None:
    done = subprocess.run(
        [sys.executable, str(QUICKSTART / "render.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_check_fails_when_a_document_differs(tmp_path: Path) -> None:
    copy = tmp_path / "quickstart"
    shutil.copytree(QUICKSTART, copy, ignore=shutil.ignore_patterns("__pycache__"))
    victim = copy / "documents" / "safety-manual.pdf"
    victim.write_bytes(victim.read_bytes() + b"\n")
    done = subprocess.run(
        [sys.executable, str(copy / "render.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "safety-manual.pdf" in done.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_page_has_its_running_header_and_footer(path: Path) -> None:
    pages = pages_of(path.name)
    for number, text in enumerate(pages, 1):
        assert "Aldervane Pneumatics CX-220" in text
        assert f"Page {number} of {len(pages)}" in text


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_document_has_a_title_and_an_outline(path: Path) -> None:
    with open_pdf(path) as document:
        assert document.metadata["title"] in TITLES
        assert len({level for level, _, _ in document.get_toc()}) >= 2


def test_the_reference_lists_at_least_forty_codes() -> None:
    text = " ".join(pages_of("fault-code-reference.pdf"))
    assert len(set(re.findall(r"\b[EWS]-\d{3}\b", text))) >= 40


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_cross_reference_leads_to_a_section(path: Path) -> None:
    text = flat(" ".join(pages_of(path.name)))
    pattern = rf"(?:({'|'.join(TITLES)}), )?(?:section|chapter) (\d+(?:\.\d+)*)"
    for title, number in re.findall(pattern, text):
        target = TITLES[title] if title else path.name
        assert number in sections_of(target), f"{path.name}: {title} {number}"


def test_there_are_enough_questions_of_both_sorts() -> None:
    assert len(questions()) >= 80
    assert len(questions()) - len(answerable()) >= 20


def test_question_ids_are_unique() -> None:
    ids = [question["id"] for question in questions()]
    assert len(ids) == len(set(ids))


def test_no_question_is_asked_twice() -> None:
    asked = [re.sub(r"\W+", " ", question["question"].lower()) for question in questions()]
    assert len(asked) == len(set(asked))


def test_every_question_has_a_known_kind() -> None:
    assert {question["kind"] for question in questions()} == KINDS


def test_no_answerable_question_lacks_an_answer_or_a_page() -> None:
    for question in answerable():
        assert question["answers"], question["id"]
        assert all(answer.strip() for answer in question["answers"]), question["id"]
        assert question["oracle_pages"], question["id"]


def test_every_answer_stands_on_the_page_it_names() -> None:
    for question in answerable():
        first, *others = question["oracle_pages"]
        assert flat(question["answers"][0]) in page_text(first), question["id"]
        for place in others:
            held = [
                answer for answer in question["answers"] if flat(answer) in page_text(place)
            ]
            assert held, f"{question['id']}: {place}"


def test_every_first_answer_is_short() -> None:
    for question in answerable():
        assert 1 <= len(question["answers"][0].split()) <= 12, question["id"]


def test_unanswerable_questions_hold_no_answer_and_name_a_near_page() -> None:
    for question in questions():
        if question["answerable"]:
            continue
        assert question["answers"] == []
        assert question["oracle_pages"] == []
        assert question["near_pages"], question["id"]
        assert all(page_text(place) for place in question["near_pages"])


def test_codes_in_unanswerable_questions_are_not_in_the_documents() -> None:
    text = " ".join(page for path in DOCUMENTS for page in pages_of(path.name))
    asked = [question["question"] for question in questions() if not question["answerable"]]
    codes = {code for line in asked for code in re.findall(r"\b[EWS]-\d{3}\b|\bF\d\b", line)}
    assert codes
    assert not [code for code in codes if re.search(rf"\b{code}\b", text)]


def test_every_question_can_be_understood_alone() -> None:
    pointing = re.compile(
        r"\b(above|below) (table|figure|page)|\bthis (table|figure|page)\b", re.IGNORECASE
    )
    loose = re.compile(
        r"\b(in the table|mentioned above|shown below|see above|see below)\b", re.IGNORECASE
    )
    for question in questions():
        assert not pointing.search(question["question"]), question["id"]
        assert not loose.search(question["question"]), question["id"]
        assert question["question"].endswith("?"), question["id"]


def test_answered_pages_are_spread_over_all_documents() -> None:
    named = {
        place["document"] for question in answerable() for place in question["oracle_pages"]
    }
    assert named == {path.name for path in DOCUMENTS}
