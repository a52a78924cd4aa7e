"""Markdown and HTML that nobody tidied."""

import pytest

from sfta.documents.html import parse_html
from sfta.documents.markdown import parse_markdown


def texts(parsed):
    page = parsed.pages[0]
    return [(b.kind, page.text[b.start : b.end]) for b in page.blocks]


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
