"""Chunks: stretches of pages that keep together what belongs together."""

import re
from itertools import pairwise

from chunked_pages import assert_laws, count, page, table
from sfta.documents.chunking import chunk_pages
from sfta.documents.config import ChunkConfig
from sfta.documents.document import Block, Page


def chunks_of(*pages, **config):
    return chunk_pages(
        pages, count, ChunkConfig(**{"max_tokens": 40, "min_tokens": 8} | config)
    )


def sentence(words, name="w"):
    return " ".join(f"{name}{i}" for i in range(words - 1)).capitalize() + " end."


def test_sections_become_chunks_under_their_heading_path():
    found = chunks_of(
        page(
            ("heading", "4 Operation", 1),
            ("heading", "4.1 Checks", 2),
            ("paragraph", sentence(20)),
            ("heading", "4.2 Starting", 2),
            ("paragraph", sentence(22)),
        )
    )
    assert [c.heading for c in found] == [
        "4 Operation > 4.1 Checks",
        "4 Operation > 4.2 Starting",
    ]
    assert found[0].text.startswith("4 Operation\n\n4.1 Checks\n\n")
    assert found[1].text.startswith("4.2 Starting\n\n")


def test_the_heading_path_is_carried_over_the_end_of_a_page():
    found = chunks_of(
        page(("heading", "4 Operation", 1), ("paragraph", sentence(20))),
        page(
            ("paragraph", sentence(20)),
            ("heading", "5 Care", 1),
            ("paragraph", sentence(20)),
            number=2,
        ),
    )
    assert [(c.page, c.heading) for c in found] == [
        (1, "4 Operation"),
        (2, "4 Operation"),
        (2, "5 Care"),
    ]


def test_a_deeper_heading_closes_with_its_parent():
    found = chunks_of(
        page(("heading", "1 A", 1), ("heading", "1.1 B", 2), ("paragraph", sentence(20))),
        page(("heading", "2 C", 1), ("paragraph", sentence(20)), number=2),
    )
    assert found[-1].heading == "2 C"


def test_a_heading_is_never_left_at_the_end_of_a_chunk():
    found = chunks_of(
        page(
            ("paragraph", sentence(30)),
            ("heading", "Minor point", 4),
            ("paragraph", sentence(30)),
        )
    )
    assert [c.text.split("\n")[0] for c in found][1] == "Minor point"


def test_no_chunk_crosses_a_page():
    found = chunks_of(
        page(("paragraph", "Short.")), page(("paragraph", "Also short."), number=2)
    )
    assert [(c.page, c.text) for c in found] == [(1, "Short."), (2, "Also short.")]


def test_a_procedure_that_fits_stays_whole():
    steps = "\n".join(f"{i}. {sentence(7)}" for i in range(1, 4))
    found = chunks_of(page(("paragraph", sentence(20)), ("list", steps)))
    assert steps in [c.text for c in found]


def test_a_procedure_that_does_not_fit_is_cut_between_steps():
    steps = "\n".join(f"{i}. {sentence(10)}" for i in range(1, 8))
    found = chunks_of(page(("list", steps)))
    assert len(found) > 1
    assert all(re.match(r"\d\. ", c.text) and c.text.endswith("end.") for c in found)


def test_the_sentence_that_introduces_a_list_stays_with_it():
    found = chunks_of(
        page(
            ("paragraph", sentence(25)),
            ("paragraph", "Take these tools:"),
            ("list", "- one wrench of steel\n- two gauges of brass\n- one oil drain pan"),
        )
    )
    assert found[1].text.startswith("Take these tools:\n\n- one")


def test_a_sentence_is_not_cut_if_it_fits():
    text = " ".join(sentence(15, name) for name in "abcdef")
    found = chunks_of(page(("paragraph", text)))
    assert all(c.text.endswith("end.") for c in found)
    assert all(c.text[0].isupper() for c in found)


def test_a_sentence_longer_than_a_chunk_is_cut_between_words():
    pages = [page(("paragraph", sentence(150)))]
    found = chunks_of(*pages)
    assert len(found) == 4
    assert_laws(pages, found, 40)


def test_a_word_longer_than_a_chunk_is_cut():
    pages = [page(("paragraph", "-" * 130))]
    found = chunk_pages(pages, count, ChunkConfig(max_tokens=16, min_tokens=0))
    assert_laws(pages, found, 16)


def test_a_table_that_fits_is_one_chunk_with_its_caption():
    found = chunks_of(
        page(("paragraph", sentence(20)), ("caption", "Table 1: Codes"), ("table", table(3))),
        max_tokens=80,
    )
    assert found[-1].text.endswith("| E-2 | meaning 2 | act 2 |")
    assert "Table 1: Codes" in found[-1].text
    assert found[-1].table_header == ""


def test_a_long_table_is_cut_between_rows_and_its_columns_are_named_again():
    found = chunks_of(
        page(("heading", "2 Codes", 1), ("caption", "Table 1: Codes"), ("table", table(20))),
        max_tokens=60,
    )
    assert len(found) > 2
    assert found[0].heading == "2 Codes"
    assert "| E-0 |" in found[0].text, "the header does not stand alone"
    for chunk in found[1:]:
        assert chunk.table_header == "Code | Meaning (short) | Action"
        assert chunk.heading == "2 Codes (Code | Meaning [short] | Action)"
        assert chunk.text.startswith("| E-")
        assert all(
            line.startswith("| ") and line.endswith(" |") for line in chunk.text.split("\n")
        )


def test_a_table_that_goes_on_from_the_page_before_names_its_columns():
    rest = "| E-7 | low oil | fill up |\n| E-8 | hot | stop |"
    first = Page(2, rest, blocks=(Block("table", 0, 0, len(rest), "Code | Meaning | Action"),))
    found = chunks_of(page(("heading", "2 Codes", 1), ("paragraph", sentence(20))), first)
    assert found[-1].table_header == "Code | Meaning | Action"


def test_short_leftovers_join_a_neighbour_with_the_same_parent():
    found = chunks_of(
        page(
            ("heading", "1 A", 1),
            ("paragraph", sentence(25)),
            ("heading", "2 B", 1),
            ("heading", "2.1 C", 2),
            ("paragraph", "Tiny."),
            ("heading", "2.2 D", 2),
            ("paragraph", sentence(20)),
        ),
        min_tokens=12,
    )
    assert [c.heading for c in found] == ["1 A", "2 B > 2.2 D"]


def test_sections_of_some_length_are_not_joined():
    found = chunks_of(
        page(
            ("heading", "1 A", 1),
            ("paragraph", sentence(10)),
            ("heading", "2 B", 1),
            ("paragraph", sentence(10)),
        )
    )
    assert len(found) == 2


def test_the_last_chunk_of_a_section_is_filled_up_if_it_would_be_tiny():
    text = " ".join(sentence(9, name) for name in "abcde")
    found = chunks_of(page(("paragraph", text)), min_tokens=15)
    assert [c.tokens for c in found] == [30, 20]


def test_overlap_repeats_whole_sentences_of_the_chunk_before():
    text = " ".join(sentence(9, name) for name in "abcdefgh")
    found = chunks_of(page(("paragraph", text)), overlap_tokens=10)
    assert [c.tokens for c in found] == [30, 40, 30]
    for before, chunk in pairwise(found):
        repeated = chunk.text[: before.end - chunk.start]
        assert repeated == sentence(9, repeated[0].lower())
        assert before.text.endswith(repeated)


def test_overlap_never_reaches_into_another_section():
    found = chunks_of(
        page(
            ("heading", "1 A", 1),
            ("paragraph", sentence(10)),
            ("heading", "2 B", 1),
            ("paragraph", sentence(10)),
        ),
        overlap_tokens=20,
    )
    assert found[1].text.startswith("2 B")


def test_text_outside_of_blocks_is_kept():
    loose = Page(1, "Before. Block. After.", blocks=(Block("paragraph", 0, 8, 14),))
    found = chunks_of(loose)
    assert "".join(c.text for c in found).replace(" ", "") == "Before.Block.After."


def test_pages_without_text_have_no_chunks():
    assert chunks_of(Page(1, ""), Page(2, " \n ")) == []


def test_the_fixed_strategy_fills_chunks_to_the_limit():
    text = " ".join(sentence(15, name) for name in "abcdef")
    found = chunks_of(page(("paragraph", text)), strategy="fixed")
    assert [c.tokens for c in found[:-1]] == [40] * (len(found) - 1)


def test_the_sentence_strategy_ignores_headings():
    found = chunks_of(
        page(
            ("heading", "1 A", 1),
            ("paragraph", sentence(10)),
            ("heading", "2 B", 1),
            ("paragraph", sentence(10)),
        ),
        strategy="sentence",
    )
    assert len(found) == 1
