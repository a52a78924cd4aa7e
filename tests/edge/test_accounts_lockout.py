"""Guessing gets slower and slower; whose name it is gets in all the same."""

import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_world import (
    HERE,
    OTHER_PASSWORD,
    PASSWORD,
    THERE,
    TurnedClock,
    peopled,
    stored_text,
)
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.lockout import Lockout, network_of
from sfta_edge.accounts.refusals import LockedOutError, WrongPasswordError
from sfta_edge.accounts.store import Store
from sfta_edge.accounts.users import UserChange

DAY = 24 * 3600.0


@pytest.fixture(name="clock")
def _clock():
    return TurnedClock()


@pytest.fixture(name="accounts")
def _accounts(tmp_path, clock):
    with peopled(tmp_path, clock=clock) as accounts:
        yield accounts


@pytest.fixture(name="lockout")
def _lockout(tmp_path, clock):
    with Store(tmp_path, clock) as store:
        yield Lockout(store, "password")


def guess(accounts, name="ada", address=HERE):
    """Whether an attempt was looked at; it was wrong."""
    try:
        accounts.login(name, "wrong password", address)
    except LockedOutError:
        return False
    except WrongPasswordError:
        return True
    raise AssertionError("the guess was right")


def wait_of(lockout, name, address):
    try:
        lockout.check(name, address)
    except LockedOutError as error:
        return error.retry_after
    return 0


def test_brute_force_gets_four_guesses_an_hour(accounts, clock):
    looked_at = [0, 0, 0]
    for hour in range(3):
        for _ in range(120):
            looked_at[hour] += guess(accounts)
            clock.pass_(30)
    assert looked_at[0] < 20
    assert looked_at[1:] == [4, 4]


def test_a_few_mistakes_cost_nothing_and_each_further_one_doubles_the_wait(lockout, clock):
    waits = []
    for _ in range(20):
        waits.append(wait_of(lockout, "ada", HERE))
        clock.pass_(waits[-1])
        assert wait_of(lockout, "ada", HERE) == 0
        lockout.failed("ada", HERE)
    assert waits == [0] * 5 + [2**i for i in range(10)] + [900] * 5


def test_the_right_password_is_not_even_looked_at_while_one_has_to_wait(accounts, clock):
    for _ in range(5):
        guess(accounts)
    with pytest.raises(LockedOutError) as caught:
        accounts.login("ada", PASSWORD, HERE)
    assert caught.value.retry_after == 1
    clock.pass_(1)
    assert accounts.login("ada", PASSWORD, HERE)


def test_attempts_while_one_has_to_wait_make_it_no_longer(lockout, clock):
    for _ in range(8):
        lockout.failed("ada", HERE)
    assert wait_of(lockout, "ada", HERE) == 8
    for _ in range(100):
        wait_of(lockout, "ada", HERE)
    clock.pass_(8)
    assert wait_of(lockout, "ada", HERE) == 0


@pytest.mark.parametrize(
    "spelling", ["ADA", " ada ", "ａｄａ", "a\u200bda", "\u202eada", "ada\x00"]
)
def test_another_spelling_of_the_name_is_no_way_round(accounts, spelling):
    for _ in range(5):
        guess(accounts, spelling)
    assert not guess(accounts, "ada")
    with pytest.raises(LockedOutError):
        accounts.login("ada", PASSWORD, HERE)


def test_names_that_do_not_exist_are_counted_alike(accounts):
    assert [guess(accounts, "nobody") for _ in range(7)] == [
        guess(accounts, "ada") for _ in range(7)
    ]


def test_one_address_cannot_try_a_password_on_many_names(accounts):
    assert sum(guess(accounts, f"user{i}") for i in range(100)) == 20


def test_an_account_of_ones_own_does_not_wipe_the_slate_clean(accounts, clock):
    looked_at = 0
    for i in range(60):
        looked_at += guess(accounts, f"user{i}")
        with suppress(LockedOutError):
            accounts.login("rita", PASSWORD, HERE)
        clock.pass_(1)
    assert looked_at < 30


def test_a_guesser_elsewhere_locks_nobody_out_of_their_own_place(accounts, clock):
    for _ in range(100):
        guess(accounts, "ada", THERE)
        clock.pass_(60)
        assert accounts.login("ada", PASSWORD, HERE)


def test_many_guessers_lock_nobody_out_for_ever(accounts, clock):
    for i in range(160):
        guess(accounts, "ada", f"10.0.{i % 40}.9")
        clock.pass_(1)
    assert not guess(accounts, "ada", "10.0.7.9")  # they have to wait for each other
    # A mistake or two in a place of one's own are still free; and that is all one needs.
    assert guess(accounts, "ada", HERE)
    assert guess(accounts, "ada", HERE)
    assert accounts.login("ada", PASSWORD, HERE)


def test_many_addresses_together_are_slowed_down_too(lockout, clock):
    """After three free attempts each, all of them share one attempt a minute."""
    addresses = [f"10.0.0.{i}" for i in range(20)]
    tried = 0
    for _ in range(300):
        for address in addresses:
            if wait_of(lockout, "ada", address) == 0:
                lockout.failed("ada", address)
                tried += 1
        clock.pass_(1)
    assert tried <= 3 * len(addresses) + 5 + 8


def test_a_day_without_mistakes_is_forgiven(lockout, clock):
    for _ in range(30):
        lockout.failed("ada", HERE)
    clock.pass_(DAY + 1)
    assert wait_of(lockout, "ada", HERE) == 0
    lockout.failed("ada", HERE)
    assert wait_of(lockout, "ada", HERE) == 0


def test_a_restart_forgives_nothing(tmp_path, clock):
    with peopled(tmp_path, clock=clock) as accounts:
        for _ in range(5):
            guess(accounts)
    clock.reboot(off=0, wall=0.0)
    clock.uptime = 0.0
    with pytest.raises(LockedOutError), Store(tmp_path / "data", clock) as store:
        Lockout(store, "password").check("ada", HERE)


@pytest.mark.parametrize("wall", [0.0, 3e9])
def test_a_calendar_that_jumps_opens_no_way_round(lockout, clock, wall):
    for _ in range(15):
        lockout.failed("ada", HERE)
    clock.wall = wall
    assert wait_of(lockout, "ada", HERE) == 900
    clock.uptime += 900
    assert wait_of(lockout, "ada", HERE) == 0


def test_an_admin_or_the_console_forgives(accounts):
    for i in range(10):
        guess(accounts, "rita", f"10.0.{i // 5}.9")
    assert not guess(accounts, "rita", "10.0.1.9")
    accounts.change_user(CONSOLE, "Rita", UserChange(password=OTHER_PASSWORD))
    assert accounts.login("rita", OTHER_PASSWORD, "10.0.1.9")


def test_changing_a_password_is_no_way_to_guess_it(accounts):
    cookie = accounts.login("rita", PASSWORD, HERE).cookie
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            accounts.change_password(cookie, "wrong password", OTHER_PASSWORD, HERE)
    with pytest.raises(LockedOutError):
        accounts.change_password(cookie, PASSWORD, OTHER_PASSWORD, HERE)


def test_a_password_that_was_typed_as_a_name_is_not_kept(accounts, tmp_path):
    secret = "tr0ub4dor and three"
    guess(accounts, secret)
    assert secret.encode() not in stored_text(tmp_path)
    assert all(secret not in repr(event) for event in accounts.on_event.heard)


def test_memory_is_bounded_and_the_worst_are_kept(lockout, monkeypatch):
    monkeypatch.setattr("sfta_edge.accounts.lockout._PLACES", 50)
    for _ in range(7):
        lockout.failed("ada", THERE)
    for i in range(200):
        lockout.failed(f"user{i}", HERE)
    assert lockout._store.rows("SELECT count(*) FROM failures") == [(50,)]
    assert wait_of(lockout, "ada", THERE) > 0
    assert wait_of(lockout, "anybody", HERE) > 0


def test_kinds_of_attempts_do_not_disturb_each_other(tmp_path, clock):
    with Store(tmp_path, clock) as store:
        passwords, tokens = Lockout(store, "password"), Lockout(store, "token")
        for _ in range(30):
            tokens.failed("ada", HERE)
        assert wait_of(tokens, "ada", HERE) == 900
        assert wait_of(passwords, "ada", HERE) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address, network):
    assert network_of(address) == network


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ada", "ed"]),
            st.sampled_from([HERE, THERE]),
            st.integers(0, 2000),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_the_wait_that_is_named_is_enough(tmp_path_factory, acts):
    clock = TurnedClock()
    with Store(tmp_path_factory.mktemp("lockout"), clock) as store:
        lockout = Lockout(store, "password")
        for name, address, seconds, right in acts:
            wait = wait_of(lockout, name, address)
            assert 0 <= wait <= 900
            assert wait == math.ceil(wait)
            clock.pass_(wait)
            assert wait_of(lockout, name, address) == 0
            (lockout.succeeded if right else lockout.failed)(name, address)
            clock.pass_(seconds)
