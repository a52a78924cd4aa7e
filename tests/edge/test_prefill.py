"""Prompt memory: what stays, what is computed again, and in which pieces."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.generation import Limits
from sfta_edge.prefill import PIECE, PromptMemory, first_token_scores

SEGMENTS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=4)


@dataclass
class Room:
    batch: int = 4


class RecordingContext:
    """Keeps the tokens of each sequence at their positions, as the real memory does."""

    def __init__(self, batch=4, *, recurrent=False):
        self.shape, self.recurrent = Room(batch), recurrent
        self.memory, self.batches = {}, []

    def decode(self, entries):
        assert 0 < len(entries) <= self.shape.batch
        for entry in entries:
            held = self.memory.setdefault(entry.sequence, [])
            assert entry.position == len(held)
            held.append(entry.token)
        assert [e.wanted for e in entries] == [False] * (len(entries) - 1) + [True]
        self.batches.append([entry.token for entry in entries])

    def forget(self, position, sequence=0):
        held = self.memory.setdefault(sequence, [])
        if self.recurrent and 0 < position < len(held):
            return False
        del held[position:]
        return True


def flat(segments):
    return [token for segment in segments for token in segment]


@given(st.lists(SEGMENTS, min_size=1, max_size=4), st.booleans())
def test_after_any_history_the_memory_holds_exactly_the_prompt(prompts, recurrent):
    context = RecordingContext(recurrent=recurrent)
    memory = PromptMemory(context)
    for segments in prompts:
        read = memory.prefill(segments, Limits(1))
        assert context.memory[0] == flat(segments)
        assert read.interrupted is None
        assert 0 <= read.reused < len(flat(segments))
        assert read.row == len(context.batches[-1]) - 1


@given(SEGMENTS, SEGMENTS)
def test_a_prompt_is_computed_in_the_same_pieces_after_any_other(before, segments):
    """Only whole pieces are kept, so what is computed has always the same shape and past."""
    fresh = RecordingContext()
    PromptMemory(fresh).prefill(segments, Limits(1))
    used = RecordingContext()
    memory = PromptMemory(used)
    memory.prefill(before, Limits(1))
    count = len(used.batches)
    memory.prefill(segments, Limits(1))
    again = used.batches[count:]
    assert again == fresh.batches[len(fresh.batches) - len(again) :]


@given(SEGMENTS)
def test_pieces_never_cross_a_segment(segments):
    context = RecordingContext()
    PromptMemory(context).prefill(segments, Limits(1))
    ends, total = set(), 0
    for segment in segments:
        total += len(segment)
        ends.add(total)
    position = 0
    for batch in context.batches:
        between = set(range(position + 1, position + len(batch)))
        assert not between & ends
        position += len(batch)


def test_the_same_prompt_computes_only_its_last_piece():
    context = RecordingContext()
    memory = PromptMemory(context)
    prompt = [[1, 2, 3], [4, 5, 6, 7, 8], [9]]
    memory.prefill(prompt, Limits(1))
    context.batches.clear()
    assert memory.prefill(prompt, Limits(1)).reused == 8
    assert context.batches == [[9]]


def test_tokens_written_after_the_prompt_are_not_kept():
    context = RecordingContext()
    memory = PromptMemory(context)
    memory.prefill([[1, 2], [3]], Limits(1))
    context.memory[0] += [7, 7, 7]
    memory.prefill([[1, 2], [3], [7, 7, 7]], Limits(1))
    assert context.memory[0] == [1, 2, 3, 7, 7, 7]


def test_a_recurrent_model_starts_again():
    context = RecordingContext(recurrent=True)
    memory = PromptMemory(context)
    memory.prefill([[1, 2], [3]], Limits(1))
    assert memory.prefill([[1, 2], [4]], Limits(1)).reused == 0
    assert context.memory[0] == [1, 2, 4]


def test_sequences_have_memories_of_their_own():
    context = RecordingContext()
    first, second = PromptMemory(context, 0), PromptMemory(context, 1)
    first.prefill([[1], [2]], Limits(1))
    second.prefill([[1], [3]], Limits(1))
    assert context.memory == {0: [1, 2], 1: [1, 3]}
    assert first.prefill([[1], [4]], Limits(1)).reused == 1


def test_an_interrupted_prompt_is_completed_by_the_next_call():
    context = RecordingContext()
    memory = PromptMemory(context)
    decode, calls = context.decode, []

    def decode_and_expire(entries):
        decode(entries)
        calls.append(1)
        object.__setattr__(limits, "started", limits.started - 1000)

    limits = Limits(1, deadline=500.0)
    context.decode = decode_and_expire
    read = memory.prefill([[1, 2], [3], [4]], limits)
    assert (read.interrupted, len(calls)) == ("deadline", 1)
    context.decode = decode
    again = memory.prefill([[1, 2], [3], [4]], Limits(1))
    assert (again.reused, again.interrupted) == (2, None)
    assert context.memory[0] == [1, 2, 3, 4]


def test_a_failed_piece_is_not_taken_for_kept():
    context = RecordingContext()
    memory = PromptMemory(context)
    decode = context.decode

    def fail_late(entries):
        decode(entries)
        if entries[0].token == 3:
            raise MemoryError

    context.decode = fail_late
    with pytest.raises(MemoryError):
        memory.prefill([[1, 2], [3], [4]], Limits(1))
    context.decode = decode
    assert memory.prefill([[1, 2], [3], [4]], Limits(1)).reused == 2
    assert context.memory[0] == [1, 2, 3, 4]


def test_pieces_are_no_larger_than_the_granularity_of_deadlines():
    context = RecordingContext(batch=PIECE * 4)
    PromptMemory(context).prefill([[1] * (PIECE * 2 + 5)], Limits(1))
    assert [len(batch) for batch in context.batches] == [PIECE, PIECE, 5]


def test_a_score_is_one_half_at_a_tie_and_certain_far_away():
    row = np.array([1.0, 1.0, -500.0, 900.0], dtype=np.float32)
    assert first_token_scores(row[:3], {0: 0.0})[0] == pytest.approx(0.5)
    scores = first_token_scores(row, {2: 0.0, 3: 0.0})
    assert scores[2] == pytest.approx(0, abs=1e-9)
    assert scores[3] == pytest.approx(1, abs=1e-9)


@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=6))
def test_scores_do_not_depend_on_the_bias(values):
    row = np.array(values, dtype=np.float32)
    assert first_token_scores(row, {0: 0.0}) == first_token_scores(row, {0: 7.0})
    assert first_token_scores(row, {}) == {}
