"""What a sentence says: words without endings, codes, names, clauses that are negated or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.terms import found_in, same_word, terms_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("flow", "flowing"),
        ("replace", "replaced"),
        ("carry", "carries"),
        ("valve", "valves"),
        ("tighten", "tightened"),
        ("ventil", "ventile"),
        ("druck", "drucke"),
        ("schraube", "schrauben"),
        ("wechseln", "wechselt"),
    ],
)
def test_an_ending_makes_no_other_word(one, other):
    assert same_word(one, other)
    assert same_word(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("motor", "rotor"),
        ("open", "close"),
        ("oil", "coil"),
        ("visible", "invisible"),
        ("inlet", "outlet"),
        ("auslass", "einlass"),
        ("warm", "warning"),
        ("a", "b"),
    ],
)
def test_another_word_is_another_word(one, other):
    assert not same_word(one, other)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Fault E-114 and E114", {"e114"}),
        ("part 8834-0405", {"8834-0405"}),
        ("FAT32 on P3", {"fat32", "p3"}),
        ("Gearlube 46S", {"46s"}),
        ("section 4.2.1", {"4.2.1"}),
        ("see https://x.example/a?q=1 now", {"https://x.example/a?q=1"}),
        ("10-20 bar, 24V, 10-minute, 1.5, 40.000", set()),
    ],
)
def test_codes_are_told_from_numbers(text, codes):
    assert terms_of(text).codes == codes


def test_a_number_that_belongs_to_a_word_makes_a_name():
    assert "sentra5" in terms_of("the Sentra 5 controller").names
    assert terms_of("within 5 m").names == frozenset()


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("The lever is not pulled", True),
        ("Never pull the lever", True),
        ("Don't pull it, lever", True),
        ("Der Hebel wird nicht gezogen", True),
        ("Kein Werkzeug wird benötigt", True),
        ("ohne Filter", True),
        ("The lever is pulled", False),
        ("at most 5 m, not more than 5 m long", False),
        ("Das Kabel ist nicht länger als 300 m", False),
        ("another note on notes", False),
    ],
)
def test_negation_is_seen(text, negated):
    assert terms_of(text).negated is negated


def test_a_negation_holds_for_its_clause():
    terms = terms_of("Loosen the cover, but do not remove the bolts.")
    assert [(set(c.words), c.negated) for c in terms.clauses] == [
        ({"loosen", "cover"}, False),
        ({"remove", "bolts"}, True),
    ]


def test_what_follows_without_is_negated_and_what_precedes_is_not():
    first, second = terms_of("Pull the cartridge out without knocking it").clauses
    assert (first.negated, second.negated, second.strictly) == (False, True, True)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("no longer than 300 m", "@most"),
        ("up to 300 m", "@most"),
        ("höchstens 300 m", "@most"),
        ("not less than 5 bar", "@least"),
        ("mindestens 5 bar", "@least"),
        ("more than 5 bar", "@above"),
        ("über 5 bar", "@above"),
        ("under 5 bar", "@below"),
        ("weniger als 5 bar", "@below"),
    ],
)
def test_bounds_have_one_spelling(text, bound):
    assert bound in terms_of(text).words


def test_a_place_is_no_bound():
    assert not any(word.startswith("@") for word in terms_of("über die Leitung, over it").words)


def test_units_are_words_to_be_found_and_not_words_that_are_said():
    terms = terms_of("after 40,000 hours")
    assert terms.measures == {"hours"}
    assert "hours" not in terms.words


def test_marks_of_sources_say_nothing():
    assert terms_of("Yes [1]. [12]") == terms_of("Yes . ")


@given(st.text(max_size=120))
def test_any_text_has_terms_and_finds_its_own(text):
    terms = terms_of(text)
    assert all(found_in(word, terms.words) for word in terms.words)
    assert terms_of(text) == terms
