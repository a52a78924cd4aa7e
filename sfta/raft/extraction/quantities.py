"""Numbers with units in running text, and what one asks to get them."""

import re
from dataclasses import dataclass

from sfta.raft.extraction.lexicon import NUMBER_WORDS, is_verb_form

_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"
_WORDED = rf"(?:{'|'.join(NUMBER_WORDS)}|half an?|three-quarters of an?)"
_TIMES = r"(?:operating )?hours?|minutes?|seconds?|milliseconds?|days?|weeks?|months?|years?"
_ENDS = re.compile(r"(?:, | and | or |; |: |\(| while | during which | but )")
_UNITS: tuple[tuple[str, str], ...] = (
    ("torque", r"N[·.\u22c5 ]?m|newton metres?"),
    ("flow", r"m³/h|m³/min|l/min|l/s|m3/h|m3/min"),
    ("vibration", r"mm/s"),
    ("concentration", r"mg/l|mg/kg|ppm|mg KOH/g"),
    ("pressure", r"bar|mbar|kPa|MPa|Pa|psi|millibars?"),
    ("temperature", r"°C|°F|degrees Celsius"),
    ("temperature difference", r"K"),
    ("power", r"kW|W|MW|kilowatts?"),
    ("current", r"mA|kA|A|amperes?|milliamperes?"),
    ("voltage", r"kV|mV|V|volts?"),
    ("resistance", r"megohms?|ohms?|kΩ|Ω|MΩ"),
    ("speed", r"rpm|min-1|r/min|baud|km/h"),
    ("frequency", r"kHz|Hz|MHz"),
    ("length", r"mm²|mm|cm|km|µm|μm|m|metres?|characters?"),
    ("mass", r"kg|g|tonnes?|t"),
    ("volume", r"litres?|millilitres?|ml|l|m³|gallons?"),
    ("time", rf"{_TIMES}|h|min|s"),
    ("percentage", r"percent|%"),
    ("sound level", r"dB\(A\)|dB"),
    ("brightness", r"lux|lx"),
    ("angle", r"degrees?"),
    ("memory", r"GB|MB|kB"),
    ("force", r"kN|N"),
)  # fmt: skip
_LIMIT = (
    r"(?:at least |at most |up to |about |no more than |not more than |more than |less than |"
    r"only |approximately |around |below |above |over |under |a maximum of |a minimum of )?"
)
_UNIT_ANY = "|".join(pattern for _, pattern in _UNITS)
_AMOUNT = rf"(?:{_NUMBER}|{_WORDED})"
_UNIT = rf" ?(?:{_UNIT_ANY})(?![\w²³/])"
QUANTITY = re.compile(
    rf"(?<![\w.,-])(?:between {_AMOUNT}(?:{_UNIT})? and {_AMOUNT}{_UNIT}"
    rf"|{_LIMIT}{_AMOUNT}(?:{_UNIT})? to {_AMOUNT}{_UNIT}|{_LIMIT}{_AMOUNT}{_UNIT})"
)
EVERY = re.compile(
    rf"(?:every (?:(?:{_NUMBER}|{_WORDED}) )?(?:{_TIMES}|h|shift|turn|day|week|month|year)"
    r"(?:(?: or | and) [\w,]+ (?:hours|months|years))?|"
    r"(?:once|twice|three times) (?:per|a|every|each) (?:second|minute|hour|shift|day|week|month|"
    r"quarter|year)|(?:daily|weekly|monthly|yearly|annually)(?= (?:by|with|in|at|for)\b|$))(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit, verbatim, and its place in the text it was found in."""

    text: str
    kind: str
    start: int
    end: int

    @property
    def core(self) -> str:
        """The value without "at least" and the like."""
        return re.sub(rf"^{_LIMIT}", "", self.text)


def find_quantities(text: str) -> list[Quantity]:
    """Values with units, left to right."""
    found = []
    for match in QUANTITY.finditer(text):
        kind = unit_kind(match.group())
        if kind:
            found.append(Quantity(match.group().strip(), kind, match.start(), match.end()))
    return found


def unit_kind(text: str) -> str:
    """What a value with a unit measures; empty when there is no known unit."""
    for kind, pattern in _UNITS:
        if re.search(rf"(?:\d|\b(?:{_WORDED})) ?(?:{pattern})(?![\w²³/])", text):
            return kind
    return ""


def kept_after(tail: str) -> str:
    """The words after a value that still belong to its statement."""
    if re.match(r"\s*(?:,|and|or|;|:)", tail):
        return ""
    ends = _ENDS if " between " not in tail else re.compile(r"(?:, |; |: |\()")
    kept = ends.split(tail, maxsplit=1)[0].strip(" .,")
    if find_quantities(kept) and len(kept.split()) > 6:
        return ""
    return "" if any(is_verb_form(word) for word in kept.split()[:1]) else kept


def joined(left: str, right: str) -> str:
    """Two phrases with one space between them; either may be empty."""
    return " ".join(f"{left} {right}".split())


def in_relative(text: str) -> bool:
    """Whether words that open a clause of their own stand before a value."""
    return re.search(r"\b(?:that|which|who|whose|when|if)\b", text) is not None
