"""Real manuals with the real embedder: what is handed in answers questions, with its page."""

from pathlib import Path

import pytest

from sfta_edge.citation import Span
from sfta_edge.library.library import Library
from sfta_edge.library.limits import StoreLimits
from sfta_edge.retriever import Retriever

DOCUMENTS = Path(__file__).parents[2] / "configs/quickstart/documents"


@pytest.fixture(scope="module")
def manuals(tmp_path_factory, embedder):
    data = tmp_path_factory.mktemp("manuals")
    with Library(data, embedder, store_limits=StoreLimits(reserve_bytes=0)) as library:
        for name in ("safety-manual.pdf", "controller-handbook.pdf"):
            with (DOCUMENTS / name).open("rb") as stream:
                library.submit(stream, name)
        assert library.wait(300)
        assert [job.state for job in library.jobs()] == ["done", "done"]
    with Retriever(data / "knowledge.sqlite", embedder) as retriever:
        yield retriever


@pytest.mark.parametrize(
    ("question", "name", "words"),
    [
        ("Which safety valve protects the aftercooler?", "safety-manual.pdf", "SV-2"),
        ("How is a backup of the controller made?", "controller-handbook.pdf", "backup"),
    ],
)
def test_a_question_finds_the_passage(manuals, question, name, words):
    hits = manuals.search(question, 4)
    assert any(hit.chunk.name == name and words in hit.chunk.text for hit in hits)


def test_a_found_passage_has_headings_and_boxes_on_its_page(manuals):
    chunk = manuals.search("Which safety valve protects the aftercooler?", 1)[0].chunk
    assert "Pressure" in chunk.heading
    boxes = manuals.boxes(chunk.id, Span(0, len(chunk.text)))
    assert boxes
    for box in boxes:
        assert box.page == chunk.page
        assert 0 < box.x0 < box.x1 < box.page_width == pytest.approx(595, abs=2)
        assert 0 < box.y0 < box.y1 < box.page_height == pytest.approx(842, abs=2)
