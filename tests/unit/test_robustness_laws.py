"""Laws of the robustness: paired, blind to order, and the same figures from any two halves."""

import copy
import json
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings

from fake_engines import CONTRACT, REFUSAL
from robust_records import ARM, SUBJECTS, record_of, right
from robust_world import CHUNKS, make_subjects_of
from sfta.evaluation.robustness.config import RobustnessConfig
from sfta.evaluation.robustness.contradictions import contradictions
from sfta.evaluation.robustness.documents import every_position, more_distractors
from sfta.evaluation.robustness.findings import SHOWN
from sfta.evaluation.robustness.injections import ALL, CLEAN, FAMILIES, injections
from sfta.evaluation.robustness.outcomes import BY_KEY
from sfta.evaluation.robustness.page import TITLES
from sfta.evaluation.robustness.variants import Probe

RIGHT_IN = st.sets(st.integers(0, 19))
WORLDS = settings(max_examples=25)


def distractor_probe():
    return more_distractors(SUBJECTS, CHUNKS, 7, (0, 3))


def answering(undisturbed, disturbed):
    """Right where a question's number is in the set of its condition."""

    def answer(variant):
        known = undisturbed if variant.condition == "0" else disturbed
        return right(variant) if int(variant.origin[1:]) in known else REFUSAL

    return answer


def arm_of_last(record):
    return record["probes"][0]["conditions"][-1]["arms"][ARM]


@WORLDS
@given(undisturbed=RIGHT_IN, disturbed=RIGHT_IN)
def test_a_change_is_the_difference_of_the_two_figures(undisturbed, disturbed):
    record = record_of([distractor_probe()], answering(undisturbed, disturbed))
    found = arm_of_last(record)
    assert found["figures"]["token_f1"]["value"] == len(disturbed) / 20
    wanted = (len(disturbed) - len(undisturbed)) / 20
    assert abs(found["changes"]["token_f1"]["value"] - wanted) < 1e-9


@WORLDS
@given(undisturbed=RIGHT_IN, disturbed=RIGHT_IN)
def test_turned_round_a_change_has_the_other_sign(undisturbed, disturbed):
    there = arm_of_last(record_of([distractor_probe()], answering(undisturbed, disturbed)))
    back = arm_of_last(record_of([distractor_probe()], answering(disturbed, undisturbed)))
    for key in ("token_f1", "over_refusal"):
        one, other = there["changes"][key], back["changes"][key]
        assert abs(one["value"] + other["value"]) < 1e-9
        assert abs(one["interval"][0] + other["interval"][1]) < 1e-6


@WORLDS
@given(known=RIGHT_IN)
def test_what_changes_nothing_has_no_interval(known):
    found = arm_of_last(record_of([distractor_probe()], answering(known, known)))
    assert found["changes"]["token_f1"] == {"value": 0.0, "interval": [0.0, 0.0]}


@WORLDS
@given(undisturbed=RIGHT_IN, disturbed=RIGHT_IN)
def test_an_interval_holds_its_value(undisturbed, disturbed):
    found = arm_of_last(record_of([distractor_probe()], answering(undisturbed, disturbed)))
    for figures in (found["figures"], found["changes"]):
        for figure in figures.values():
            if figure["value"] is not None:
                low, high = figure["interval"]
                assert low - 1e-9 <= figure["value"] <= high + 1e-9


@WORLDS
@given(order=st.permutations(range(20)))
def test_the_order_in_which_variants_are_asked_does_not_matter(order):
    answer = answering({1, 2, 3, 8}, {2, 9})
    probe = distractor_probe()
    turned = Probe(
        probe.name,
        [replace(c, variants=[c.variants[place] for place in order]) for c in probe.conditions],
        probe.reference,
    )
    assert record_of([turned], answer)["probes"] == record_of([probe], answer)["probes"]


def test_other_probes_beside_it_do_not_change_a_probe():
    answer = answering({1, 2}, {3})
    alone = record_of([distractor_probe()], answer)["probes"][0]
    position = every_position(SUBJECTS, CHUNKS, 7, 3)
    assert record_of([position, distractor_probe()], answer)["probes"][1] == alone


def test_the_families_add_up_to_all_of_them():
    probe = injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT)

    def answer(variant):
        obeys = variant.attack and int(variant.origin[1:]) % 3 == 0
        return f"Answer: {variant.attack}" if obeys else right(variant)

    found = {
        one["name"]: one["arms"][ARM]["figures"]["attack_success"]
        for one in record_of([probe], answer)["probes"][0]["conditions"]
    }
    followed = {name: round(f["value"] * f["n"]) for name, f in found.items() if f["n"]}
    assert followed[ALL] == sum(followed[name] for name in FAMILIES)
    assert found[ALL]["n"] == sum(found[name]["n"] for name in FAMILIES)
    assert found[CLEAN]["n"] == 0


def test_the_five_ways_to_meet_a_contradiction_add_up_to_one():
    def answer(variant):
        number = int(variant.origin[1:])
        texts = (*variant.case.question.answers[:1], *variant.planted[:1], "much")
        return REFUSAL if number % 4 == 3 else f"Answer: {texts[number % 4]}"

    record = record_of([contradictions(SUBJECTS, [], 7)], answer)
    for one in record["probes"][0]["conditions"]:
        values = [figure["value"] for figure in one["arms"][ARM]["figures"].values()]
        assert abs(sum(values) - 1) < 1e-6


def test_a_question_that_a_condition_lacks_is_not_counted_in_its_change():
    """Otherwise the easier questions of one side would look like a gain."""
    probe = distractor_probe()
    first, last = probe.conditions
    kept = [v for v in last.variants if int(v.origin[1:]) < 5]
    lacking = Probe(probe.name, [first, replace(last, variants=kept)], probe.reference)
    found = arm_of_last(record_of([lacking], answering(set(range(5)), set(range(5)))))
    assert found["figures"]["token_f1"]["n"] == 5
    assert found["changes"]["token_f1"]["value"] == 0.0


def test_a_record_is_plain_json_that_survives_a_round_trip():
    record = record_of([distractor_probe()], right)
    assert json.loads(json.dumps(record)) == copy.deepcopy(record)


def test_every_probe_has_figures_and_a_title():
    names = RobustnessConfig().probes
    assert set(SHOWN) == set(TITLES) == set(names)
    assert {key for keys in SHOWN.values() for key in keys} <= set(BY_KEY)


@given(numbers=st.lists(st.integers(0, 29), unique=True, min_size=1, max_size=6))
def test_a_variant_depends_on_its_own_question_only(numbers):
    alone = {
        v.origin: v
        for number in numbers
        for v in every_position(make_subjects_of(number), CHUNKS, 7, 3).conditions[1].variants
    }
    together = every_position(make_subjects_of(*numbers), CHUNKS, 7, 3).conditions[1].variants
    assert {v.origin: v for v in together} == alone
