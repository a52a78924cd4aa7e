"""Numbers and their units as they stand in manuals, in English and German.

Two quantities are the same if their numbers have the same value and their units are the same
unit: ``40,000 hours`` is ``40000 h`` and, in German, ``40.000 Stunden``. ``8 N·m`` is no ``8 N``,
``5 mW`` no ``5 MW`` and ``300 m`` no ``300 mm``. Nothing is converted: who writes 0.3 km where the
document says 300 m has calculated, and calculations are not checked here.

Standard library only: this module runs on the device.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sfta_edge.function_words import TELLTALES

DecimalSign = Literal[".", ","]

_SYMBOLS = re.findall(
    r"\S+",
    "mm cm dm km nm µm m g kg mg µg t l L ml cl s ms µs ns h d min A mA kA V mV kV W mW kW MW GW VA"
    " kVA Ah Hz kHz MHz GHz Pa hPa kPa MPa bar mbar psi N kN MN Nm Ω mΩ kΩ MΩ F µF nF pF H mH J kJ"
    " MJ kWh Wh MWh K °C °F ° % ‰ dB rpm ppm ppb bit byte kB MB GB TB KiB MiB GiB mol T lm lx cd"
    " cSt px dpi € $ £ EUR USD",
)
_WORDS = {
    "s": "second seconds sec sek sekunde sekunden",
    "min": "minute minutes minuten mins",
    "h": "hour hours hrs hr stunde stunden std",
    "d": "day days tag tage tagen",
    "week": "week weeks woche wochen",
    "month": "month months monat monate monaten",
    "year": "year years yr yrs jahr jahre jahren",
    "m": "metre metres meter meters metern",
    "mm": "millimetre millimetres millimeter millimeters millimetern",
    "cm": "centimetre centimetres centimeter centimeters zentimeter zentimetern",
    "km": "kilometre kilometres kilometer kilometers kilometern",
    "kg": "kilogram kilograms kilogramm kilo kilos",
    "g": "gram grams gramm",
    "t": "tonne tonnes tonnen",
    "l": "litre litres liter liters litern",
    "%": "percent prozent",
    "°": "degree degrees grad",
    "V": "volt volts",
    "A": "ampere amperes amp amps",
    "W": "watt watts",
    "kW": "kilowatt kilowatts",
    "Ω": "ohm ohms",
    "kΩ": "kiloohm kiloohms kilohm kilohms",
    "MΩ": "megohm megohms megaohm megaohms",
    "N": "newton newtons",
    "bar": "bars",
    "K": "kelvin",
    "Hz": "hertz",
    "byte": "bytes",
    "bit": "bits",
}
_ALIASES = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_ALIASES |= {"l/min": "l/min", "1/min": "rpm", "u/min": "rpm", "min⁻¹": "rpm", "eur": "€"}
_NUMBER_WORDS = {
    word: value
    for words, value in (
        ("zero null", 0), ("one eins", 1), ("two zwei", 2), ("three drei", 3), ("four vier", 4),
        ("five fünf", 5), ("six sechs", 6), ("seven sieben", 7), ("eight acht", 8),
        ("nine neun", 9), ("ten zehn", 10), ("eleven elf", 11), ("twelve zwölf", 12),
    )
    for word in words.split()
}  # fmt: skip
_SAME = str.maketrans(
    {"\u2212": "-", "\u2013": "-", "\u00b5": "\u03bc", "\u2126": "\u03a9", "\u22c5": "\u00b7"}
)
_UNIT = "|".join(
    re.escape(unit.translate(_SAME)) for unit in sorted(_SYMBOLS, key=len, reverse=True)
)
_POWER = r"(?:[²³]|\^?-?[1-4](?![\d.,]))?"
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?<!\w )[-+±](?=\d))?"
    r"(?P<digits>\d{1,3}(?:[ \u00a0\u202f'\u2019]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*)"
    rf"(?P<unit>[ \u00a0\u202f]?(?:{_UNIT}){_POWER}(?:[/·*](?:{_UNIT}){_POWER})*"
    r"(?:\([A-Z]\))?(?!\w))?"
)
_WORD = re.compile(r"[^\W\d_]+(?:/[^\W\d_]+)?")
_RANGE = re.compile(r"\s*(?:-|to|bis|and|und|or|oder|,)\s*\Z")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a text."""

    value: str
    """Digits with a point before the decimals, without groups; a sign if it has one."""
    unit: str
    """In one spelling; empty: none stands behind the number."""
    start: int
    end: int

    def is_in(self, others: "list[Quantity]") -> bool:
        """Whether one of the others has this value, and this unit if this has one."""
        return any(
            self.value == other.value and self.unit in ("", other.unit) for other in others
        )


def decimal_sign(text: str) -> DecimalSign | None:
    """Which sign stands before decimals, as the text's own numbers or else its words show it."""
    commas = len(re.findall(r"(?<![\d.,])(?:\d+,(?:\d{1,2}|\d{4,})|0,\d+)(?![\d.,]*\d)", text))
    points = len(
        re.findall(r"(?<![\d.,])(?:\d+\.(?:\d{1,2}|\d{4,})|0\.\d+)(?![\d.,]*\d)", text)
    )
    if commas == points:
        words = re.findall(r"[^\W\d_]+", text.casefold())
        commas, points = (sum(w in TELLTALES[mark] for w in words) for mark in (",", "."))
    if commas == points:
        return None
    return "," if commas > points else "."


def quantities(text: str, sign: DecimalSign = ".") -> list[Quantity]:
    """All numbers of a text, number words up to twelve included; codes are no numbers.

    A number without a unit that a range or a list ties to a later one has the later one's:
    ``2.1 to 2.5 bar`` are two pressures.

    Args:
        text: without its codes, see `terms`.
        sign: what stands before decimals where the digits leave it open: ``1,240``.
    """
    text = text.translate(_SAME)
    found = sorted([*_figures(text, sign), *_spelled(text)], key=lambda each: each.start)
    for at in range(len(found) - 2, -1, -1):
        here, after = found[at], found[at + 1]
        if not here.unit and after.unit and _RANGE.fullmatch(text[here.end : after.start]):
            found[at] = Quantity(here.value, after.unit, here.start, here.end)
    return found


def _figures(text: str, sign: DecimalSign) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        if re.match(r"[^\W_]", text[match.end() :]):
            continue  # 3D
        prefix = "-" if match["sign"] == "-" else ""
        unit, end = _unit(text, match)
        yield Quantity(prefix + _value(match["digits"], sign), unit, match.start(), end)


def _spelled(text: str) -> Iterator[Quantity]:
    for match in _WORD.finditer(text):
        value = _NUMBER_WORDS.get(match[0].casefold())
        if value is not None and text[match.end() : match.end() + 1] != "-":
            unit, end = _word_unit(text, match.end())
            yield Quantity(str(value), unit, match.start(), end)


def _value(digits: str, sign: DecimalSign) -> str:
    digits = re.sub(r"[ \u00a0\u202f'\u2019]", "", digits)
    marks = [char for char in digits if char in ".,"]
    if not marks:
        return digits
    whole, last, decimals = re.split(r"([.,])(?=\d+\Z)", digits)
    grouped = len(decimals) == 3 and re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})*", whole)
    if grouped and (marks.count(last) > 1 or (len(set(marks)) == 1 and last != sign)):
        return re.sub(r"[.,]", "", digits)
    return f"{re.sub(r'[.,]', '', whole)}.{decimals}"


def _unit(text: str, match: re.Match[str]) -> tuple[str, int]:
    """The unit behind a number's digits, and where it ends."""
    if match["unit"]:
        spelled = match["unit"].strip()
        plain = re.sub(r"[\^*·]", "", spelled).replace("²", "2").replace("³", "3")
        return _ALIASES.get(plain.casefold(), "l" if plain == "L" else plain), match.end()
    return _word_unit(text, match.end())


def _word_unit(text: str, at: int) -> tuple[str, int]:
    word = _WORD.match(text, at + len(text[at:]) - len(text[at:].lstrip(" \u00a0\u202f-")))
    unit = _ALIASES.get(word[0].casefold()) if word else None
    if word is None or unit is None:
        return "", at
    if unit == "°":
        scale = re.match(r"\s+(celsius|fahrenheit)", text[word.end() :], re.IGNORECASE)
        if scale:
            return "°" + scale[1][0].upper(), word.end() + scale.end()
    return unit, word.end()
