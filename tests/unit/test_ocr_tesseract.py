"""The program tesseract: found or asked for in one line, limited, and given no secrets."""

import pytest
from PIL import Image

from pretended_tesseract import Pretended, hocr, without_tesseract
from sfta.documents.ocr.recognition import UnseenError, read_picture
from sfta.documents.ocr.setting import LOW_CONFIDENCE, Ocr
from sfta.documents.ocr.tesseract import (
    NoTesseractError,
    PageTimeoutError,
    find_engine,
    run_tesseract,
)
from sfta_edge.errors import MissingDependencyError, ToolError

PAGE = Image.new("L", (400, 300), 255)
SIZE = (96.0, 72.0)


@pytest.fixture(autouse=True)
def _forget_engines():
    find_engine.cache_clear()
    yield
    find_engine.cache_clear()


@pytest.fixture
def program(tmp_path, monkeypatch):
    return Pretended(tmp_path, monkeypatch)


def ocr(**settings):
    return Ocr("auto", engine=str(find_engine(("eng",))), **settings)


def read(**settings):
    return read_picture(PAGE, 300, ocr(**settings), SIZE)


def test_the_engine_is_named_by_versions_and_digests_of_its_models(program):
    said = str(find_engine(("eng",)))
    assert said.startswith("tesseract 5.3.0, leptonica 1.82.0, eng ")
    assert ", osd " in said
    (program.folder / "eng.traineddata").write_text("another model")
    find_engine.cache_clear()
    assert str(find_engine(("eng",))) != said


def test_a_missing_program_says_how_to_get_it(tmp_path, monkeypatch):
    without_tesseract(tmp_path, monkeypatch)
    with pytest.raises(
        NoTesseractError, match=r"not installed: apt-get install tesseract-ocr$"
    ):
        find_engine(("eng",))


def test_an_old_program_is_refused(program):
    program.write(version="3.05.02")
    with pytest.raises(NoTesseractError, match=r"tesseract 3\.05\.02 is too old"):
        find_engine(("eng",))


def test_a_program_that_does_not_answer_is_said(program, monkeypatch):
    monkeypatch.setattr("sfta.documents.ocr.tesseract._ASK_SECONDS", 0.5)
    (program.folder / "tesseract").write_text("#!/bin/sh\nexec sleep 60\n")
    find_engine.cache_clear()
    with pytest.raises(ToolError, match="tesseract does not answer"):
        find_engine(("eng",))


def test_missing_languages_say_which_packages_to_install(program):
    with pytest.raises(MissingDependencyError) as error:
        find_engine(("deu", "eng", "chi_sim", "script/Latin"))
    assert not isinstance(error.value, NoTesseractError)
    assert str(error.value) == (
        "tesseract has no model for deu, chi_sim, script/Latin: apt-get install "
        "tesseract-ocr-deu tesseract-ocr-chi-sim tesseract-ocr-script-latin"
    )


def test_it_is_given_pixels_and_one_thread_and_no_secrets(program, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_KEY", "secret")
    run_tesseract(PAGE, 300, ["eng", "deu"], "text", 60)
    assert program.runs == ["stdin stdout --dpi 300 -l eng+deu --psm 3 hocr"]
    assert (program.folder / "pixels").read_bytes() == b"P5 400 300 255\n" + PAGE.tobytes()
    environment = (program.folder / "environment").read_text()
    assert "OMP_THREAD_LIMIT=1\n" in environment
    assert "AZURE" not in environment


def test_a_page_that_computes_too_long_is_stopped(program):
    program.write(extra="while :; do :; done")
    with pytest.raises(PageTimeoutError):
        run_tesseract(PAGE, 300, ["eng"], "text", 1)
    with pytest.raises(
        UnseenError, match=r"longer than ingest\.ocr\.page_seconds = 1"
    ) as error:
        read(page_seconds=1)
    assert error.value.code == "timeout"


def test_a_page_that_waits_for_ever_is_stopped(program, monkeypatch):
    monkeypatch.setattr("sfta.documents.ocr.tesseract.WALL_FACTOR", 0.5)
    program.write(extra="exec sleep 60")
    with pytest.raises(PageTimeoutError):
        run_tesseract(PAGE, 300, ["eng"], "text", 1)


def test_a_failing_program_says_its_last_line(program):
    program.write(extra="echo first >&2; echo broken model >&2; exit 3")
    with pytest.raises(ToolError, match="ended with status 3 broken model"):
        run_tesseract(PAGE, 300, ["eng"], "text", 60)
    with pytest.raises(UnseenError, match="broken model") as error:
        read()
    assert error.value.code == "crashed"


def test_a_page_without_words_is_said(program):
    program.answer(hocr([]))
    with pytest.raises(UnseenError, match="OCR found no text on it") as error:
        read()
    assert error.value.code == "no_text"


def test_words_lie_in_points_on_the_page(program):
    program.answer(hocr(["Close valve"]))
    (line,) = read().lines
    assert [word.text for word in line.words] == ["Close", "valve"]
    word = line.words[0]
    assert (word.x0, word.y0, word.x1, word.y1) == pytest.approx((72, 72, 100.8, 81.6))
    assert (word.size, word.baseline) == pytest.approx((12.0, 79.68))


def test_a_page_that_was_read_with_doubt_is_flagged(program):
    program.answer(hocr(["Close valve"], confidence=59))
    doubted = read()
    assert doubted.confidence == 59.0
    assert doubted.flags == [LOW_CONFIDENCE]
    assert doubted.counts["ocr_pages_low_confidence"] == 1
    assert read(least_confidence=50).flags == []


def test_a_page_that_reads_well_is_read_once(program):
    read()
    assert len(program.runs) == 1


def test_a_page_that_reads_badly_is_asked_for_its_upper_side(program):
    program.answer(hocr(["Close valve"], confidence=30))
    read()
    assert [("--psm 0" in run) for run in program.runs] == [False, True]


@pytest.mark.parametrize(("down", "turn"), [(True, 270), (False, 90)])
def test_lines_that_run_up_or_down_turn_the_page(program, down, turn):
    first, last = ("10 10 40 90", "10 100 40 200") if down else ("10 100 40 200", "10 10 40 90")
    words = "".join(
        f"<span class='ocrx_word' title='bbox {box}; x_wconf 95'>{text}</span>"
        for box, text in ((first, "Close"), (last, "valve"))
    )
    line = f"<span class='ocr_line' title='bbox 10 10 40 200; baseline 700 -9'>{words}</span>"
    program.answer(f"<html>{line}</html>")
    assert read().turn == turn
    assert len(program.runs) == 2


def test_an_unsure_orientation_turns_nothing(program):
    program.answer(hocr(["Close valve"], confidence=30))
    program.orientation(90, confidence=0.5)
    assert read().turn == 0
    assert len(program.runs) == 2


def test_lines_are_set_straight_and_their_words_find_back(program):
    program.answer(hocr(["one two three"] * 3, slope=0.05))
    page = read()
    assert page.tilt == pytest.approx(2.862, abs=0.001)
    assert len(program.runs) == 2
    middle = (47.0, 35.0, 49.0, 37.0)
    assert page.shown(middle) == pytest.approx(middle)
    # What stands level on the straight page runs down to the right on the page as shown.
    left, right = page.shown((10, 35, 12, 37)), page.shown((84, 35, 86, 37))
    assert (right[1] - left[1]) / (right[0] - left[0]) == pytest.approx(0.05)


def test_letters_of_nearly_one_size_get_one_size(program):
    text = hocr(["one two three"] * 4)
    program.answer(text.replace("x_size 50", "x_size 44", 1))
    assert {line.size for line in read().lines} == {12.0}
    program.answer(text.replace("x_size 50", "x_size 90", 1))
    assert [line.size for line in read().lines] == [21.5, 12.0, 12.0, 12.0]


def test_sideways_lines_are_kept_apart(program):
    program.answer(hocr(["Close valve"], angle="; textangle 90"))
    page = read()
    assert not page.lines
    assert [line.text for line in page.sideways] == ["Close valve"]


def test_each_page_begun_is_told_to_the_parent(program, tmp_path):
    beats = tmp_path / "beats"
    for _ in range(3):
        read(beats=str(beats))
    assert beats.read_bytes() == b"..."


def test_bullets_are_told_from_a_copyright_by_their_number(program):
    program.answer(hocr(["\u00a2 Close valve", "\u00a9 Open valve", "\u00ae Drain water"]))
    assert [line.words[0].text for line in read().lines] == ["\u2022"] * 3
    program.answer(hocr(["Close valve", "\u00a9 2026 Aldervane"]))
    assert read().lines[1].text == "\u00a9 2026 Aldervane"
