"""Pages as they are written, and how they fall into sections, units and pieces."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import Block, Fragment, Page, PageWriter
from sfta.documents.pieces import Unit, blocks_of, filled, pieces, sections, units, words


def texts(parsed):
    page = parsed.pages[0]
    return [(b.kind, page.text[b.start : b.end]) for b in page.blocks]


BOX = (1.0, 2.0, 3.0, 4.0)


# The page writer


def test_blocks_are_apart_and_fragments_joined_by_their_glue():
    writer = PageWriter(3, 595.276, 841.89)
    writer.add("heading", [Fragment("4 Operation", BOX)], level=1)
    writer.add("paragraph", [Fragment("A com", BOX), Fragment("pressor", BOX, "")])
    writer.add("list", [Fragment("1. a"), Fragment("2. b", None, "\n")])
    page = writer.page()
    assert page.text == "4 Operation\n\nA compressor\n\n1. a\n2. b"
    assert (page.number, page.width, page.height) == (3, 595.28, 841.89)
    assert [page.text[b.start : b.end] for b in page.blocks] == page.text.split("\n\n")
    assert [page.text[i.start : i.end] for i in page.lines] == [
        "4 Operation",
        "A com",
        "pressor",
    ]


def test_fragments_and_blocks_without_text_are_left_out():
    writer = PageWriter(1)
    writer.add("paragraph", [Fragment(" "), Fragment("")])
    writer.add("paragraph", [Fragment("", BOX), Fragment("text", BOX, "\n")])
    assert writer.page() == Page(
        1, "text", 0.0, 0.0, writer.page().lines, (Block("paragraph", 0, 0, 4),)
    )
    assert len(writer.page().lines) == 1


fragments = st.builds(
    Fragment,
    st.text(st.sampled_from("ab \n"), max_size=6),
    st.none() | st.just(BOX),
    st.sampled_from(["", " ", "\n"]),
)


@given(st.lists(st.lists(fragments, max_size=4), max_size=5))
def test_offsets_always_fit_the_text(blocks):
    writer = PageWriter(1)
    for block in blocks:
        writer.add("paragraph", block)
    page = writer.page()
    shown = [[f.text for f in block if f.text.strip()] for block in blocks]
    assert len(page.blocks) == sum(bool(block) for block in shown)
    for block, pieces_ in zip(page.blocks, filter(None, shown), strict=True):
        text = page.text[block.start : block.end]
        assert text.startswith(pieces_[0])
        assert text.endswith(pieces_[-1])
    assert Page.from_json(json.loads(json.dumps(page.to_json()))) == page


# What a page may be cut into


def page_of(*blocks):
    writer = PageWriter(1)
    for kind, text, *level in blocks:
        lines = [Fragment(line, None, "\n") for line in text.split("\n")]
        writer.add(kind, lines, level=level[0] if level else 0)
    return writer.page()


def always(_start, _end):
    return True


def at_most(length):
    return lambda start, end: end - start <= length


def test_sections_begin_at_headings_of_the_upper_levels():
    page = page_of(
        ("paragraph", "intro"),
        ("heading", "1 A", 1),
        ("heading", "1.1 B", 2),
        ("paragraph", "text"),
        ("heading", "note", 4),
        ("paragraph", "more"),
        ("heading", "1.2 C", 2),
    )
    found = [
        [page.text[b.start : b.end] for b in section] for section in sections(blocks_of(page))
    ]
    assert found == [["intro"], ["1 A", "1.1 B", "text", "note", "more"], ["1.2 C"]]


def test_blocks_stay_with_what_introduces_them():
    page = page_of(
        ("heading", "1 A", 1),
        ("paragraph", "Take these:"),
        ("list", "- one\n- two"),
        ("caption", "Table 1: Codes"),
        ("table", "| a | b |\n|---|---|\n| c | d |"),
        ("paragraph", "No list follows:"),
        ("paragraph", "text"),
        ("caption", "Figure 1: Path"),
        ("paragraph", "text"),
    )
    found = [len(unit.blocks) for unit in units(page, blocks_of(page))]
    assert found == [3, 2, 1, 1, 1, 1]


def test_a_long_paragraph_before_a_list_is_no_introduction():
    page = page_of(("paragraph", "word " * 100 + "these:"), ("list", "- one"))
    assert len(units(page, blocks_of(page))) == 2


def test_overlapping_blocks_are_clipped():
    page = Page(
        1, "abcdefgh", blocks=(Block("paragraph", 0, 0, 5), Block("paragraph", 0, 3, 8))
    )
    assert [(b.start, b.end) for b in blocks_of(page)] == [(0, 5), (5, 8)]


def test_a_block_inside_another_adds_nothing():
    page = Page(
        1, "abcdefgh", blocks=(Block("paragraph", 0, 0, 8), Block("paragraph", 0, 2, 5))
    )
    assert [(b.start, b.end) for b in blocks_of(page)] == [(0, 8)]


def cut(page, fits):
    unit = Unit(tuple(blocks_of(page)))
    return [page.text[a:b] for a, b in pieces(page.text, unit, fits)]


def test_pieces_are_sentences_items_and_rows():
    assert cut(page_of(("paragraph", "One. Two.")), always) == ["One.", "Two."]
    assert cut(page_of(("list", "1. One. More.\n2. Two.")), always) == [
        "1. One. More.",
        "2. Two.",
    ]
    table = page_of(("table", "| a |\n|---|\n| b |\n| c |"))
    assert cut(table, always) == ["| a |\n|---|\n| b |", "| c |"]


def test_an_indented_item_is_a_piece_without_its_indent():
    assert cut(page_of(("list", "- a\n  - b")), always) == ["- a", "- b"]


def test_a_heading_clings_to_the_first_piece_as_long_as_both_fit():
    page = page_of(("heading", "Head", 1), ("paragraph", "First one. Second one."))
    assert cut(page, always) == ["Head\n\nFirst one.", "Second one."]
    assert cut(page, at_most(12)) == ["Head", "First one.", "Second one."]


def test_an_item_that_is_too_long_falls_into_sentences_and_words():
    page = page_of(("list", "1. Short one. A much longer sentence."))
    assert cut(page, at_most(14)) == ["1. Short one.", "A much longer", "sentence."]


def test_words_and_parts_of_words_are_joined_up_to_the_limit():
    text = "a bb cccccccc dd"
    fits = at_most(4)
    found = list(words(text, 0, len(text), fits))
    assert [text[a:b] for a, b in found] == ["a", "bb", "cccc", "cccc", "dd"]
    assert [text[a:b] for a, b in filled(found, fits)] == ["a bb", "cccc", "cccc", "dd"]
    assert list(filled([], fits)) == []
