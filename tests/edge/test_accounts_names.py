"""Two spellings of one name are one name; what could be mistaken for another is no name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.accounts.names import checked_groups, checked_name, checked_role, key_of
from sfta_edge.errors import ConfigError

SPELLINGS = [
    "ada lovelace",
    "ADA LOVELACE",
    "  Ada   Lovelace ",
    "Ada\tLovelace\n",
    "Ada\u00a0Lovelace",
    "ａｄａ lovelace",
    "a\u200bda love\u00adlace",
    "\u202eada lovelace",
    "ada\u2028lovelace",
    "\x00ada lovelace",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_one_name_have_one_key(spelling):
    assert key_of(spelling) == "ada lovelace"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "straße"),
        ("e\u0301mile", "Émile"),
        ("ﬁona", "fiona"),
        ("Ⅳ", "iv"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_letters_that_are_the_same_are_the_same(one, other):
    assert key_of(one) == key_of(other)


@given(st.text())
def test_a_key_is_its_own_key(name):
    assert key_of(key_of(name)) == key_of(name)


@given(st.text())
def test_case_and_space_around_do_not_count(name):
    name = name[:60]
    assert key_of(f" {name}\t") == key_of(name)
    assert key_of(name.casefold()) == key_of(name)


@given(st.text())
def test_a_name_that_is_allowed_is_shown_as_it_is_kept(name):
    try:
        shown = checked_name(name, "user")
    except ConfigError:
        return
    assert checked_name(shown, "user") == shown
    assert 1 <= len(shown) <= 64
    assert not set(shown) & set('/\\,:%?#<>"\x00\n\r')


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "Ada Lovelace",
        "ada.lovelace@firm.example",
        "Émile",
        "山田",
        "o'brien",
        "a-b_c",
        "x" * 64,
    ],
)
def test_names_of_people_are_names(name):
    assert checked_name(name, "user") == name


@pytest.mark.parametrize(
    "name",
    [
        None, 7, ["ada"], "", "   ", "\u200b", "x" * 65, "a/b", "a\\b", "a,b", "token:x", "a%2fb",
        "a?b", "a#b", "<b>", 'a"b', ".", "..", "a\x00b", "a\u202eb", "a\u200bb", "\ud800",
    ],
)  # fmt: skip
def test_what_could_be_mistaken_is_no_name(name):
    with pytest.raises(ConfigError, match="the name of a user has"):
        checked_name(name, "user")


@pytest.mark.parametrize("role", ["reader", "editor", "admin"])
def test_a_role_is_one_of_three(role):
    assert checked_role(role) == role


@pytest.mark.parametrize("role", [None, "", "Admin", "root", 2, ["admin"], {"role": "admin"}])
def test_what_is_no_role_is_refused(role):
    with pytest.raises(ConfigError, match="a role is one of"):
        checked_role(role)


def test_groups_are_a_set_of_names():
    assert checked_groups(["service", " service ", "sales"]) == {"service", "sales"}
    assert checked_groups([]) == frozenset()


@pytest.mark.parametrize(
    "groups", [None, "service", 3, {"a": 1}, [""], ["a,b"], [None], [["a"]]]
)
def test_what_are_no_groups_is_refused(groups):
    with pytest.raises(ConfigError):
        checked_groups(groups)
