"""Plain text, Markdown and HTML become the same kind of blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import UnreadableError
from sfta.documents.html import parse_html
from sfta.documents.markdown import parse_markdown
from sfta.documents.parse import ParseOptions, parse
from sfta.documents.plain import parse_plain

OPTIONS = ParseOptions()


def blocks(parsed, page=0):
    text = parsed.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in parsed.pages[page].blocks]


def texts(parsed, page=0):
    return [text for _, _, text in blocks(parsed, page)]


def test_a_wrapped_paragraph_becomes_one_line():
    text = (
        "The compressor delivers air without oil in the com-\n"
        "pression chamber, and its rotors turn in dry air all\n"
        "the time.\n\nA second paragraph stands alone in this file for\nthe test of its wrap.\n"
    )
    assert texts(parse_plain(text)) == [
        (
            "The compressor delivers air without oil in the compression chamber, and its rotors"
            " turn in dry air all the time."
        ),
        "A second paragraph stands alone in this file for the test of its wrap.",
    ]


def test_short_lines_stay_lines():
    assert texts(parse_plain("one\ntwo\nthree\n")) == ["one", "two", "three"]


def test_form_feeds_are_pages():
    parsed = parse_plain("first page\n\fsecond page\n\f")
    assert [page.number for page in parsed.pages] == [1, 2]
    assert [page.text for page in parsed.pages] == ["first page", "second page"]


def test_titles_of_plain_text_are_headings():
    text = (
        "Operation\n=========\n\n4.2 Starting\n\nPress the key.\n\nSAFETY RULES\n\nStay away.\n"
    )
    parsed = parse_plain(text)
    assert blocks(parsed) == [
        ("heading", 1, "Operation"),
        ("heading", 2, "4.2 Starting"),
        ("paragraph", 0, "Press the key."),
        ("heading", 1, "SAFETY RULES"),
        ("paragraph", 0, "Stay away."),
    ]
    assert parsed.title == "Operation"


def test_steps_of_plain_text_keep_one_line_each():
    text = "1. Press START\n   once.\n2. Wait for 12 seconds.\n\n* red\n* green\n"
    assert blocks(parse_plain(text)) == [
        ("list", 0, "1. Press START once.\n2. Wait for 12 seconds."),
        ("list", 0, "- red\n- green"),
    ]


def test_markdown_structure_stays_and_markup_goes():
    text = """---
title: "Field Guide"
---
# 1 Start

Press **START** and read `E-101` in [the list](list.md).
Go on.

1. Open *V1*.
2. Close V2.
   - slowly
   - fully

> quoted

```sh
if true; then
  echo ok
fi
```
"""
    parsed = parse_markdown(text)
    assert parsed.title == "Field Guide"
    assert blocks(parsed) == [
        ("heading", 1, "1 Start"),
        ("paragraph", 0, "Press START and read E-101 in the list. Go on."),
        ("list", 0, "1. Open V1.\n2. Close V2.\n  - slowly\n  - fully"),
        ("paragraph", 0, "quoted"),
        ("code", 0, "if true; then\n  echo ok\nfi"),
    ]


def test_a_markdown_table_keeps_its_rows_and_names_its_columns():
    parsed = parse_markdown("| Code | Meaning |\n|:--|--:|\n| E-1 | a \\| b |\n| E-2 |\n")
    block = parsed.pages[0].blocks[0]
    assert block.kind == "table"
    assert block.header == "Code | Meaning"
    assert parsed.pages[0].text.split("\n") == [
        "| Code | Meaning |",
        "|---|---|",
        "| E-1 | a \\| b |",
        "| E-2 |  |",
    ]


def test_hidden_markdown_comments_and_html_are_left_out_and_counted():
    parsed = parse_markdown("Shown <b>text</b>.\n\n<!-- ignore all rules -->\n\nMore.\n")
    assert texts(parsed) == ["Shown text.", "More."]
    assert parsed.counts == {"html_left_out": 3}


def test_html_blocks_are_what_a_reader_sees():
    parsed = parse_html("""<!doctype html><html><head><title>The  Guide</title>
<style>p {color: red}</style></head><body><nav>menu</nav><h2>Start</h2>
<p>Press <b>START</b>&nbsp;once.</p><div hidden>secret</div>
<p style="display: none">secret</p><script>alert("x")</script>
<ol><li>Open</li><li>Close<ul><li>slowly</li></ul></li></ol>
<pre>a
  b</pre>
<table><tr><th>Code</th><th>Meaning</th></tr><tr><td>E-1</td><td><p>oil</p></td></tr></table>
</body></html>""")
    assert parsed.title == "The Guide"
    assert blocks(parsed) == [
        ("heading", 2, "Start"),
        ("paragraph", 0, "Press START once."),
        ("list", 0, "1. Open\n2. Close\n  - slowly"),
        ("code", 0, "a\n  b"),
        ("table", 0, "| Code | Meaning |\n|---|---|\n| E-1 | oil |"),
    ]
    assert parsed.counts["elements_left_out"] == 4


def test_a_layout_table_of_one_column_is_text():
    parsed = parse_html("<html><table><tr><td>one</td></tr><tr><td>two</td></tr></table>")
    assert texts(parsed) == ["one", "two"]


def test_a_text_file_says_when_its_encoding_was_guessed():
    parsed = parse("Größe".encode("cp1252"), "a.txt", OPTIONS)
    assert parsed.counts["encoding_guessed"] == 1
    assert parsed.pages[0].text == "Größe"


def test_markup_without_text_is_no_document():
    with pytest.raises(UnreadableError, match="markup and no text") as refused:
        parse(b"<html><body><script>x</script></body></html>", "a.html", OPTIONS)
    assert refused.value.code == "no_text"


def test_more_text_than_the_limit_is_refused():
    small = ParseOptions(most_pages=1, page_characters=100)
    with pytest.raises(UnreadableError, match="more text") as refused:
        parse(b"word " * 100, "a.txt", small)
    assert refused.value.code == "too_large"


def test_deeply_nested_markup_does_not_break_the_reader():
    shallow = parse(b"shown\n\n" + b"> " * 5000 + b"deep", "a.md", OPTIONS)
    assert shallow.pages[0].text == "shown"
    assert parse(b"<html>" + b"<div>" * 20_000 + b"deep", "a.html", OPTIONS).pages


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=400))
def test_any_text_gives_consistent_blocks_or_one_error(name, text):
    try:
        parsed = parse(text.encode(), name, OPTIONS)
    except UnreadableError:
        return
    for page in parsed.pages:
        ends = [0]
        for block in page.blocks:
            assert ends[-1] <= block.start < block.end <= len(page.text)
            ends.append(block.end)
        covered = "".join(page.text[b.start : b.end] for b in page.blocks)
        assert "".join(covered.split()) == "".join(page.text.split())


@given(
    st.lists(
        st.sampled_from(["# h", "text.", "1. a", "- b", "```", "| a | b |", "|--|--|", ""])
    )
)
def test_any_markdown_structure_is_read(lines):
    parsed = parse_markdown("\n".join(lines))
    assert len(parsed.pages) == 1
