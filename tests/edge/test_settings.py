"""Answer settings: what a manifest may say, and nothing else."""

import math

import pytest

from sfta_edge.errors import ConfigError
from sfta_edge.settings import AnswerSettings, Weights


def test_what_is_not_set_has_its_default():
    assert AnswerSettings.from_facts({}) == AnswerSettings()
    assert AnswerSettings.from_facts({"top_k": 7}) == AnswerSettings(top_k=7)


def test_a_name_of_another_version_is_refused():
    with pytest.raises(ConfigError, match="not readable") as caught:
        AnswerSettings.from_facts({"top_k": 4, "beam": 3})
    assert "top_k" in caught.value.hint


@pytest.mark.parametrize("facts", [None, [], "top_k", 4])
def test_settings_that_are_no_mapping_are_refused(facts):
    with pytest.raises(ConfigError):
        AnswerSettings.from_facts(facts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_k": 0},
        {"top_k": "4"},
        {"top_k": True},
        {"top_k": None},
        {"candidates": 0},
        {"max_tokens": -1},
        {"max_tokens": 1.5},
        {"context_tokens": 0},
        {"deadline_seconds": 0},
        {"deadline_seconds": "60"},
        {"refusal_threshold": 0.0},
        {"refusal_threshold": 1.0},
        {"refusal_threshold": "0.5"},
        {"refusal_threshold": math.nan},
        {"refusal_threshold": None},
        {"strict": 1},
        {"strict": None},
        {"choose_quotes": "yes"},
        {"neighbours": -1},
        {"neighbours": 1.5},
        {"neighbours": False},
        {"neighbours": None},
        {"weights": {"similarity": "1"}},
        {"weights": {"likelihood": math.inf}},
        {"weights": {"refusal_constant": math.nan}},
    ],
)
def test_a_value_that_means_nothing_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        AnswerSettings.from_facts(wrong)


def test_weights_are_read_from_facts_too():
    settings = AnswerSettings.from_facts({"weights": {"similarity": 7.5}})
    assert settings.weights == Weights(similarity=7.5)
    assert settings.weights.need_similarity
    assert not Weights().need_similarity


@pytest.mark.parametrize("facts", [{"weights": {"taste": 1.0}}, {"weights": 3}])
def test_weights_of_another_version_are_refused(facts):
    with pytest.raises(ConfigError, match="not readable"):
        AnswerSettings.from_facts(facts)


def test_all_problems_are_said_at_once():
    with pytest.raises(ConfigError, match=r"top_k.*max_tokens"):
        AnswerSettings(top_k=0, max_tokens=0)


def test_strictness_and_neighbours_are_off_unless_they_are_asked_for():
    assert (AnswerSettings().strict, AnswerSettings().neighbours) == (False, 0)
    settings = AnswerSettings.from_facts({"strict": True, "neighbours": 2})
    assert (settings.strict, settings.neighbours) == (True, 2)


def test_no_deadline_is_possible():
    assert AnswerSettings(deadline_seconds=None).deadline_seconds is None


def test_one_half_is_the_choice_of_the_model():
    assert AnswerSettings().refusal_bias == 0.0


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.8, 0.999])
def test_the_bias_flips_exactly_at_the_threshold(threshold):
    bias = AnswerSettings(refusal_threshold=threshold).refusal_bias
    margin_at_threshold = math.log(threshold / (1 - threshold))
    assert margin_at_threshold + bias == pytest.approx(0.0, abs=1e-9)
