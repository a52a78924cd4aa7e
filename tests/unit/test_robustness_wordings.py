"""Other wordings: those of the benchmark, by rule, mistyped, and in other languages."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from robust_world import CHUNKS, make_case, make_subjects_of
from sfta.evaluation.robustness.wordings import (
    ORIGINAL,
    RULES,
    is_language,
    languages,
    misspelt,
    paraphrases,
    searched,
    typos,
)
from sfta.evaluation.wording import Wording, wordings_of

TEXT = "At which pressure does the valve CV-1 open, 4.2 bar or more?"
DRAWN = st.binary(min_size=32, max_size=32)
VARIANTS = wordings_of({"paraphrase": ["Volume of tank 1?"], "de": ["Inhalt von Tank 1?"]})


def swap_how(text, _drawn):
    return text.replace("How many", "What number of")


def search(questions):
    return [replace(make_case(2), question=question) for question in questions]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("de", True), ("pt-BR", True), ("deu", True), ("paraphrase", False), ("DE", False)],
)
def test_a_language_is_told_by_its_code(name, expected):
    assert is_language(name) is expected


def test_wordings_of_the_benchmark_are_taken_before_rules():
    subjects = make_subjects_of(1, variants=VARIANTS) + make_subjects_of(2)
    made = paraphrases(subjects, 7, swap_how)
    assert [(one.condition, one.question.question) for one in made] == [
        ("paraphrase", "Volume of tank 1?"),
        (RULES, "What number of litres of oil does tank 2 hold?"),
    ]


def test_what_no_rule_changes_is_left_out():
    assert paraphrases(make_subjects_of(1), 7, lambda text, _: text) == []


def test_languages_are_the_wordings_that_are_named_so():
    (one,) = languages(make_subjects_of(1, variants=VARIANTS))
    assert (one.condition, one.question.question) == ("de", "Inhalt von Tank 1?")
    assert one.question.answers == make_case(1).question.answers


def test_several_texts_of_one_name_are_all_asked():
    subjects = make_subjects_of(1, variants=(Wording("de", "Wie?"), Wording("de", "Was?")))
    made = languages(subjects)
    assert len({one.question.id for one in made}) == 2
    probe = searched("languages", subjects, made, search)
    assert [len(one.variants) for one in probe.conditions] == [1, 2]


def test_each_wording_is_given_what_the_search_finds_for_it():
    subjects = make_subjects_of(1, variants=VARIANTS)
    probe = searched("languages", subjects, languages(subjects), search)
    original, german = (one.variants[0] for one in probe.conditions)
    assert probe.reference == ORIGINAL == probe.conditions[0].name
    assert original.case.retrieved == make_case(1).retrieved
    assert german.case.retrieved == tuple(CHUNKS[2:5])
    assert german.origin == original.origin == "q1"


def test_only_questions_that_were_reworded_are_asked_in_the_original():
    subjects = make_subjects_of(1, variants=VARIANTS) + make_subjects_of(2)
    probe = searched("languages", subjects, languages(subjects), search)
    assert [len(one.variants) for one in probe.conditions] == [1, 1]
    assert probe.conditions[1].skipped == {"there is no such wording": 1}


def test_without_wordings_there_is_only_an_empty_original():
    probe = searched("languages", make_subjects_of(1), [], search)
    assert [len(one.variants) for one in probe.conditions] == [0]


@given(drawn=DRAWN)
def test_swapped_letters_keep_length_letters_and_names(drawn):
    text = misspelt(TEXT, "swapped letters", drawn)
    assert text != TEXT
    assert sorted(text) == sorted(TEXT)
    assert "CV-1" in text
    assert "4.2 bar" in text
    assert [word[0] for word in text.split()] == [word[0] for word in TEXT.split()]


@given(text=st.text(max_size=60), drawn=DRAWN)
def test_any_text_can_be_mistyped(text, drawn):
    for kind in ("swapped letters", "no punctuation", "lower case", "all at once"):
        assert misspelt(text, kind, drawn) == misspelt(text, kind, drawn)


def test_punctuation_goes_but_names_and_numbers_stay():
    assert misspelt(TEXT, "no punctuation", bytes(32)) == (
        "At which pressure does the valve CV-1 open 4.2 bar or more"
    )
    assert misspelt("Is C3 (left) +5 %?", "no punctuation", bytes(32)) == "Is C3 left 5"


def test_lower_case_and_all_at_once():
    assert misspelt(TEXT, "lower case", bytes(32)) == TEXT.lower()
    hasty = misspelt(TEXT, "all at once", bytes(32))
    assert hasty == hasty.lower()
    assert not hasty.endswith("?")


def test_every_kind_of_mistyping_is_asked():
    made = typos(make_subjects_of(1), 7)
    kinds = ["swapped letters", "no punctuation", "lower case", "all at once"]
    assert [one.condition for one in made] == kinds
    assert len({one.question.id for one in made}) == 4
