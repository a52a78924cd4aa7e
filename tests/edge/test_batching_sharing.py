"""Threads share a computation only where that was seen to be faster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.batching.sharing import OtherProcesses, ThreadChoice


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Machine:
    """A choice for four threads on a machine that says how busy it is."""

    def __init__(self, most=4):
        self.clock, self.others, self.now = Clock(), 0.0, None
        self.choice = ThreadChoice(most, busy=self, clock=self.clock)

    def __call__(self):
        return self.others

    def waiting(self):
        return self.now

    def later(self, seconds=1.0):
        self.clock.now += seconds
        return self


@pytest.fixture(name="machine")
def _machine():
    machine = Machine()
    machine.choice.record(8, 1, 0.4)
    return machine.later()


def test_one_thread_comes_first_so_that_there_is_something_to_compare_with():
    machine = Machine().later()
    assert machine.choice.threads(8) == 1
    machine.choice.record(8, 1, 0.4)
    assert machine.choice.threads(8) == 4
    assert machine.choice.threads(64) == 4
    assert machine.choice.threads(65) == 1, "too much larger to know"
    machine.choice.record(100, 1, 4.0)
    assert machine.choice.threads(12) == 4


def test_nothing_is_shared_before_the_machine_was_looked_at():
    machine = Machine()
    machine.choice.record(8, 1, 0.4)
    assert machine.choice.threads(8) == 1
    assert machine.later().choice.threads(8) == 4


@pytest.mark.parametrize(
    ("others", "threads"), [(0.0, 4), (0.3, 4), (1.0, 3), (1.5, 2), (3.0, 1), (9.0, 1)]
)
def test_cores_that_others_use_are_left_to_them(machine, others, threads):
    machine.others = others
    assert machine.later().choice.threads(8) == threads


def test_what_others_did_long_ago_is_soon_looked_at_again(machine):
    machine.others = 2.0
    assert machine.later(9.0).choice.threads(8) == 2
    machine.others = 0.0
    assert machine.later(0.06).choice.threads(8) == 4
    machine.others = 2.0
    assert machine.later(0.06).choice.threads(8) == 4, "what is new is looked at in its time"
    assert machine.later(0.2).choice.threads(8) == 2


@pytest.mark.parametrize(("now", "threads"), [(0, 4), (1, 3), (2, 2), (9, 2), (None, 2)])
def test_after_a_pause_it_counts_who_wants_a_core_at_this_moment(machine, now, threads):
    machine.others, machine.now = 2.0, now
    assert machine.later(9.0).choice.threads(8) == threads
    machine.later(0.3).choice.record(8, 1, 0.3)
    assert machine.choice.threads(8) == 2, "it has just computed: the time says more"


def test_a_machine_that_says_nothing_is_taken_for_busy(machine):
    machine.others = None
    assert machine.later().choice.threads(8) == 1


def test_patience_is_a_multiple_of_what_one_thread_takes(machine):
    assert 0.8 <= machine.choice.patience(8) < 1.0


def test_sharing_that_was_given_up_is_left_for_longer_each_time(machine):
    pauses = []
    for _ in range(4):
        machine.choice.give_up()
        waited = 0.0
        while machine.later(0.5).choice.threads(8) == 1:
            waited += 0.5
        pauses.append(waited)
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4 * pauses[0]


@pytest.mark.parametrize(
    ("tokens", "most"), [(8, 0.4), (5, 0.4), (1, 0.4), (9, 0.45), (16, 0.8), (64, 3.2)]
)
def test_a_size_that_comes_seldom_is_judged_by_the_nearest(machine, tokens, most):
    assert machine.choice.threads(tokens) == 4
    assert machine.choice.patience(tokens) == pytest.approx(2 * most + 0.05)


@given(
    st.dictionaries(st.integers(1, 256), st.floats(1e-4, 1.0), min_size=1), st.integers(1, 256)
)
def test_no_size_is_waited_for_longer_than_the_nearest_measured_ones_say(measured, tokens):
    machine = Machine()
    choice = machine.choice
    for size, seconds in measured.items():
        choice.record(size, 1, seconds)
    near = [size for size in measured if size <= 8 * tokens and tokens <= 8 * size]
    if near:
        bound = 8 * max(measured[size] for size in near)
        assert choice.patience(tokens) <= 2 * bound + 0.05
    else:
        assert choice.threads(tokens) == 1


def test_one_slow_batch_among_fast_ones_is_no_reason_to_stop(machine):
    for _ in range(20):
        machine.choice.record(8, 4, 0.2)
    machine.choice.record(8, 4, 0.8)
    assert machine.later(0.3).choice.threads(8) == 4
    for _ in range(20):
        machine.choice.record(8, 4, 0.8)
    assert machine.later(0.3).choice.threads(8) == 1


def test_sharing_that_is_no_faster_is_left(machine):
    for _ in range(30):
        machine.choice.record(8, 4, 0.5)
    assert machine.later(0.5).choice.threads(8) == 1
    assert machine.later(60).choice.threads(8) == 4


def test_sharing_that_is_faster_goes_on(machine):
    for _ in range(5):
        machine.choice.record(8, 4, 0.15)
        assert machine.later().choice.threads(8) == 4
    assert machine.choice.seconds(8) < 0.4
    assert machine.choice.seconds(7) is None


def test_one_thread_never_looks():
    class Never(Machine):
        def __call__(self):
            raise AssertionError

    machine = Never(most=1)
    machine.choice.record(8, 1, 0.4)
    assert machine.later().choice.threads(8) == 1


def stat(busy, idle, runnable=1):
    counted = f"ctxt 99\nprocs_running {runnable}\nprocs_blocked 7\n"
    return f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n{counted}"


def test_other_processes_are_everybody_less_ourselves(tmp_path, monkeypatch):
    clock, path = Clock(), tmp_path / "stat"
    path.write_text(stat(1000, 1000))
    own = [5.0]
    monkeypatch.setattr("sfta_edge.batching.sharing.time.process_time", lambda: own[0])
    monkeypatch.setattr("sfta_edge.batching.sharing.os.sysconf", lambda name: 100)
    others = OtherProcesses(clock, path)
    clock.now += 2.0
    path.write_text(stat(1300, 1100))
    own[0] += 1.0
    assert others() == pytest.approx(1.0), "three seconds in two, one of them our own"
    clock.now += 2.0
    assert others() == 0.0


@pytest.mark.parametrize(("runnable", "others"), [(0, 0), (1, 0), (2, 1), (30, 29)])
def test_who_asks_is_not_one_of_those_that_want_a_core(tmp_path, runnable, others):
    path = tmp_path / "stat"
    path.write_text(stat(1, 1, runnable))
    assert OtherProcesses(Clock(), path).waiting() == others


def test_who_has_just_handed_over_the_question_is_not_in_the_way(tmp_path, monkeypatch):
    path = tmp_path / "stat"
    path.write_text(stat(1, 1, runnable=3))
    counts = iter([2, 1])
    sleep = "sfta_edge.batching.sharing.time.sleep"
    monkeypatch.setattr(sleep, lambda _: path.write_text(stat(1, 1, next(counts))))
    assert OtherProcesses(Clock(), path).waiting() == 0


def test_this_machine_says_who_wants_a_core():
    assert OtherProcesses().waiting() >= 0


@pytest.mark.parametrize("content", ["", "cpu", "cpu a b c", "cpu 1 2 3"])
def test_counters_that_cannot_be_read_say_nothing(tmp_path, content):
    path = tmp_path / "stat"
    path.write_text(content)
    assert OtherProcesses(Clock(), path)() is None
    assert OtherProcesses(Clock(), path).waiting() is None
    assert OtherProcesses(Clock(), tmp_path / "none")() is None
    assert OtherProcesses(Clock(), tmp_path / "none").waiting() is None
