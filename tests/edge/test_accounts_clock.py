"""Time passes rightly on a device whose calendar does not."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from account_world import TODAY, TurnedClock
from sfta_edge.accounts.clock import DeviceClock, Moment
from sfta_edge.accounts.store import Store

YEAR = 365 * 24 * 3600.0
seconds = st.floats(0, 50 * YEAR)
calendar = st.floats(0, 80 * YEAR)


@given(seconds, seconds, calendar, calendar)
def test_within_one_boot_the_calendar_plays_no_part(first, passed, before, after):
    then, now = Moment("a", first, before), Moment("a", first + passed, after)
    assert now.since(then) == (first + passed) - first


@given(seconds, seconds, calendar, calendar)
def test_after_a_boot_at_least_the_time_it_ran_has_passed(first, ran, wall_then, wall_now):
    passed = Moment("b", first + ran, wall_now).since(Moment("a", first, wall_then))
    assert passed >= (first + ran) - first
    assert passed >= wall_now - wall_then


@given(*(st.builds(Moment, st.sampled_from("ab"), seconds, calendar) for _ in range(2)))
def test_time_never_runs_backwards(then, now):
    assert now.since(then) >= 0


def test_the_clock_of_the_machine_moves_on_within_its_boot():
    first, second = DeviceClock().read(), DeviceClock().read()
    assert first.boot == second.boot
    assert second.uptime >= first.uptime > 0
    assert first.wall > 1.7e9


def test_a_machine_that_does_not_name_its_boots_takes_every_start_for_one(monkeypatch):
    monkeypatch.setattr("sfta_edge.accounts.clock._BOOT_ID", Path("/nowhere/boot_id"))
    assert DeviceClock().read().boot != DeviceClock().read().boot


def test_the_time_a_device_ran_adds_up_over_its_boots_in_1970(tmp_path):
    clock = TurnedClock()
    with Store(tmp_path, clock) as store:
        first = store.now()
        for _ in range(5):
            clock.pass_(1000)
            store.now()
            clock.reboot(wall=10.0)
        # Ten seconds of each boot have passed before anybody looks.
        assert store.now().since(first) == 5 * 1010


def test_a_power_cut_loses_a_minute_at_most(tmp_path):
    clock = TurnedClock()
    with Store(tmp_path, clock) as store:
        first = store.now()
        for _ in range(99):
            clock.pass_(11)
            store.now()
    clock.reboot(wall=0.0)
    with Store(tmp_path, clock) as store:
        assert 99 * 11 + 10 - 60 <= store.now().since(first) <= 99 * 11 + 10


def test_two_processes_of_one_boot_agree_on_the_moment(tmp_path):
    clock = TurnedClock()
    clock.reboot()
    with Store(tmp_path, clock) as one:
        clock.pass_(500)
        one.now()
        clock.reboot()
        with Store(tmp_path, clock) as other:
            clock.pass_(70)
            assert one.now() == other.now()
            clock.pass_(5)
            assert other.now() == one.now()
    assert clock.wall > TODAY
