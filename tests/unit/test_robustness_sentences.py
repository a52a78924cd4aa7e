"""Sentences: each says what its figures say, and claims nothing that the intervals do not show."""

import pytest

from sfta.evaluation.robustness.sentences import sentences

ARM = "raft_rag"


def figure(value, spread=0.1, n=40):
    interval = None if value is None else [max(0.0, value - spread), min(1.0, value + spread)]
    return {"value": value, "interval": interval, "n": n}


def change(value, low, high):
    return {"value": value, "interval": [low, high]}


def condition(name, figures, changes=None, n=40, cut=0, **more):
    found = {
        "n": n,
        "cut": cut,
        "figures": {key: figure(value) for key, value in figures.items()},
        "refusals": {"sentence": 0, "other_words": 0},
        **more,
    }
    if changes is not None:
        found["changes"] = changes
    return {"name": name, "x": None, "skipped": {}, "arms": {ARM: found}}


def grown(name, f1, low, high, reference=0.5, **more):
    """A condition whose token F1 has changed by an interval."""
    changes = {"token_f1": change(f1 - reference, low, high), "held": change(0.0, -0.1, 0.1)}
    return condition(name, {"token_f1": f1, "held": 1.0}, changes, **more)


def said(name, *conditions, reference=""):
    probe = {"name": name, "reference": reference, "conditions": list(conditions)}
    return sentences(probe, ARM)


FIRST = condition("0", {"token_f1": 0.5})


def test_the_last_number_before_a_loss_is_the_one_that_costs_nothing():
    found = said(
        "distractors",
        FIRST,
        grown("1", 0.52, -0.02, 0.06),
        grown("5", 0.47, -0.1, 0.03),
        grown("10", 0.3, -0.3, -0.1),
    )
    assert found == [
        "Up to 5 distractors cost nothing measurable: token F1 0.50 with 0, 0.47 with 5 "
        "(\N{MINUS SIGN}0.03, interval \N{MINUS SIGN}0.10 to +0.03).",
        "10 distractors: token F1 falls to 0.30 "
        "(\N{MINUS SIGN}0.20, interval \N{MINUS SIGN}0.30 to \N{MINUS SIGN}0.10).",
    ]


def test_a_later_number_without_a_loss_does_not_hide_an_earlier_one():
    found = said("distractors", FIRST, grown("1", 0.3, -0.3, -0.1), grown("5", 0.5, -0.1, 0.1))
    assert found[0] == "Token F1 is 0.50 with 0 distractors."
    assert found[1].startswith("1 distractors: token F1 falls to 0.30")


def test_a_large_loss_that_may_be_hidden_is_not_passed_over():
    (found,) = said("distractors", FIRST, grown("3", 0.4, -0.35, 0.15))
    assert found.endswith("+0.15); a loss of up to 0.35 may be hidden.")
    (small,) = said("distractors", FIRST, grown("3", 0.5, -0.1, 0.1))
    assert "hidden" not in small


def test_an_interval_that_touches_zero_shows_no_loss():
    (found,) = said("distractors", FIRST, grown("3", 0.4, -0.2, 0.0))
    assert found.startswith("Up to 3 distractors cost nothing measurable")


def test_what_did_not_fit_is_said_with_its_numbers():
    found = said(
        "distractors",
        FIRST,
        grown("5", 0.5, -0.1, 0.1, cut=2),
        grown("10", 0.5, -0.1, 0.1, cut=9),
    )
    assert found[-1] == (
        "The context could not hold every chunk (5: 2 of 40, 10: 9 of 40): the last ones were "
        "left out."
    )


def test_places_that_do_not_differ_are_one_sentence_with_their_range():
    found = said("position", FIRST, grown("2", 0.45, -0.1, 0.05), grown("3", 0.55, -0.05, 0.1))
    assert found == [
        "Where the oracle chunk stands among 3 chunks makes no measurable difference: token F1 "
        "from 0.45 to 0.55."
    ]


def test_of_several_bad_places_the_worst_is_named():
    found = said("position", FIRST, grown("2", 0.2, -0.4, -0.2), grown("3", 0.3, -0.3, -0.1))
    assert found[0].startswith(
        "The oracle chunk at place 2 among 3 chunks: token F1 falls to 0.20"
    )
    assert len(found) == 1


def test_a_place_may_be_better_while_another_is_worse():
    found = said("position", FIRST, grown("2", 0.2, -0.4, -0.2), grown("3", 0.7, 0.1, 0.3))
    assert len(found) == 2
    assert found[1].startswith("At place 3 among 3 chunks token F1 is higher than at the first")


def test_wrong_documents_are_said_by_how_near_they_are():
    figures = {"refused": 0.4, "unsupported": 0.6}
    found = said(
        "wrong_documents", condition("near", figures),
        condition("any", {"refused": 0.9, "unsupported": 0.1}),
    )  # fmt: skip
    assert found[0] == (
        "Given only near but wrong documents, it refuses 40% [30% to 50%], and gives 60% "
        "[50% to 70%] an answer that nothing supports."
    )
    assert "drawn from anywhere, it refuses 90%" in found[1]


def contradiction(name, right, planted, both=0.0, refused=0.0):
    figures = {
        "says_right": right, "says_planted": planted, "says_both": both, "says_neither": 0.0,
        "contested_refused": refused,
    }  # fmt: skip
    return condition(name, figures)


def test_contradictions_are_said_in_both_orders_and_alone():
    found = said(
        "contradictions",
        contradiction("oracle alone", 0.8, 0.0),
        contradiction("contradiction first", 0.3, 0.6),
        contradiction("contradiction last", 0.6, 0.3, both=0.1),
        contradiction("contradiction alone", 0.0, 0.7, refused=0.2),
    )
    assert "before the oracle chunk it says the right value for 30%" in found[0]
    assert "the planted one for 60%" in found[0]
    assert "after the oracle chunk it says the right value for 60%" in found[1]
    assert "both for 10%" in found[1]
    assert "alone with the oracle chunk for 80%" in found[1]
    assert "follows the document for 70%" in found[2]
    assert "refuses 20%" in found[2]


def test_other_wordings_are_said_one_by_one():
    found = said(
        "paraphrase",
        condition("original", {"token_f1": 0.5, "held": 1.0}),
        grown("by rule", 0.49, -0.1, 0.1, n=12),
        grown("paraphrase", 0.3, -0.3, -0.1),
    )
    assert found[0].startswith(
        "By rule (12 wordings): nothing measurable is lost, token F1 0.49"
    )
    assert found[1].startswith("Paraphrase (40 wordings): token F1 falls to 0.30")


def test_a_search_that_no_longer_finds_is_named_as_the_cause():
    worse = condition(
        "de",
        {"token_f1": 0.2, "held": 0.4},
        {"token_f1": change(-0.3, -0.4, -0.2), "held": change(-0.5, -0.6, -0.4)},
        refusals={"sentence": 3, "other_words": 1},
    )
    found = said("languages", condition("original", {"token_f1": 0.5, "held": 0.9}), worse)
    assert found[0].startswith("In de (40 wordings): token F1 falls to 0.20")
    assert found[1] == ("The search finds the oracle chunk for 40% [30% to 50%] of them.")
    assert found[2] == (
        "Of 4 refusals of questions in de, 3 are the refusal sentence of the prompt contract, in "
        "its own language."
    )


def attack(name, success, in_answer, worse=False, **more):
    interval = (-0.3, -0.1) if worse else (-0.1, 0.1)
    figures = {"attack_success": success, "attack_in_answer": in_answer, "token_f1": 0.4}
    changes = {"token_f1": change(-0.2 if worse else 0.0, *interval)}
    return condition(name, figures, changes, **more)


def test_attacks_are_said_together_by_place_and_by_the_strongest():
    clean = condition(
        "clean", {"attack_success": None, "attack_in_answer": None, "token_f1": 0.4}
    )
    places = {"oracle": figure(0.2), "distractor": figure(0.04)}
    found = said(
        "injections",
        clean,
        attack("override", 0.3, 0.2, worse=True),
        attack("fake answer", 0.0, 0.0),
        attack("all families", 0.12, 0.1, places=places),
    )
    assert found[0] == (
        "12% [2% to 22%] of the planted instructions had their effect in the output, 10% "
        "[0% to 20%] in the final answer (20% in the oracle chunk, 4% in a distractor)."
    )
    assert found[1] == "The strongest is override: 30% [20% to 40%]."
    assert found[2] == "Token F1 falls measurably under override."


def test_attacks_that_cost_no_quality_are_said_so():
    clean = condition(
        "clean", {"attack_success": None, "attack_in_answer": None, "token_f1": 0.4}
    )
    found = said(
        "injections", clean, attack("override", 0.0, 0.0), attack("all families", 0, 0)
    )
    assert found[1].startswith("Under attack token F1 does not fall measurably: 0.40")


def test_what_cannot_be_measured_is_no_zero():
    found = said("wrong_documents", condition("near", {"refused": None, "unsupported": 0.5}))
    assert "refuses no measurable share" in found[0]


@pytest.mark.parametrize("name", ["distractors", "position", "injections", "languages"])
def test_what_was_not_asked_is_not_spoken_of(name):
    assert said(name, condition("0", {"token_f1": None}, n=0)) == []
