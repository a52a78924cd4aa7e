"""How a sheet shows a value: dates, shares, decimals and thousands as its number format says."""

import datetime as dt
import re
from functools import lru_cache

_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DECIMALS = re.compile(r"[0#?]\.([0?]+)")
_GENERAL = "General"
_MOST_DECIMALS = 15
_FORMATS = 1024

Value = object
"""A str, bool, int, float, date, time, datetime, timedelta or None."""


def shown_value(value: Value, number_format: str) -> str:
    """The value as text; what a format draws besides, such as a currency, is left out."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        is_day = value.time() == dt.time(0) and not value.microsecond
        return value.date().isoformat() if is_day else value.isoformat(" ", "seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat("seconds")
    if isinstance(value, int | float):
        return _number(value, number_format or _GENERAL)
    return str(value)


@lru_cache(_FORMATS)
def _form(number_format: str) -> tuple[bool, bool, int | None]:
    """Whether a format shows hundredths as percent, parts thousands, and how many decimals."""
    first = _QUOTED.sub("", number_format.split(";", 1)[0])
    # Scientific, fractions and scaled thousands are rare: these show the number as it is.
    plain = number_format == _GENERAL or re.search(r"[Ee][+-]|/|,(?![0#?])", first)
    if plain or not re.search(r"[0#?]", first):
        return False, False, None
    decimals = _DECIMALS.search(first)
    count = len(decimals[1]) if decimals else 0
    if re.search(r"\.[0?]*#", first):
        return "%" in first, "," in first, None
    return "%" in first, "," in first, min(count, _MOST_DECIMALS)


def _number(value: float, number_format: str) -> str:
    percent, thousands, decimals = _form(number_format)
    shown = value * 100 if percent else value
    if decimals is None:
        # Fifteen digits are what a sheet keeps: 0.1 + 0.2 is shown as 0.3.
        text = str(shown) if isinstance(shown, int) else f"{shown:.15g}"
    else:
        text = f"{shown:{',' if thousands else ''}.{decimals}f}"
    return text + "%" if percent else text
