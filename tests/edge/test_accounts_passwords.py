"""Passwords are kept so that they cannot be read, and compared so that nothing is told."""

import ast
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfta_edge
from account_world import CHEAP, PASSWORD
from sfta_edge.accounts import passwords as module
from sfta_edge.accounts.passwords import Cost, Hash, Passwords, checked_password
from sfta_edge.accounts.refusals import CrowdedError
from sfta_edge.errors import ConfigError, IntegrityError

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@pytest.fixture(name="cheap")
def _cheap():
    return Passwords(CHEAP)


@given(words)
def test_a_password_matches_its_own_hash(password):
    cheap = Passwords(CHEAP)
    assert cheap.matches(password, cheap.hash(password))


@given(words, words)
def test_another_password_does_not_match(one, other):
    cheap = Passwords(CHEAP)
    same = module.unicodedata.normalize("NFKC", one) == module.unicodedata.normalize(
        "NFKC", other
    )
    assert cheap.matches(other, cheap.hash(one)) is same


def test_the_same_password_is_kept_differently_each_time(cheap):
    assert cheap.hash(PASSWORD) != cheap.hash(PASSWORD)
    assert PASSWORD not in cheap.hash(PASSWORD)


def test_keyboards_that_compose_letters_differently_write_the_same_password(cheap):
    assert cheap.matches("cafe\u0301 cafe\u0301 cafe\u0301", cheap.hash("café café café"))


def test_an_unknown_user_costs_as_much_as_a_known_one(cheap, monkeypatch):
    costs = []
    real = module.hashlib.scrypt

    def counted(*arguments, **facts):
        costs.append((facts["n"], facts["r"], facts["p"], facts["dklen"]))
        return real(*arguments, **facts)

    kept = cheap.hash(PASSWORD)
    monkeypatch.setattr(module.hashlib, "scrypt", counted)
    assert cheap.matches(PASSWORD, kept)
    assert not cheap.matches(PASSWORD, None)
    assert not cheap.matches("wrong", kept)
    assert costs == [(CHEAP.n, CHEAP.r, CHEAP.p, 32)] * 3


@pytest.mark.parametrize("size", [1025, 10_000, 60_000])
def test_a_huge_password_is_wrong_without_any_work(cheap, monkeypatch, size):
    kept = cheap.hash(PASSWORD)
    monkeypatch.setattr(module.hashlib, "scrypt", None)
    assert not cheap.matches("x" * size, kept)
    assert not cheap.matches("x" * size, None)


def test_the_longest_password_is_a_password(cheap):
    longest = checked_password("xy" * 512, "ada")
    assert cheap.matches(longest, cheap.hash(longest))


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 12"),
        ("x" * 11, "at least 12"),
        (None, "at least 12"),
        (123456789012, "at least 12"),
        (["correct", "horse"], "at least 12"),
        ("x" * 12, "anybody would try"),
        ("Ada  Lovelace", "anybody would try"),
        ("xy" * 513, "at most 1024 bytes"),
        ("é" * 600 + "e", "at most 1024 bytes"),
        ("correct horse \ud800", "no text"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        checked_password(password, "ada lovelace")
    assert "correct" not in str(caught.value)


@pytest.mark.parametrize(
    "password", ["twelve chars", "山田太郎山田太郎山田太郎", "a" * 11 + "b"]
)
def test_twelve_characters_of_any_script_are_enough(password):
    assert checked_password(password, "ada") == password


@given(
    st.integers(1, 2**15),
    st.integers(1, 9),
    st.integers(1, 3),
    st.binary(min_size=16, max_size=16),
)
def test_a_hash_reads_as_it_was_written(n, r, p, salt):
    made = Hash(Cost(n, r, p), salt, salt * 2)
    assert Hash.parse(str(made)) == made


@given(st.text(alphabet="scrypt$n=1,r8p3ABC/+ =-", max_size=60))
def test_any_other_text_is_no_hash(text):
    with pytest.raises(IntegrityError):
        Hash.parse(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.replace("scrypt", "md5"),
        lambda kept: kept.replace("n=16", "n=0"),
        lambda kept: kept.replace("n=16", "n=-16"),
        lambda kept: kept.replace("n=16", "n=16,x=1"),
        lambda kept: kept.replace("n=16", "n=1073741824"),
        lambda kept: kept.replace("p=1", "p=1000000000"),
        lambda kept: kept[:-8],
        lambda kept: kept + "$",
        lambda kept: "",
    ],
)
def test_a_damaged_hash_neither_lets_in_nor_takes_the_device_down(cheap, change):
    with pytest.raises(IntegrityError, match="stored password"):
        cheap.matches(PASSWORD, change(cheap.hash(PASSWORD)))


def test_the_cost_is_one_that_owasp_calls_equal_and_fits_a_small_device():
    cost = Cost()
    # Password Storage Cheat Sheet: N=2^17 p=1, 2^16 p=2, 2^15 p=3, 2^14 p=5, 2^13 p=10; r=8.
    assert (cost.n, cost.r, cost.p) == (2**15, 8, 3)
    assert cost.memory < 34 << 20
    assert Passwords().matches(PASSWORD, Passwords().hash(PASSWORD))


def test_a_hash_of_yesterdays_cost_still_matches_and_is_noticed(cheap):
    dearer = Passwords(Cost(n=32, r=1, p=1))
    kept = cheap.hash(PASSWORD)
    assert dearer.matches(PASSWORD, kept)
    assert dearer.is_outdated(kept)
    assert not cheap.is_outdated(kept)


def test_no_more_run_at_once_than_the_device_has_memory_for(monkeypatch):
    passwords = Passwords(CHEAP, at_once=2, waiting=1)
    inside, most, go = threading.Semaphore(0), [], threading.Event()
    running, lock, refused = [0], threading.Lock(), []

    def slow(*_arguments, **_facts):
        with lock:
            running[0] += 1
            most.append(running[0])
        inside.release()
        go.wait(20)
        with lock:
            running[0] -= 1
        return b"0" * 32

    monkeypatch.setattr(module.hashlib, "scrypt", slow)

    def log_in():
        try:
            passwords.matches(PASSWORD, None)
        except CrowdedError as error:
            refused.append(error.retry_after)

    threads = [threading.Thread(target=log_in) for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        assert inside.acquire(timeout=20)
    while len(refused) < 9:  # two run, one waits
        assert any(thread.is_alive() for thread in threads)
    go.set()
    for thread in threads:
        thread.join()
    assert max(most) == 2
    assert len(refused) == 9
    assert min(refused) >= 1


def test_a_place_is_given_back_after_an_error(cheap, monkeypatch):
    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr(module.hashlib, "scrypt", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                cheap.hash(PASSWORD)
    assert cheap.matches(PASSWORD, cheap.hash(PASSWORD))


SECRETS = {"digest", "kept", "cookie", "token", "csrf", "shown", "secret", "password", "hash"}


def test_no_secret_is_compared_with_an_operator_that_stops_at_the_first_difference():
    """Digests that SQL finds by an index are the exception: what is sent is hashed before."""
    root = Path(sfta_edge.__file__).parent
    files = [
        *(root / "accounts").glob("*.py"),
        root / "api" / "admission.py",
        root / "api" / "accounts.py",
    ]
    assert len(files) > 10
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                names = {
                    ast.unparse(side).split(".")[-1] for side in (node.left, *node.comparators)
                }
                if names & SECRETS:
                    found.append(f"{path.name}: {ast.unparse(node)}")
    # Both sides are hashes that the device itself keeps: whoever calls knows neither.
    assert found == ["tokens.py: row.hash != kept"]
