"""Numbers that identify a person or an account, told by their check digits.

Each function takes the number as it is printed and says whether it is one. Sources: ISO 13616
(IBAN), ISO/IEC 7812-1 (cards), ISO 7064 (MOD 11,10) and the issuing states' rules.
"""

import re
from collections import Counter
from datetime import date

_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE", "BI"), 16),
    **dict.fromkeys(("DK", "FI", "FK", "FO", "GL", "NL", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}
_SPANISH_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD = {
    **dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)),
    **dict(zip("ABCDEFGHIJ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)),
    **dict(zip("KLMNOPQRST", (2, 4, 18, 20, 11, 3, 6, 8, 12, 14), strict=True)),
    **dict(zip("UVWXYZ", (16, 10, 22, 25, 24, 23), strict=True)),
}


def iban_length(text: str) -> int:
    """How many characters of the text, spaces included, are an IBAN at its beginning; or 0."""
    wanted = _IBAN_LENGTHS.get(text[:2], 0)
    letters = 0
    for index, char in enumerate(text):
        letters += char != " "
        if letters == wanted:
            found = text[: index + 1].replace(" ", "")
            return index + 1 if _mod_97(found[4:] + found[:4]) == 1 else 0
    return 0


def is_card(text: str) -> bool:
    """A payment card: the issuer's first digits, the length and Luhn's check digit."""
    digits = _digits(text)
    lengths = {"3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 19), "2": (16,)}
    if len(digits) not in lengths.get(digits[:1], ()) or len(set(digits)) < 2:
        return False
    issued = re.match(
        r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3(?:[47]|0[0-5]|[689]|5)|6(?:011|5|4[4-9])",
        digits,
    )
    return bool(issued) and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is right by ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    total = sum(int(d) for d in digits[-1::-2]) + sum(n - 9 if n > 9 else n for n in doubled)
    return total % 10 == 0


def is_german_tax_id(text: str) -> bool:
    """Steuer-ID: eleven digits, one of the first ten twice or three times, MOD 11,10."""
    digits = _digits(text)
    repeated = [n for n in Counter(digits[:10]).values() if n > 1]
    if len(digits) != 11 or digits[0] == "0" or repeated not in ([2], [3]):
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_french_number(text: str) -> bool:
    """NIR: sex, year, month, place, order, and 97 minus the rest as key."""
    found = text.replace(" ", "").upper().replace("2A", "19").replace("2B", "18")
    if not re.fullmatch(r"[12]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)\d{10}", found):
        return False
    return 97 - int(found[:13]) % 97 == int(found[13:])


def is_spanish_number(text: str) -> bool:
    """DNI or NIE: eight digits, or X, Y, Z and seven, with their check letter."""
    found = text.replace("-", "").upper()
    number = found[:-1].translate(str.maketrans("XYZ", "012"))
    return _SPANISH_LETTERS[int(number) % 23] == found[-1]


def is_italian_code(text: str) -> bool:
    """Codice fiscale: fifteen letters and digits and their check letter."""
    total = 0
    for index, char in enumerate(text[:15].upper()):
        even = int(char) if char.isdigit() else ord(char) - ord("A")
        total += even if index % 2 else _ITALIAN_ODD[char]
    return chr(ord("A") + total % 26) == text[15].upper()


def is_swiss_number(text: str) -> bool:
    """AHV number: 756, nine digits, and the check digit of an EAN-13."""
    digits = [int(d) for d in _digits(text)]
    total = sum(d * (3 if index % 2 else 1) for index, d in enumerate(digits[:12]))
    return len(digits) == 13 and -total % 10 == digits[12]


def is_polish_number(text: str) -> bool:
    """PESEL: a day of birth, an order and a check digit."""
    digits = [int(d) for d in _digits(text)]
    year, month, day = (int(text[at : at + 2]) for at in (0, 2, 4))
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    try:
        date(century + year, month % 20, day)
    except ValueError:
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return -sum(w * d for w, d in zip(weights, digits, strict=False)) % 10 == digits[10]


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _mod_97(text: str) -> int:
    return int("".join(str(int(char, 36)) for char in text)) % 97
