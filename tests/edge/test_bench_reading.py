"""What is asked to measure reading and writing, and what follows from how it went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.bench.reading import ANSWER_TOKENS, measure_reading
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Timings

PROMPT = [[1, 2, 3, 4], [5, 6], [7]]


class Remembering:
    """An engine that knows the prompts it has read, and takes a millisecond for each token."""

    def __init__(self, text=("a", "b"), written=ANSWER_TOKENS, reason="length"):
        self.text, self.written, self.reason = text, written, reason
        self.asked, self.known = [], []

    def tokenize(self, text, special=False):
        return [1000 + int(text)]

    def stream(self, prompt, limits):
        assert limits.max_tokens == ANSWER_TOKENS
        flat = [token for segment in prompt for token in segment]
        reused = max((shared(flat, known) for known in self.known), default=0)
        reused = min(reused, len(flat) - 1)  # the last token gives the first new one
        self.asked.append([list(segment) for segment in prompt])
        self.known.append(flat)
        yield from self.text
        timings = Timings(float(len(flat) - reused), 2.0 * self.written)
        ids = tuple(range(self.written))
        return Generation("", ids, self.reason, len(flat), reused, timings)


def shared(one, other):
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    return same


@given(st.integers(1, 6))
def test_nothing_the_system_text_or_all_of_a_prompt_is_known(rounds):
    engine = Remembering()
    found = measure_reading(engine, PROMPT, rounds)
    assert len(engine.asked) == 4 * rounds
    assert (found.prompt_tokens, found.prefix_tokens) == (8, 4)
    assert len(found.cold.values) == rounds
    assert len(found.again.values) == 2 * rounds
    for number in range(rounds):
        cold, restored, *again = engine.asked[4 * number : 4 * number + 4]
        assert cold[1:] == PROMPT
        assert restored[0] == PROMPT[0]
        assert restored[2:] == PROMPT[1:]
        assert again == [restored, restored]
    numbers = [cold[0][0] for cold in engine.asked[::4]]
    assert len(set(numbers)) == rounds, "what two prompts share would not be computed again"


def test_speeds_are_of_what_was_computed():
    found = measure_reading(Remembering(), PROMPT, 3)
    assert found.prefill.median == pytest.approx(1000.0)
    # The token that uses up the budget is not computed with: six in fourteen milliseconds.
    assert found.decode.median == pytest.approx(6 / 0.014)


def test_an_answer_that_ends_by_itself_is_counted_whole():
    found = measure_reading(Remembering(reason="stop", written=3), PROMPT, 1)
    assert found.decode.median == pytest.approx(3 / 0.006)


def test_a_model_that_writes_nothing_has_no_speed_of_writing():
    found = measure_reading(Remembering(text=(), written=0, reason="stop"), PROMPT, 2)
    assert found.decode is None
    assert all(value > 0 for value in found.cold.values)


def test_the_first_round_tells_the_engine_the_system_text():
    found = measure_reading(Remembering(), PROMPT, 4)
    assert len(found.restored.values) == 3
    assert len(measure_reading(Remembering(), PROMPT, 1).restored.values) == 1


def test_a_slow_device_is_measured_less_often(monkeypatch):
    monkeypatch.setattr("sfta_edge.bench.reading._PATIENCE", -1.0)
    assert len(measure_reading(Remembering(), PROMPT, 9).cold.values) == 1


@pytest.mark.parametrize(("prompt", "rounds"), [([[1]], 3), ([], 3), (PROMPT, 0)])
def test_what_cannot_be_measured_is_refused(prompt, rounds):
    with pytest.raises(ConfigError):
        measure_reading(Remembering(), prompt, rounds)
