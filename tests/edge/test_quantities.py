"""Numbers and units as manuals spell them; what is no number; what is another number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.quantities import decimal_sign, quantities


def read(text, sign="."):
    return [(each.value, each.unit) for each in quantities(text, sign)]


def same(one, other, sign="."):
    return all(each.is_in(quantities(other, sign)) for each in quantities(one, sign))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("up to 300 m long", [("300", "m")]),
        ("between 10 seconds and 120 s", [("10", "s"), ("120", "s")]),
        ("2.1 to 2.5 bar", [("2.1", "bar"), ("2.5", "bar")]),
        ("2,1 bis 2,5 bar", [("2.1", "bar"), ("2.5", "bar")]),
        ("4, 8 and 12 mm", [("4", "mm"), ("8", "mm"), ("12", "mm")]),
        ("40,000 hours or 60 months", [("40000", "h"), ("60", "month")]),
        ("1 240 kg", [("1240", "kg")]),
        ("1'240'000 l", [("1240000", "l")]),
        ("74 dB(A)", [("74", "dB(A)")]),
        ("8 N·m", [("8", "Nm")]),
        ("36.1 m³/min", [("36.1", "m3/min")]),
        ("150 mg/l", [("150", "mg/l")]),
        ("-10 °C to +40 °C", [("-10", "°C"), ("40", "°C")]),
        ("25 degrees Celsius", [("25", "°C")]),
        ("88 degrees", [("88", "°")]),
        ("10 megohms", [("10", "MΩ")]),
        ("5 µm", [("5", "μm")]),
        ("24V", [("24", "V")]),
        ("10-minute", [("10", "min")]),
        ("four tubes", [("4", "")]),
        ("zwei Liter", [("2", "l")]),
        ("three-quarters of a turn", []),
        ("no number", []),
        ("3D", []),
        ("0.125 mm", [("0.125", "mm")]),
    ],
)
def test_numbers_are_read_with_their_units(text, found):
    assert read(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("40,000 hours", "40000 h"),
        ("10 min", "10 minutes"),
        ("5 L", "5 litres"),
        ("8 Nm", "8 N·m"),
        ("0.05 %", "0.05 percent"),
        ("four", "4 tubes"),
        ("10 kΩ", "10 kΩ"),
        ("5 m2", "5 m²"),
    ],
)
def test_another_spelling_is_the_same_quantity(one, other):
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("300 m", "300 mm"),
        ("5 mW", "5 MW"),
        ("300 m", "0.3 km"),
        ("8 N", "8 N·m"),
        ("10 hours", "10 minutes"),
        ("1.2 bar", "12 bar"),
        ("-10 °C", "10 °C"),
        ("1.125 bar", "1125 bar"),
        ("5 m", "5 m²"),
        ("5 m", "a length of 5"),
        ("2000", "20000"),
    ],
)
def test_another_value_or_unit_is_another_quantity(one, other):
    assert not same(one, other)


def test_a_number_without_a_unit_fits_any_unit_but_not_the_other_way_round():
    assert same("4", "4 times per hour")
    assert same("500", "500 A")
    assert not same("500 A", "500 fuses")


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("1.5 bar and 2.25 mm", "."),
        ("1,5 bar und 0,25 mm", ","),
        ("1,5 bar at 1.5 and 2.5", "."),
        ("Das Öl wird nach 8.000 Stunden gewechselt", ","),
        ("The oil is changed after 8,000 hours", "."),
        ("8.000", None),
        ("", None),
    ],
)
def test_a_text_shows_how_it_writes_decimals(text, sign):
    assert decimal_sign(text) == sign


def test_the_decimal_sign_decides_what_three_digits_mean():
    assert read("40.000 Stunden", ",") == [("40000", "h")]
    assert read("1.125 bar", ".") == [("1.125", "bar")]
    assert read("1,125 bar", ".") == [("1125", "bar")]
    assert read("1.234.567,5 l", ".") == [("1234567.5", "l")]


@given(st.integers(0, 10**9), st.sampled_from(["m", "bar", "hours", "°C", "N·m", ""]))
def test_a_number_is_the_same_with_and_without_groups(number, unit):
    grouped = f"{number:,}"
    assert read(f"{grouped} {unit}") == read(f"{number} {unit}")


@given(st.text(max_size=80), st.sampled_from([".", ","]))
def test_any_text_can_be_read(text, sign):
    for each in quantities(text, sign):
        assert 0 <= each.start < each.end <= len(text) + 8
        assert each.is_in([each])
