"""What slots hold, whom they lend it to, and what goes when memory runs short."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sfta_edge.batching.memory import SlotMemory

PIECES = st.lists(st.sampled_from([(1,), (2, 2), (3, 3, 3), (4,) * 5]), min_size=1, max_size=5)


class Cells:
    """Keeps the tokens of each sequence as cells that sequences may share, as llama.cpp does."""

    def __init__(self, *, steps_back=True):
        self.sequences, self.steps_back = {}, steps_back

    def forget(self, position, sequence=0):
        held = self.sequences.setdefault(sequence, [])
        if not self.steps_back and 0 < position < len(held):
            return False
        del held[position:]
        return True

    def continue_as(self, sequence, source=0, end=-1):
        assert not self.sequences.get(sequence), "the target is empty"
        self.sequences[sequence] = self.sequences[source][: end if end >= 0 else None]

    def compute(self, sequence, tokens):
        self.sequences.setdefault(sequence, []).extend(object() for _ in tokens)

    @property
    def used(self):
        return len({id(cell) for held in self.sequences.values() for cell in held})


def finish(memory, cells, slot, pieces, written=0):
    """Compute what is missing of a prompt, write after it, end."""
    for piece in pieces[len(slot.blocks) :]:
        cells.compute(slot.sequence, piece)
        memory.add(slot, piece)
    cells.compute(slot.sequence, [0] * written)
    memory.release(slot)


def asked(memory, cells, pieces, adapter=None, room=2):
    slot = memory.take(pieces, adapter, room)
    held = slot.held
    finish(memory, cells, slot, pieces, room)
    return slot, held


@pytest.fixture(name="cells")
def _cells():
    return Cells()


@pytest.fixture(name="memory")
def _memory(cells):
    return SlotMemory(cells, slots=3, cells=40)


def test_the_same_prompt_finds_its_slot_and_computes_its_last_piece(memory, cells):
    prompt = [(1, 1), (2, 2, 2), (3,)]
    first, held = asked(memory, cells, prompt)
    assert held == 0
    again, held = asked(memory, cells, prompt)
    assert again is first
    assert held == 5


def test_a_prompt_that_goes_on_keeps_all_that_was_compared(memory, cells):
    first, _ = asked(memory, cells, [(1, 1), (2, 2)])
    slot, held = asked(memory, cells, [(1, 1), (2, 2), (7, 7)])
    assert (slot, held) == (first, 4)


def test_another_question_borrows_the_beginning_and_leaves_the_rest(memory, cells):
    first, _ = asked(memory, cells, [(1, 1), (2, 2), (3, 3)])
    second, held = asked(memory, cells, [(1, 1), (5, 5), (6, 6)])
    assert second is not first
    assert held == 2
    assert first.held == 6
    assert cells.used == 6 + 4, "what both begin with lies in memory once"


def test_a_running_task_lends_what_it_has_read(memory, cells):
    prompt = [(1, 1), (2, 2)]
    running = memory.take([*prompt, (3,)], None, 2)
    cells.compute(running.sequence, prompt[0])
    memory.add(running, prompt[0])
    other = memory.take([*prompt, (4,)], None, 2)
    assert other.held == 2
    assert other.blocks[0] is running.blocks[0]


def test_adapters_share_nothing(memory, cells):
    asked(memory, cells, [(1, 1), (2,)], adapter="a")
    _, held = asked(memory, cells, [(1, 1), (2,)], adapter="b")
    assert held == 0
    _, held = asked(memory, cells, [(1, 1), (2,)], adapter="a")
    assert held == 2


def test_a_new_prompt_takes_the_slot_used_longest_ago(memory, cells):
    slots = [asked(memory, cells, [(n, n)])[0] for n in (1, 2, 3)]
    assert len({slot.sequence for slot in slots}) == 3
    asked(memory, cells, [(1, 1), (9,)])
    slot, _ = asked(memory, cells, [(8, 8)])
    assert slot is slots[1]


def test_idle_memory_goes_before_a_task_waits(memory, cells):
    for n in (1, 2):
        asked(memory, cells, [(n,) * 15])
    slot = memory.take([(3,) * 20], None, 4)
    assert slot is not None
    assert memory.evictions == 1
    assert memory.used <= 40


def test_nothing_goes_if_it_would_not_be_enough(memory, cells):
    asked(memory, cells, [(1,) * 10])
    assert memory.take([(2,) * 20], None, 4) is not None
    assert memory.take([(3,) * 30], None, 4) is None
    assert memory.evictions == 0
    assert memory.used == 34


@pytest.mark.parametrize("at_work", [1, 2, 4])
def test_no_more_finished_prompts_stay_than_tasks_run(cells, at_work):
    memory = SlotMemory(cells, slots=12, cells=400)
    last = [asked(memory, cells, [(n,) * 20])[0] for n in range(10, 15)][-1]
    running = [memory.take([(n,) * 20], None, 4) for n in range(1, at_work + 1)]
    assert [slot for slot in memory if slot.held] == [last]
    for slot in running:
        finish(memory, cells, slot, [(1,) * 20])
    assert memory.take([(30,) * 20], None, 4) is not None
    assert memory.evictions == 0, "there was room"


def test_all_who_come_back_while_others_are_at_work_find_their_prompts(cells):
    memory = SlotMemory(cells, slots=12, cells=400)
    prompts = [[(n,) * 20, (9,)] for n in range(1, 5)]
    slots = [memory.take(prompt, None, 4) for prompt in prompts]
    for slot, prompt in zip(slots[:2], prompts, strict=False):
        finish(memory, cells, slot, prompt)
    assert [memory.take(prompt, None, 4).held for prompt in prompts[:2]] == [20, 20]


def test_a_task_waits_while_all_slots_run(memory):
    for n in (1, 2, 3):
        assert memory.take([(n,)], None, 1) is not None
    assert memory.take([(4,)], None, 1) is None


def test_a_shared_beginning_needs_no_room_twice(memory, cells):
    prefix = (9,) * 20
    asked(memory, cells, [prefix, (1,)])
    one = memory.take([prefix, (2, 2)], None, 4)
    two = memory.take([prefix, (3, 3)], None, 4)
    assert one is not None
    assert two is not None
    assert memory.used <= 40


def test_a_recurrent_model_reuses_nothing():
    cells = Cells(steps_back=False)
    memory = SlotMemory(cells, slots=2, cells=40, steps_back=False)
    asked(memory, cells, [(1, 1), (2,)])
    slot, held = asked(memory, cells, [(1, 1), (2,)])
    assert held == 0
    assert cells.sequences[slot.sequence] == [], "what was written cannot be taken back alone"


def test_a_dropped_slot_holds_nothing(memory, cells):
    slot, _ = asked(memory, cells, [(1, 1), (2,)])
    memory.drop(slot)
    assert slot.held == 0
    assert cells.used == 0


def test_a_task_that_begins_anew_has_still_room(memory, cells):
    slot = memory.take([(1,) * 5, (2,)], None, 3)
    cells.compute(slot.sequence, (1,) * 5)
    memory.add(slot, (1,) * 5)
    memory.drop(slot)
    assert memory.used == 9


class Use(RuleBasedStateMachine):
    """Any order of tasks: never more cells than there are, and slots hold what they say."""

    def __init__(self):
        super().__init__()
        self.cells = Cells()
        self.memory = SlotMemory(self.cells, slots=3, cells=24)
        self.running = []

    @rule(pieces=PIECES, room=st.integers(1, 4), adapter=st.sampled_from([None, "a"]))
    def begin(self, pieces, room, adapter):
        slot = self.memory.take(pieces, adapter, room)
        if slot is not None:
            assert slot.held < sum(map(len, pieces))
            self.running.append((slot, pieces, room))
        else:
            fits = sum(map(len, pieces)) + room <= 24
            assert self.running or not fits, "with nothing running all that can fit does"

    @precondition(lambda self: self.running)
    @rule(place=st.integers(0, 2))
    def compute(self, place):
        slot, pieces, _ = self.running[place % len(self.running)]
        if len(slot.blocks) < len(pieces):
            piece = pieces[len(slot.blocks)]
            self.cells.compute(slot.sequence, piece)
            self.memory.add(slot, piece)

    @precondition(lambda self: self.running)
    @rule(place=st.integers(0, 2))
    def end(self, place):
        slot, pieces, room = self.running.pop(place % len(self.running))
        written = room if len(slot.blocks) == len(pieces) else 0
        self.cells.compute(slot.sequence, [0] * written)
        assert self.cells.used <= 24, "a running task always has room"
        self.memory.release(slot)

    @invariant()
    def bounds_hold(self):
        assert self.memory.used <= 24
        assert self.cells.used <= self.memory.used
        for slot in self.memory:
            assert len(self.cells.sequences.get(slot.sequence, [])) == slot.held


TestAnyOrderOfTasks = Use.TestCase
TestAnyOrderOfTasks.settings = settings(max_examples=60, stateful_step_count=30)


@given(st.lists(PIECES, min_size=1, max_size=8))
def test_whatever_was_asked_before_the_slot_holds_the_prompt(prompts):
    cells = Cells()
    memory = SlotMemory(cells, slots=2, cells=100)
    for pieces in prompts:
        slot, _ = asked(memory, cells, pieces)
        assert [block.tokens for block in slot.blocks] == pieces
