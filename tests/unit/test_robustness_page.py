"""Page, pictures and table of the robustness: self-contained, escaped, the same bytes each time."""

import copy
import csv
import io
import re
from dataclasses import replace

import pytest

from fake_engines import CONTRACT, REFUSAL
from robust_records import ARM, SUBJECTS, record_of, right
from robust_world import CHUNKS, make_subjects_of
from sfta.evaluation.robustness.curves import picture
from sfta.evaluation.robustness.documents import more_distractors
from sfta.evaluation.robustness.injections import injections
from sfta.evaluation.robustness.page import TITLES, render_page
from sfta.evaluation.robustness.table import table
from sfta.evaluation.robustness.wordings import languages, paraphrases, searched
from sfta.evaluation.themes import THEMES
from sfta.evaluation.wording import wordings_of

ATTACK = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def record():
    probes = [
        more_distractors(SUBJECTS, CHUNKS, 7, (0, 2)),
        injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT),
    ]
    return record_of(probes, lambda v: REFUSAL if v.origin == "q3" else right(v))


def page_of(record):
    pictures = {probe["name"]: b"\x89PNG" for probe in record["probes"]}
    return render_page(record, pictures, pictures)


def test_the_page_needs_nothing_else_and_runs_nothing(record):
    page = page_of(record)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert 'name="viewport"' in page


def test_the_page_says_in_words_what_the_figures_show(record):
    page = page_of(record)
    assert "Up to 2 distractors cost nothing measurable" in page
    assert "of the planted instructions had their effect" in page
    assert "Only 20 questions" in page
    for probe in record["probes"]:
        assert TITLES[probe["name"]][0] in page


def test_names_from_the_benchmark_are_escaped():
    subjects = make_subjects_of(1, 2, variants=wordings_of({ATTACK: ["What?"]}))
    assert languages(subjects) == []
    record = record_of(
        [searched("paraphrase", subjects, paraphrase(subjects), lambda q: cases(subjects, q))],
        right, subjects,
    )  # fmt: skip
    assert ATTACK not in page_of(record)
    assert "&lt;script&gt;" in page_of(record)


def paraphrase(subjects):
    return paraphrases(subjects, 7, lambda text, _: text)


def cases(subjects, questions):
    return [replace(s.case, question=q) for s, q in zip(subjects, questions, strict=True)]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("theme", list(THEMES))
def test_a_picture_is_the_same_each_time(record, place, theme):
    probe = record["probes"][place]
    first = picture(probe, record["arms"], THEMES[theme])
    assert first.startswith(b"\x89PNG")
    assert first == picture(probe, record["arms"], THEMES[theme])


def test_what_was_not_measured_leaves_a_gap_in_a_curve(record):
    probe = copy.deepcopy(record["probes"][0])
    figure = probe["conditions"][1]["arms"][ARM]["figures"]["over_refusal"]
    figure["value"] = figure["interval"] = None
    assert picture(probe, record["arms"]).startswith(b"\x89PNG")


def test_the_table_has_a_line_for_every_figure(record):
    rows = list(csv.DictReader(io.StringIO(table(record["probes"]).decode())))
    wanted = sum(
        len(found["figures"])
        for probe in record["probes"]
        for one in probe["conditions"]
        for found in one["arms"].values()
    )
    assert len(rows) == wanted
    first = rows[0]
    assert (first["probe"], first["condition"], first["figure"]) == (
        "distractors", "0", "token_f1",
    )  # fmt: skip
    assert first["change"] == ""
    clean = next(
        r for r in rows if r["condition"] == "clean" and r["figure"] == "attack_success"
    )
    assert clean["value"] == clean["low"] == ""
