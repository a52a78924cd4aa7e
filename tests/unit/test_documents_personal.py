"""Personal data is found by its form and its check digits, and nothing else is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents import identifiers
from sfta.documents.document import Block, Page
from sfta.documents.edits import edited
from sfta.documents.personal import (
    find_personal,
    redacted_text,
    redactions,
    with_clean_headers,
)


def found(text):
    return [(text[start:end], kind) for start, end, kind in find_personal(text)]


@pytest.mark.parametrize(
    ("text", "part", "kind"),
    [
        ("Write to max.muster+news@mail.example.co.uk.", None, "EMAIL"),
        ("jörg@müller.de", "jörg@müller.de", "EMAIL"),
        ("Call +49 (0)89 1234-567 now", "+49 (0)89 1234-567", "PHONE"),
        ("Call 0049 89 1234567 now", "0049 89 1234567", "PHONE"),
        ("Call (555) 123-4567.", "(555) 123-4567", "PHONE"),
        ("Call 555-123-4567.", "555-123-4567", "PHONE"),
        ("Tel.: 089 12345", "089 12345", "PHONE"),
        ("Phone number 030/123456", "030/123456", "PHONE"),
        ("to DE89 3704 0044 0532 0130 00 BIC", "DE89 3704 0044 0532 0130 00", "IBAN"),
        ("FR1420041010050500013M02606", "FR1420041010050500013M02606", "IBAN"),
        ("NO93 8601 1117 947 NOTE", "NO93 8601 1117 947", "IBAN"),
        ("Card 4111 1111 1111 1111.", "4111 1111 1111 1111", "CREDIT_CARD"),
        ("378282246310005", "378282246310005", "CREDIT_CARD"),
        ("5500-0000-0000-0004", "5500-0000-0000-0004", "CREDIT_CARD"),
        ("Host 192.168.0.17 answers", "192.168.0.17", "IP_ADDRESS"),
        ("at 2001:db8::8a2e:370:7334.", "2001:db8::8a2e:370:7334", "IP_ADDRESS"),
        ("SSN 123-45-6789", "123-45-6789", "NATIONAL_ID"),
        ("NINO AB 12 34 56 C", "AB 12 34 56 C", "NATIONAL_ID"),
        ("Steuer-ID 86095742719", "86095742719", "NATIONAL_ID"),
        ("NIR 1 84 12 76 451 089 46", "1 84 12 76 451 089 46", "NATIONAL_ID"),
        ("DNI 12345678Z", "12345678Z", "NATIONAL_ID"),
        ("NIE X-1234567-L", "X-1234567-L", "NATIONAL_ID"),
        ("RSSMRA85T10A562S", "RSSMRA85T10A562S", "NATIONAL_ID"),
        ("AHV 756.9217.0769.85", "756.9217.0769.85", "NATIONAL_ID"),
        ("PESEL 44051401359", "44051401359", "NATIONAL_ID"),
    ],
)
def test_personal_data_is_found_with_its_kind(text, part, kind):
    part = part or text.removeprefix("Write to ").rstrip(".")
    assert found(text) == [(part, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "Torque 25 Nm at 230 V, 50 Hz, 1.5 kW, 4.2 bar, 36.9 m³/min.",
        "Part number 0123-456-789, serial 1234567890123456, order 4512 3344 1.",
        "Card 4111 1111 1111 1112 fails its check.",
        "DE88 3704 0044 0532 0130 00 fails its check.",
        "US12 3456 7890 1234 is no country of the registry.",
        "See section 4.2.1.3 and version 1.0.0.2.",
        "Mask 255.255.255.0, loopback 127.0.0.1, any 0.0.0.0, not 300.1.2.3.",
        "At 12:30:45 on 2024-05-06, std::vector and dead::beef.",
        "Steuer-ID 86095742710, NIR 1 84 12 76 451 089 47, DNI 12345678A.",
        "RSSMRA85T10A562T, AHV 756.9217.0769.84, PESEL 44051401358, PESEL 44131401359.",
        "SSN 000-12-3456 and 666-12-3456 were never issued.",
        "user@localhost is no address, @example.com neither.",
        "E-101 E-102 | 10 | 20 | 30 | 40 |",
    ],
)
def test_what_only_looks_alike_stays(text):
    assert found(text) == []


def test_where_two_kinds_overlap_the_surer_one_counts():
    assert found("+49 89 1234567@example.com") == [("1234567@example.com", "EMAIL")]


def test_every_iban_country_has_one_length():
    assert identifiers.iban_length("GB82 WEST 1234 5698 7654 32 and more") == 27
    assert identifiers.iban_length("GB82 WEST 1234") == 0
    assert identifiers.iban_length("") == 0


def test_luhn_knows_the_published_example():
    assert identifiers.luhn("79927398713")
    assert not identifiers.luhn("79927398710")


@given(st.text("0123456789", min_size=2, max_size=18))
def test_exactly_one_last_digit_is_right(digits):
    assert sum(identifiers.luhn(digits + last) for last in "0123456789") == 1


TEXT = "Ask jane@doe.com or +49 89 1234567.\n\n| Contact |\n|---|\n| jane@doe.com |"


def test_a_page_shows_kinds_and_no_data():
    page = Page(1, TEXT, blocks=(Block("table", 0, 37, len(TEXT), "Contact"),))
    shown = edited(page, redactions(page, find_personal))
    assert shown.text == "Ask [EMAIL] or [PHONE].\n\n| Contact |\n|---|\n| [EMAIL] |"
    assert [change.kind for change in shown.changes] == ["EMAIL", "PHONE", "EMAIL"]
    assert [TEXT[c.raw_start : c.raw_end] for c in shown.changes] == [
        "jane@doe.com",
        "+49 89 1234567",
        "jane@doe.com",
    ]
    (block,) = shown.blocks
    assert shown.text[block.start : block.end].startswith("| Contact |")


def test_titles_and_column_names_are_redacted_and_counted():
    counts = Counter()
    assert redacted_text("CV of jane@doe.com", find_personal, counts) == "CV of [EMAIL]"
    page = Page(1, "| x |", blocks=(Block("table", 0, 0, 5, "a@b.com | Name"),))
    clean = with_clean_headers(page, find_personal, counts)
    assert clean.blocks[0].header == "[EMAIL] | Name"
    assert counts == {"EMAIL": 2}


PARTS = st.sampled_from(
    [
        "a@b.com",
        "+49 89 1234567",
        "DE89370400440532013000",
        "4111111111111111",
        "10.20.30.40",
        "123-45-6789",
        "Tel. ",
        "word",
        " ",
        ".",
        "-",
        "\n",
        "12",
        "A",
    ]
)


@given(st.lists(PARTS, max_size=20).map("".join))
def test_what_is_redacted_holds_no_personal_data_any_more(text):
    page = Page(1, text)
    assert found(edited(page, redactions(page, find_personal)).text) == []


@given(st.text("ab1234 @.-+:/", max_size=300))
def test_findings_are_in_order_and_apart(text):
    findings = find_personal(text)
    ends = [0, *(end for _, end, _ in findings)]
    assert all(before <= start for before, (start, _, _) in zip(ends, findings, strict=False))


@pytest.mark.parametrize(
    "attack",
    [
        "1" * 20000,
        "a." * 10000 + "@",
        "a@" * 10000,
        "DE89" * 5000,
        "+4 " * 8000,
        "tel. " * 5000,
        "0:" * 10000,
        "12-" * 8000,
        "x@" + "a." * 10000,
    ],
)
def test_no_text_makes_the_search_slow(attack):
    # A pattern that backtracks would not end here at all.
    find_personal(attack)
