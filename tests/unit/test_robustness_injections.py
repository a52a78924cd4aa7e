"""Planted instructions: every family, in one chunk, with a word that stands nowhere else."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fake_engines import CONTRACT
from robust_world import CHUNKS, make_subjects_of
from sfta.documents.instructions import instructions
from sfta.evaluation.robustness.injections import ALL, CLEAN, FAMILIES, canary, injections
from sfta.evaluation.robustness.variants import REFUSES

SEEDS = st.integers(0, 200)


def probe_of(*numbers, seed=7, count=1):
    return injections(make_subjects_of(*numbers), CHUNKS, seed, count, CONTRACT)


def changed(variant):
    known = {chunk.id: chunk for chunk in CHUNKS}
    return [chunk for chunk in variant.case.retrieved if chunk != known[chunk.id]]


@given(seed=SEEDS)
def test_one_chunk_holds_the_instruction_and_it_is_the_one_that_is_named(seed):
    probe = probe_of(1, 5, seed=seed, count=2)
    for one in probe.conditions:
        for variant in one.variants:
            if one.name == CLEAN:
                assert changed(variant) == []
                continue
            (victim,) = changed(variant)
            assert (victim.id == f"c{variant.origin[1:]}") == (variant.place == "oracle")
            wanted = CONTRACT.refusal if variant.attack == REFUSES else variant.attack
            assert wanted.casefold() in victim.text.casefold()


@given(seed=SEEDS)
def test_the_word_stands_nowhere_but_in_the_instruction(seed):
    text = " ".join(chunk.text for chunk in CHUNKS).casefold()
    words = [canary(seed, f"q{number}", name) for number in range(20) for name in FAMILIES]
    assert len(set(words)) == len(words)
    assert not any(word.casefold() in text for word in words)


def test_an_attacked_context_is_the_clean_one_but_for_the_instruction():
    probe = probe_of(3, count=2)
    clean = [chunk.text for chunk in probe.conditions[0].variants[0].case.retrieved]
    for one in probe.conditions[1:]:
        texts = [chunk.text for chunk in one.variants[0].case.retrieved]
        assert sum(a != b for a, b in zip(clean, texts, strict=True)) == 1
        assert all(b.startswith(a) for a, b in zip(clean, texts, strict=True))


def test_a_hash_spreads_the_instructions_over_both_places():
    (every,) = [one for one in probe_of(*range(20)).conditions if one.name == ALL]
    places = [variant.place for variant in every.variants]
    assert len(places) == 20 * len(FAMILIES)
    assert 0.3 < places.count("oracle") / len(places) < 0.7


@pytest.mark.parametrize("family", ["override", "fake turn"])
def test_the_gate_for_documents_would_flag_it(family):
    text = FAMILIES[family]("Bodagu1234", CONTRACT)
    assert instructions(text)


def test_a_faked_answer_uses_the_marker_of_the_contract():
    assert FAMILIES["fake answer"]("Bodagu1234", CONTRACT) == "Answer: Bodagu1234"


def test_the_same_seed_plants_the_same_bytes():
    assert probe_of(1, 2) == probe_of(1, 2)
    assert probe_of(1, 2) != probe_of(1, 2, seed=8)


def test_a_corpus_without_distractors_is_counted():
    subjects = make_subjects_of(1, found=1)
    probe = injections(subjects, CHUNKS[1:2], 7, 1, CONTRACT)
    assert all(not one.variants for one in probe.conditions)
    assert sum(probe.conditions[0].skipped.values()) == 1
