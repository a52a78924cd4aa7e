"""Sentences, pieces, spelling and encodings: laws of the smallest parts of a text."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.document import Fragment, PageWriter, UnreadableError
from sfta.documents.media import decode, media_type
from sfta.documents.pieces import blocks_of, filled, pieces, sections, units, words
from sfta.documents.spelling import clean, invisible, join_lines, superscript, words_of
from sfta_edge.sentences import sentences

KINDS = ["heading", "paragraph", "list", "table", "caption", "code"]
blocks = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(1, 5),
        st.text("ab. :|-\n", min_size=1, max_size=30).filter(str.strip),
    ),
    max_size=6,
)


def page_of(parts):
    writer = PageWriter(1)
    for kind, level, text in parts:
        depth = level if kind == "heading" else 0
        writer.add(kind, [Fragment(text.strip())], level=depth)
    return writer.page()


def split(text):
    return [text[a:b] for a, b in sentences(text)]


def at_most(limit):
    return lambda start, end: end - start <= limit


def visible(text):
    return "".join(text.split())


# Sentences


@pytest.mark.parametrize(
    "text",
    [
        "Keep the temp. Below the limit",
        "See ch. Two of vol. Three",
        "It was Dr. Smith of Acme Co. Ltd",
        "Siehe Abb. Drei bzw. Tab. Vier",
        "It needs (approx. Four) bolts",
        "a) Press the key",
        "2.1. Press the key",
        "- 3. Press the key",
        "iv. Press the key",
        "Really? asked the fitter",
        "It stops... then starts",
        "Use the file readme.Txt here",
    ],
)
def test_a_sign_inside_a_sentence_does_not_end_it(text):
    assert split(text) == [text]


@pytest.mark.parametrize("mark", [".", "!", "?", "?!", "…", '."', ".)", "!»", ".”"])
@pytest.mark.parametrize("opening", ["", '"', "(", "“", "«"])
def test_sentences_end_with_any_mark_and_begin_with_any_quote(mark, opening):
    first, second = f"It is hot{mark}", f"{opening}Then stop"
    assert split(f"{first} {second}") == [first, second]


@given(st.lists(st.sampled_from(["Stop.", "Is it hot?", "Go on!"]), max_size=8))
def test_whole_sentences_come_back_one_by_one(parts):
    assert split(" ".join(parts)) == parts
    assert split("\n".join(parts)) == parts


@given(st.text("Ab1 .!?\n", max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_a_stretch_never_gives_what_lies_outside_of_it(text, start, end):
    stop = min(end, len(text))
    assert all(start <= a < b <= stop for a, b in sentences(text, start, stop))


# Pieces


@given(blocks)
def test_sections_and_units_hold_every_block_once_in_order(parts):
    page = page_of(parts)
    whole = blocks_of(page)
    cut = list(sections(whole))
    assert [block for section in cut for block in section] == whole
    for section in cut:
        assert [b for unit in units(page, section) for b in unit.blocks] == section


@given(blocks)
def test_a_unit_ends_with_a_heading_only_where_its_section_does(parts):
    page = page_of(parts)
    for section in sections(blocks_of(page)):
        for unit in units(page, section)[:-1]:
            assert unit.blocks[-1].kind != "heading"


@given(blocks, st.integers(1, 40))
def test_pieces_fit_stand_in_order_and_hold_every_visible_character(parts, limit):
    page = page_of(parts)
    for section in sections(blocks_of(page)):
        for unit in units(page, section):
            spans = pieces(page.text, unit, at_most(limit))
            assert all(0 < b - a <= limit for a, b in spans)
            assert all(left[1] <= right[0] for left, right in pairwise(spans))
            found = "".join(page.text[a:b] for a, b in spans)
            assert visible(found) == visible(page.text[unit.start : unit.end])


@given(st.text("abc \n", max_size=60), st.integers(1, 12))
def test_filled_stretches_cannot_take_in_the_next_word(text, limit):
    fits = at_most(limit)
    parts = list(words(text, 0, len(text), fits))
    stretches = list(filled(parts, fits))
    starts = dict(parts)
    assert visible("".join(text[a:b] for a, b in stretches)) == visible(text)
    for left, right in pairwise(stretches):
        assert not fits(left[0], starts[right[0]])


# Spelling


@given(st.text())
def test_clean_text_has_nothing_invisible_and_no_two_spaces(text):
    plain = clean(text)
    assert invisible(plain) == 0
    assert "  " not in plain
    assert plain.count("\n") == text.count("\n")


@given(st.text("abc \u200b\u202e\ufeff\x07\ufffd"))
def test_what_is_counted_as_invisible_is_what_goes(text):
    assert len(visible(text)) - len(visible(clean(text))) == invisible(text)


@given(st.from_regex(r"[a-z]{2,8}", fullmatch=True), st.integers(1, 7))
def test_a_word_broken_anywhere_is_whole_again(word, at):
    before, after = word[:at], word[at:]
    for mark in ("-", "\u2010", "\u00ad") if after else ():
        head, glue = join_lines(f"the {before}{mark}", after, frozenset())
        assert head + glue + after == f"the {word}"


@given(st.text("0123456789+-=()n", min_size=1))
def test_raised_text_is_as_long_as_it_was_and_nothing_stays_low(text):
    raised = superscript(text)
    assert raised is not None
    assert len(raised) == len(text)
    assert superscript(raised) is None


@given(st.lists(st.from_regex(r"[A-Za-zäß]{1,6}(-[a-z]{1,5})?", fullmatch=True)))
def test_the_words_of_a_line_are_those_between_its_spaces(parts):
    assert words_of(" ".join(parts)) == {part.lower() for part in parts}


# Encodings and kinds


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r\ufeff\0"), min_size=1))
@settings(max_examples=40)
def test_any_unicode_text_comes_back_as_it_was(encoding, text):
    assert decode(text.encode(encoding)) == (text, False)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@given(lines=st.lists(st.text("abä", max_size=5), max_size=6))
@settings(max_examples=30)
def test_lines_are_the_same_whatever_ends_them(ends, lines):
    assert decode(ends.join(lines).encode())[0].split("\n") == (lines or [""])


@pytest.mark.parametrize("name", ["A.PDF", "a.b.pdf", "folder.md/a.Pdf"])
def test_a_file_named_pdf_has_to_be_one_whatever_the_case(name):
    with pytest.raises(UnreadableError, match="plain text") as refused:
        media_type(b"an error page", name)
    assert refused.value.code == "damaged"


@pytest.mark.parametrize(("offset", "known"), [(0, True), (1019, True), (1020, False)])
def test_a_pdf_header_may_be_late_but_not_too_late(offset, known):
    raw = b" " * offset + b"%PDF-1.7 and text"
    assert (media_type(raw, "a.txt") == "application/pdf") is known
