"""The review page in a real browser: keys, filters, marks, and the file it saves."""

import json

import pytest

import opened_pages
from opened_pages import (
    MARKS,
    choose,
    fresh,
    loaded,
    press,
    saved,
    sticks_out,
    text,
    texts,
    until,
    visit,
)
from sfta.raft.corpus import CorpusChunk
from sfta.raft.rejections import parse_rejections
from sfta.raft.review.page import REASONS, review_page

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = MARKS
window = opened_pages.window
ATTACK = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
)
TEXTS = {
    "c1": f"{ATTACK} The pump weighs 3 kg.",
    "c2": "The fan weighs 2 kg.",
}
CHUNKS = {
    name: CorpusChunk(name, "d", f"Manual {ATTACK}", 3, 0, len(text), "2 Data", text)
    for name, text in TEXTS.items()
}
COUNT = 10_000
PASSED = COUNT + 1  # the one that was rejected by hand had passed the filters


def row(number, **changes):
    start = TEXTS["c1"].index("The pump")
    return {
        "id": f"r{number:05}",
        "question": f"How heavy is the pump number {number // 2}?",
        "kind": ("mass", "limit")[number % 2],
        "context": [{"chunk_id": "c2", "role": "distractor"}, {"chunk_id": "c1", "role": "oracle"}],
        "quotes": [{"chunk_id": "c1", "text": "The pump weighs 3 kg.", "start": start,
                    "end": start + 20}],
        "answer": "3 kg",
        "completion": '[2] "The pump weighs 3 kg."\nAnswer: 3 kg',
        "split": ("train", "test")[number % 5 == 0],
        "group": "d",
        "rejected_because": "",
    } | changes  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    rows = [row(number) for number in range(COUNT)]
    rejected = [row(COUNT + 1, rejected_because="question length"),
                row(COUNT + 2, rejected_because="by hand: old")]  # fmt: skip
    path = tmp_path_factory.mktemp("page") / "review.html"
    path.write_text(review_page("pumps", "0" * 64, rows, rejected, CHUNKS), "utf-8")
    return path


@pytest.fixture
def opened(window, page):
    with fresh(window, page) as shown:
        assert until(lambda: texts(shown, "mark b"))
        yield shown


def test_a_document_cannot_become_markup(opened):
    assert opened.title == "Rows of pumps"
    assert ATTACK in text(opened, ".chunk.oracle p")
    assert texts(opened, "article script, article img") == []


def test_quote_and_answer_are_marked_in_the_oracle_chunk(opened):
    assert texts(opened, "mark") == ["The pump weighs 3 kg"]
    assert texts(opened, "mark b") == ["3 kg"]
    assert texts(opened, ".role") == ["distractor", "oracle"]
    assert texts(opened, ".target b") == ["3 kg"]


def test_ten_thousand_rows_are_shown_fifty_at_a_time(opened):
    assert len(texts(opened, "#list li")) == 50
    assert text(opened, "#place") == f"1 to 50 of {PASSED}"
    press(opened, "j" * 50)
    assert text(opened, "#place") == f"51 to 100 of {PASSED}"
    press(opened, "k")
    assert text(opened, "#place") == f"1 to 50 of {PASSED}"
    opened.execute_script("document.getElementById('more').click()")
    assert "row r00050" in text(opened, "article")


def test_search_and_filters_narrow_the_rows(opened):
    press(opened, "/")
    press(opened, "number 4321?")
    assert until(lambda: text(opened, "#place") == "1 to 2 of 2")
    choose(opened, "kind", "limit")
    assert text(opened, "#place") == "1 to 1 of 1"
    choose(opened, "split", "test")
    assert text(opened, "#place") == "no row"
    assert "No row fits" in text(opened, "article")


def test_rows_that_filters_turned_away_are_shown_with_their_reason(opened):
    choose(opened, "reason", "why question length")
    assert text(opened, ".flag") == "Turned away: question length"
    assert opened.execute_script("return document.getElementById('reject').disabled")
    choose(opened, "reason", "mine")
    assert text(opened, ".flag") == "Rejected by hand: old"


def saved_rejections(window):
    path = saved(window, "rejections.jsonl")
    found, problems = parse_rejections(path.read_text("utf-8"))
    assert problems == []
    return {one.id: one for one in found}


def test_r_rejects_with_a_reason_and_the_file_is_one_that_generate_reads(opened):
    press(opened, "j")
    press(opened, "j")
    press(opened, "r")
    press(opened, "3")
    assert text(opened, "#said") == f"2 rows rejected: {REASONS[2]}."
    found = saved_rejections(opened)
    assert set(found) == {"r00002", "r00003", f"r{COUNT + 2}"}
    assert found["r00002"].reason == REASONS[2]
    assert found["r00002"].question == "How heavy is the pump number 1?"
    assert found["r00002"].answer == "3 kg"
    assert found[f"r{COUNT + 2}"].reason == "old"


def test_a_reason_can_be_written_and_a_row_taken_back(opened):
    press(opened, "r")
    opened.execute_script("document.getElementById('all').checked = false")
    opened.execute_script("document.getElementById('other').focus()")
    press(opened, "too j r 1 easy\n")
    assert text(opened, "#said") == "Row rejected: too j r 1 easy."
    press(opened, "k")
    assert text(opened, ".flag") == "Rejected by hand: too j r 1 easy"
    press(opened, "r")
    assert text(opened, "#said") == "Row taken back."
    assert set(saved_rejections(opened)) == {f"r{COUNT + 2}"}


def test_what_was_not_saved_is_back_when_the_page_is_opened_again(opened, page):
    press(opened, "r")
    press(opened, "1")
    opened.execute_script("state.saved = true;")
    visit(opened, page)
    assert text(opened, "#counts") == f"{PASSED} rows, 3 rejected by hand"
    assert "are back" in text(opened, "#said")


def test_a_saved_file_can_be_opened_again(opened, tmp_path):
    path = tmp_path / "rejections.jsonl"
    lines = [{"id": "r00009", "reason": "dull"}, {"id": "gone", "reason": "x"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    opened.find_element("id", "open").send_keys(str(path))
    assert until(lambda: "read" in (text(opened, "#said") or ""))
    assert text(opened, "#said") == "1 rejections read; 1 name rows that are not here."
    path.write_text("no", "utf-8")
    opened.find_element("id", "open").send_keys(str(path))
    assert until(lambda: "no file of rejections" in (text(opened, "#said") or ""))


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_at_the_side(opened, width):
    assert sticks_out(opened, width) == 0


def test_the_page_asks_nothing_of_any_server(opened):
    assert loaded(opened) == []
