"""Markdown, HTML and plain text: what is written is what is read, in any mixture."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.html import parse_html
from sfta.documents.markdown import parse_markdown
from sfta.documents.plain import parse_plain

words = st.lists(
    st.sampled_from(["pump", "valve", "oil", "starts", "7"]), min_size=1, max_size=4
)
phrases = words.map(" ".join)
levels = st.integers(1, 6)
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(
        st.lists(phrases, min_size=width, max_size=width), min_size=2, max_size=5
    )
)


def blocks(parsed, page=0):
    text = parsed.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in parsed.pages[page].blocks]


def markdown_table(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def html_table(rows):
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


structures = st.lists(
    st.one_of(
        st.tuples(st.just("heading"), levels, phrases),
        st.tuples(st.just("paragraph"), st.just(0), phrases.filter(lambda t: t[0] != "7")),
        st.tuples(st.just("table"), st.just(0), tables),
    ),
    max_size=6,
)


def shown(structure):
    return [(k, n, markdown_table(v) if k == "table" else v) for k, n, v in structure]


@given(structures)
@settings(max_examples=50)
def test_blocks_written_as_markdown_are_read_as_they_were(structure):
    parts = [
        f"{'#' * n} {text}" if kind == "heading" else text for kind, n, text in shown(structure)
    ]
    assert blocks(parse_markdown("\n\n".join(parts))) == shown(structure)


@given(structures)
@settings(max_examples=50)
def test_blocks_written_as_html_are_read_as_they_were(structure):
    tags = {"heading": "<h{0}>{1}</h{0}>", "paragraph": "<p>{1}</p>"}
    parts = [
        html_table(v) if kind == "table" else tags[kind].format(n, v)
        for kind, n, v in structure
    ]
    assert blocks(parse_html("".join(parts))) == shown(structure)


@given(tables)
@settings(max_examples=40)
def test_a_table_names_its_columns_by_its_first_row(rows):
    for parsed in (parse_markdown(markdown_table(rows)), parse_html(html_table(rows))):
        (block,) = parsed.pages[0].blocks
        assert block.header == " | ".join(rows[0])


@given(st.lists(phrases, min_size=1, max_size=6), st.integers(0, 40))
@settings(max_examples=40)
def test_numbered_items_keep_the_numbers_the_author_gave(texts, start):
    expected = "\n".join(f"{start + n}. {text}" for n, text in enumerate(texts))
    items = "".join(f"<li>{text}</li>" for text in texts)
    (block,) = blocks(parse_html(f'<ol start="{start}">{items}</ol>'))
    assert block == ("list", 0, expected)
    assert blocks(parse_markdown(expected)) == [block]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1. one\n2.\n3. three\n", "1. one\n3. three"),
        ("1. - inner\n2. two\n", "- inner\n2. two"),
        ("- a\n  1. b\n  2. c\n- d\n", "- a\n  1. b\n  2. c\n- d"),
        ("1. a\n   - b\n2. c\n", "1. a\n  - b\n2. c"),
        ("3) a\n4) b\n", "3. a\n4. b"),
    ],
    ids=[
        "an empty item",
        "an item of a list only",
        "numbers inside",
        "points inside",
        "brackets",
    ],
)
def test_items_of_markdown_are_counted_whatever_they_hold(source, text):
    found = blocks(parse_markdown(source))
    assert [line.strip() for line in found[0][2].split("\n")] == [
        line.strip() for line in text.split("\n")
    ]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<ol><li>a<li value="5">b<li>c</ol>', "1. a\n5. b\n6. c"),
        ('<ol start="x"><li>a</ol>', "1. a"),
        ('<ol start="-1"><li>a<li>b</ol>', "-1. a\n0. b"),
        ('<ol start=""><li value="²">a</ol>', "1. a"),
        ('<ul><li value="5">a</ul>', "- a"),
    ],
)
def test_items_of_html_are_counted_as_a_browser_counts(html, text):
    assert blocks(parse_html(html)) == [("list", 0, text)]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<figcaption>Figure <b>1</b></figcaption>", [("caption", "Figure 1")]),
        ("<figcaption><p>Figure 1</p></figcaption>", [("caption", "Figure 1")]),
        (
            "<figure><figcaption>Figure 1</figcaption>text</figure>",
            [("caption", "Figure 1"), ("paragraph", "text")],
        ),
        (
            "<figure><figcaption>Figure 1</figure>t",
            [("caption", "Figure 1"), ("paragraph", "t")],
        ),
        (
            "<table><caption>Limits<tr><td>a<td>b<tr><td>c<td>d</table><p>e",
            [
                ("caption", "Limits"),
                ("table", "| a | b |\n|---|---|\n| c | d |"),
                ("paragraph", "e"),
            ],
        ),
    ],
    ids=["markup inside", "a paragraph inside", "text behind", "left open", "of a table"],
)
def test_a_caption_is_all_of_its_element_and_no_more(html, expected):
    assert [(kind, text) for kind, _, text in blocks(parse_html(html))] == expected


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("title: Pumps", "Pumps"),
        ('title: "Pumps: a guide"', "Pumps: a guide"),
        ("author: x\ntitle: 'Pumps'\ndate: 1", "Pumps"),
        ("subtitle: Pumps", "Head"),
    ],
)
def test_the_front_matter_may_name_the_title(front, title):
    parsed = parse_markdown(f"---\n{front}\n---\n\n# Head\n")
    assert parsed.title == title
    assert blocks(parsed) == [("heading", 1, "Head")]


@given(phrases)
def test_emphasis_and_links_are_no_text(text):
    for dress in ("*{}*", "**{}**", "[{}](http://host/a)", "`{}`", "_{}_"):
        assert blocks(parse_markdown(dress.format(text))) == [("paragraph", 0, text)]
    for tag in ("b", "em", "span", "code"):
        assert blocks(parse_html(f"<p><{tag}>{text}</{tag}>")) == [("paragraph", 0, text)]


@given(phrases)
def test_nothing_inside_a_skipped_element_is_shown(text):
    for tag in ("script", "style", "nav", "template", "svg"):
        parsed = parse_html(f"<p>before</p><{tag}>{text}</{tag}><p>after</p>")
        assert [t for _, _, t in blocks(parsed)] == ["before", "after"]
        assert parsed.counts == {"elements_left_out": 1}


# Plain text


@given(st.lists(phrases.filter(lambda t: t[0] != "7"), min_size=1, max_size=5))
def test_form_feeds_make_as_many_pages_as_they_part(texts):
    parsed = parse_plain("\f".join(texts))
    assert [page.number for page in parsed.pages] == list(range(1, len(texts) + 1))
    assert [page.text for page in parsed.pages] == texts


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("4 Operation", 1),
        ("4.2.1 Cold start", 3),
        ("1.2.3.4.5.6.7.8 Deep", 6),
        ("SAFETY", 1),
        ("4 litres of oil", 0),
        ("4.2 Ends in a stop.", 0),
        ("OK", 0),
        ("SAFETY FIRST:", 0),
        ("Over\n=====", 1),
        ("Under\n-----", 2),
    ],
)
def test_a_title_of_plain_text_has_the_level_it_shows(text, level):
    (block,) = blocks(parse_plain(text))
    kind = "heading" if level else "paragraph"
    assert block == (kind, level, text.split("\n")[0])


@pytest.mark.parametrize("mark", ["-", "*", "+", "•", "–"])
def test_every_bullet_of_plain_text_becomes_a_dash(mark):
    assert blocks(parse_plain(f"{mark} one\n{mark} two")) == [("list", 0, "- one\n- two")]


@given(st.lists(st.sampled_from(["pressure", "valve", "compressor", "oil"]), min_size=30))
@settings(max_examples=30)
def test_wrapping_a_paragraph_at_a_narrow_page_changes_nothing(parts):
    lines = [""]
    for part in parts:
        if len(lines[-1]) + len(part) > 60:
            lines.append("")
        lines[-1] = f"{lines[-1]} {part}".strip()
    assert blocks(parse_plain("\n".join(lines))) == [("paragraph", 0, " ".join(parts))]
