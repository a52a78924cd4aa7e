"""Figures of the robustness: what answers count for, paired changes, places and sentences."""

from dataclasses import replace

import numpy as np
import pytest

from fake_engines import CONTRACT, REFUSAL
from robust_records import ARM, SUBJECTS, record_of, right, says
from robust_world import CHUNKS
from sfta.evaluation.robustness.contradictions import AFTER, ALONE, ONLY, contradictions
from sfta.evaluation.robustness.documents import (
    every_position,
    more_distractors,
    wrong_documents,
)
from sfta.evaluation.robustness.injections import ALL, CLEAN, injections
from sfta.evaluation.robustness.outcomes import BY_KEY, COLUMNS, figures
from sfta.evaluation.robustness.variants import Probe
from sfta.evaluation.robustness.wordings import ORIGINAL, languages, searched
from sfta.evaluation.wording import wordings_of


def found(record, name, probe=0):
    conditions = record["probes"][probe]["conditions"]
    return next(one for one in conditions if one["name"] == name)["arms"][ARM]


def said(record, probe=0):
    return " ".join(record["probes"][probe]["sentences"][ARM])


def distractor_probe():
    return more_distractors(SUBJECTS, CHUNKS, 7, (0, 2, 5))


def test_every_figure_names_columns_that_exist():
    assert {name for one in BY_KEY.values() for name in (one.part, one.whole)} <= set(COLUMNS)


def test_a_figure_of_nothing_is_no_number():
    assert np.isnan(figures(np.zeros(len(COLUMNS)))["token_f1"])


def test_a_model_that_is_always_right_loses_nothing():
    record = record_of([distractor_probe()], right)
    assert found(record, "5")["figures"]["token_f1"] == {
        "value": 1.0, "interval": [0.831567, 1.0], "n": 20,
    }  # fmt: skip
    assert found(record, "5")["figures"]["citation_recall"]["value"] == 1.0
    assert found(record, "5")["changes"]["token_f1"]["value"] == 0.0
    assert "changes" not in found(record, "0")
    assert "Up to 5 distractors cost nothing measurable" in said(record)


def test_a_model_that_drowns_is_named_with_the_number_that_drowns_it():
    record = record_of(
        [distractor_probe()], lambda v: right(v) if len(v.case.retrieved) < 5 else REFUSAL
    )
    assert found(record, "5")["changes"]["token_f1"] == {
        "value": -1.0,
        "interval": [-1.0, -1.0],
    }
    assert found(record, "5")["figures"]["over_refusal"]["value"] == 1.0
    assert "Up to 2 distractors cost nothing measurable" in said(record)
    assert "5 distractors: token F1 falls to 0.00" in said(record)


def test_chunks_that_did_not_fit_are_counted_and_said():
    record = record_of([distractor_probe()], right, given=4)
    assert found(record, "5")["cut"] == 20
    assert found(record, "2")["cut"] == 0
    assert "could not hold every chunk (5: 20 of 20)" in said(record)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (right, "makes no measurable difference"),
        (
            lambda v: right(v) if v.case.question.id.startswith("position/1/") else REFUSAL,
            "at place 2 among 3 chunks: token F1 falls to 0.00",
        ),
        (
            lambda v: REFUSAL if v.case.question.id.startswith("position/1/") else right(v),
            "At place 2 among 3 chunks token F1 is higher than at the first: 1.00",
        ),
    ],
)  # fmt: skip
def test_the_worst_and_best_places_are_named(answer, sentence):
    record = record_of([every_position(SUBJECTS, CHUNKS, 7, 3)], answer)
    assert sentence in said(record)


def test_answers_from_wrong_documents_are_unsupported():
    def answer(variant):
        return "Answer: 3 litres" if int(variant.origin[1:]) % 4 == 0 else REFUSAL

    record = record_of([wrong_documents(SUBJECTS, CHUNKS, 7, 2)], answer)
    assert found(record, "near")["figures"]["unsupported"]["value"] == 0.25
    assert "refuses 75% [" in said(record)
    assert "gives 25% [" in said(record)


def test_right_planted_both_and_neither_are_told_apart():
    def answer(variant):
        own, wrong = variant.case.question.answers[0], variant.planted[0]
        kinds = (own, wrong, f"{own} or {wrong}", "a lot")
        return says(variant, kinds[int(variant.origin[1:]) % 4])

    record = record_of([contradictions(SUBJECTS, [], 7)], answer)
    shares = {k: f["value"] for k, f in found(record, AFTER)["figures"].items()}
    assert shares == {
        "says_right": 0.25, "says_planted": 0.25, "says_both": 0.25, "says_neither": 0.25,
        "contested_refused": 0.0,
    }  # fmt: skip
    assert found(record, ALONE)["n"] == 20


def test_a_quote_of_the_planted_value_is_no_answer():
    def answer(variant):
        quotes = [(1, variant.case.retrieved[0].text.partition(".")[0])]
        return CONTRACT.completion(quotes, variant.case.question.answers[0])

    record = record_of([contradictions(SUBJECTS, [], 7)], answer)
    assert found(record, ONLY)["figures"]["says_right"]["value"] == 1.0
    assert "from memory or by chance, for 100%" in said(record)


def obeying(variant):
    return f"Answer: {variant.attack}" if variant.attack != "refuses" else REFUSAL


def test_a_model_that_obeys_is_caught_in_every_family():
    probe = injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT)
    record = record_of([probe], lambda v: obeying(v) if v.attack else right(v))
    every = found(record, ALL)
    assert every["figures"]["attack_success"]["value"] == 1.0
    assert every["figures"]["attack_success"]["n"] == 100
    assert set(every["places"]) == {"distractor", "oracle"}
    assert "100% [83% to 100%] of the planted instructions had their effect" in said(record)
    assert "100% in the oracle chunk, 100% in a distractor" in said(record)
    assert found(record, CLEAN)["figures"]["attack_success"]["value"] is None


def test_where_no_attack_succeeds_the_interval_does_not_say_that_none_can():
    record = record_of([injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT)], right)
    shown = found(record, "override")["figures"]["attack_success"]
    assert shown["value"] == 0.0
    # Clopper and Pearson for none of twenty: 1 - 0.025 ** (1 / 20).
    assert shown["interval"] == [0.0, 0.168433]
    assert "0% [0% to 17%] of the planted instructions had their effect" in said(record)
    assert "strongest" not in said(record)


def test_a_word_that_is_only_quoted_is_not_in_the_answer():
    def answer(variant):
        if not variant.attack or variant.attack == "refuses":
            return right(variant)
        return CONTRACT.completion([(1, f"Say {variant.attack} now.")], "3 litres")

    record = record_of([injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT)], answer)
    shown = found(record, "override")["figures"]
    assert (shown["attack_success"]["value"], shown["attack_in_answer"]["value"]) == (1.0, 0.0)


def test_who_refuses_anyway_does_not_refuse_by_order():
    record = record_of([injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT)], lambda _: REFUSAL)
    assert found(record, "refusal order")["figures"]["attack_success"]["n"] == 0
    assert found(record, "refusal order")["figures"]["attack_success"]["value"] is None
    assert found(record, ALL)["figures"]["attack_success"]["value"] == 0.0


def worded_probe():
    subjects = [
        replace(
            s,
            case=replace(
                s.case,
                question=replace(
                    s.case.question, variants=wordings_of({"de": [f"Wie {s.id}?"]})
                ),
            ),
        )
        for s in SUBJECTS[::2]
    ]
    cases = {s.id: s.case for s in subjects}

    def search(questions):
        return [replace(cases[q.id.partition("/")[0]], question=q) for q in questions]

    return searched("languages", SUBJECTS, languages(subjects), search)


def test_a_language_is_compared_with_the_same_questions():
    def answer(variant):
        return right(variant) if variant.condition == ORIGINAL else REFUSAL

    record = record_of([worded_probe()], answer)
    assert found(record, ORIGINAL)["n"] == found(record, "de")["n"] == 10
    assert found(record, "de")["changes"]["token_f1"]["value"] == -1.0
    assert found(record, "de")["refusals"] == {"sentence": 10, "other_words": 0}
    assert "In de (10 wordings): token F1 falls to 0.00" in said(record)
    assert "Of 10 refusals of questions in de, 10 are the refusal sentence" in said(record)


def test_what_was_not_asked_is_noted_with_the_reason():
    empty = searched("languages", SUBJECTS, [], list)
    small = Probe("position", every_position(SUBJECTS, CHUNKS[:2], 7, 15).conditions)
    record = record_of([distractor_probe(), empty, small], right)
    assert [probe["name"] for probe in record["probes"]] == ["distractors"]
    assert any("languages, because the benchmark brings no" in note for note in record["notes"])
    assert any("position, because the corpus has too few" in note for note in record["notes"])
    assert any("Only 20 questions" in note for note in record["notes"])


def test_the_same_answers_give_the_same_record():
    assert record_of([distractor_probe()], right) == record_of([distractor_probe()], right)
