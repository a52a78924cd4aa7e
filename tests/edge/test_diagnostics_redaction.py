"""Of a free text the program's own words are left, and whatever may be a name is replaced."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.diagnostics.redaction import MOST_CHARACTERS, Redactor
from sfta_edge.diagnostics.vocabulary import vocabulary

ROOT = Path("/opt/sfta")
UNSAID = st.text(st.characters(categories=["L"]), min_size=5, max_size=20).filter(
    lambda word: word.casefold() not in vocabulary()
)


def redacted(text, **known):
    return Redactor(ROOT, known).text(text)


@pytest.mark.parametrize(
    "text",
    [
        "database disk image is malformed",
        "No space left on device",
        "the worker gave up",
        "Linux x86_64, 16 cores, 128000 MiB memory, 900 MiB of disk free",
        "3.54.1, sqlite-vec v0.1.9",
        "CPU backend zen4",
        "row 12 missing from index jobs_by_state",
        "IntegrityError: it is 12.5 s",
    ],
)
def test_what_the_program_says_is_readable(text):
    kept = redacted(text).split("<")[0]
    assert redacted(text) == text, kept


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("/srv/anna/x.pdf is damaged", ["path"]),
        ("~/Obsidian/x is missing", ["path"]),
        ("cannot open 'the disk is full.pdf'", ["quoted"]),
        ('cannot open "the disk is full"', ["quoted"]),
        ("cannot open „the disk is full“", ["quoted"]),
        ("10.0.0.7:8080 is busy", ["address"]),
        ("fe80::1ff:fe23:4567:890a%eth0 is busy", ["address"]),
        ("02:42:ac:11:9f:ee is busy", ["address"]),
        ("02-42-ac-11-9f-ee is busy", ["address"]),
        ("http://plant.test/x is busy", ["address"]),
        ("anna@plant.test is busy", ["address"]),
        ("0170 4455 6677 is busy", ["number"]),
        ("4111111111111111 is busy", ["number"]),
        ("#!$%&/()= is busy", ["word"]),
        ("der Kessel is busy", ["word", "word"]),
        ("sk_live_0aF9 is busy", ["word"]),
    ],
)
def test_what_may_be_a_name_or_a_secret_is_replaced(text, kinds):
    made = redacted(text)
    assert [part.split(" ")[0] for part in made.split("<")[1:]] == kinds
    assert made.endswith((" busy", " damaged", " missing", ">"))


def test_paths_of_the_installation_stay_readable():
    told = redacted(f"{ROOT}/slots/a/manifest.json is missing, {ROOT}/data/Obsidian.pdf too")
    assert told.startswith("ROOT/slots/a/manifest.json is missing, ROOT/data/<word ")
    assert redacted(f"{ROOT} is full") == "ROOT is full"
    assert "<path " in redacted(f"{ROOT}-of-anna/x is full")


@pytest.mark.parametrize("name", ["disk", "The Worker", "disk is full", "a+b (c)", "x.*"])
def test_a_known_name_is_replaced_though_its_words_are_the_programs(name):
    told = redacted(f"{name.upper()} is busy; {name}, my{name}x", **{name: "user"})
    assert told.startswith("<user ")
    assert f"{name} " not in told


def test_the_longest_known_name_counts():
    known = {"disk": "user", "disk is full": "document"}
    assert redacted("disk is full", **known).startswith("<document ")


def test_the_same_value_is_recognised_in_any_kind():
    redactor = Redactor(ROOT, {"Anna": "user"})
    digits = redactor.name("Anna", "group").split()[1]
    assert redactor.text("Anna is busy") == f"<user {digits} is busy"
    assert redactor.pseudonyms.counts() == {"group": 1, "user": 1}
    assert Redactor(ROOT).name("Anna", "user") != redactor.name("Anna", "user")
    assert redactor.name("", "user") == redactor.name(None, "user") == ""


def test_the_key_is_not_shown():
    redactor = Redactor(ROOT)
    assert redactor.pseudonyms._key.hex() not in repr(redactor.pseudonyms)
    assert repr(redactor.pseudonyms._key) not in repr(redactor.pseudonyms)


@given(st.text(max_size=60), UNSAID, st.text(max_size=60))
def test_no_text_carries_a_word_that_is_not_the_programs(before, word, after):
    told = redacted(f"{before} {word} {after}")
    assert word not in told
    assert word.casefold() not in told.casefold()


@given(st.text(max_size=300))
def test_any_text_can_be_redacted_and_printed(text):
    told = redacted(text)
    assert told.isprintable()
    told.encode("utf-8")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_tree_keeps_its_form(tree):
    made = Redactor(ROOT).tree({"state": [tree]})
    assert list(made) == ["state"]
    assert type(made["state"][0]) is type(tree)


def test_a_long_text_is_cut_before_it_costs_time():
    assert len(redacted("disk " * MOST_CHARACTERS)) <= MOST_CHARACTERS


def test_the_words_are_those_of_the_source_and_of_the_system():
    words = vocabulary()
    assert {"rollback", "damaged", "probation", "malformed", "zen4"} <= words
    assert set(os.strerror(28).casefold().split()) <= words
    assert not {"anna", "obsidian", "rosalinde", "kessel", "vertrag"} & words


def test_where_the_source_cannot_be_read_nothing_is_let_through(monkeypatch):
    vocabulary.cache_clear()
    monkeypatch.setattr(Path, "read_text", lambda *_: (_ for _ in ()).throw(OSError()))
    try:
        assert "probation" not in vocabulary()
        assert "<word " in redacted("on probation")
    finally:
        vocabulary.cache_clear()
