"""Numbers that Word draws and does not write are read as they are drawn."""

import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from sfta.documents.docx.numbering import BULLET, Numbering


def level(at, form, text, extra=""):
    drawn = f'<w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{at}">{drawn}{extra}</w:lvl>'


def numbering(levels, nums='<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'):
    return Numbering(
        parse_xml(
            f'<w:numbering {nsdecls("w")}><w:abstractNum w:abstractNumId="0">{levels}'
            f"</w:abstractNum>{nums}</w:numbering>"
        )
    )


def labels(counter, *calls):
    return [counter.label(*call) for call in calls]


def test_levels_count_below_one_another():
    counter = numbering(level(0, "decimal", "%1") + level(1, "decimal", "%1.%2"))
    calls = [("1", 0), ("1", 1), ("1", 1), ("1", 0), ("1", 1)]
    assert labels(counter, *calls) == ["1", "1.1", "1.2", "2", "2.1"]


@pytest.mark.parametrize(
    ("form", "third", "twenty_eighth"),
    [
        ("decimal", "3.", "28."),
        ("decimalZero", "03.", "28."),
        ("lowerLetter", "c.", "bb."),
        ("upperLetter", "C.", "BB."),
        ("lowerRoman", "iii.", "xxviii."),
        ("upperRoman", "III.", "XXVIII."),
        ("chicago", "3.", "28."),
        ("bullet", "-", "-"),
        ("none", "", ""),
    ],
)
def test_numbers_are_drawn_in_their_form(form, third, twenty_eighth):
    counter = numbering(level(0, form, "%1."))
    drawn = labels(counter, *[("1", 0)] * 28)
    assert (drawn[2], drawn[27]) == (third, twenty_eighth)


def test_a_start_and_an_override_are_where_counting_begins():
    nums = (
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="1"/></w:lvlOverride></w:num>'
    )
    counter = numbering(level(0, "decimal", "(%1)", '<w:start w:val="7"/>'), nums)
    calls = [("1", 0), ("1", 0), ("2", 0), ("2", 0), ("1", 0)]
    assert labels(counter, *calls) == ["(7)", "(8)", "(1)", "(2)", "(3)"]


def test_legal_numbering_shows_digits_for_every_level():
    counter = numbering(
        level(0, "upperRoman", "%1") + level(1, "decimal", "%1.%2", "<w:isLgl/>")
    )
    assert labels(counter, ("1", 0), ("1", 1)) == ["I", "1.1"]


def test_a_level_without_a_number_above_it_begins_with_the_start():
    counter = numbering(level(0, "decimal", "%1") + level(1, "decimal", "%1.%2"))
    assert labels(counter, ("1", 1)) == ["1.1"]


@pytest.mark.parametrize("call", [("9", 0), ("1", 9), ("1", -1)])
def test_an_unknown_definition_or_level_is_a_bullet(call):
    assert labels(numbering(level(0, "decimal", "%1")), call) == [BULLET]
    assert Numbering(None).label(*call) == BULLET


@pytest.mark.parametrize("count", ["0", "-3", "99999999999999", "x"])
def test_odd_starts_break_nothing(count):
    start = f'<w:start w:val="{count}"/>'
    for form in ("lowerRoman", "upperLetter", "decimal"):
        counter = numbering(level(0, form, "%1", start))
        assert len(counter.label("1", 0)) <= 12
