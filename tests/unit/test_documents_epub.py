"""Books: each chapter of the spine is a page, and nothing outside the archive is asked for."""

import zipfile
from dataclasses import replace
from io import BytesIO

import pytest

from sfta.documents.document import UnreadableError
from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
)
BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


def package(items, title="A  Book"):
    manifest = "".join(
        f'<item id="i{n}" href="{href}" media-type="application/xhtml+xml" {extra}/>'
        for n, (href, extra) in enumerate(items)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(items)))
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title></metadata>"
        f'<manifest>{manifest}</manifest><spine>{spine}<itemref idref="none"/></spine></package>'
    )


def book(chapters, items=None, **parts):
    """An EPUB of chapters by file name; `items` are hrefs and attributes of the manifest."""
    listed = items or [(name, "") for name in chapters]
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": package(listed),
        **{f"OPS/{name}": text for name, text in chapters.items()},
        **parts,
    }
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()


def read(raw, options=OPTIONS):
    return parse(raw, "a.epub", options)


def refused(raw, options=OPTIONS):
    with pytest.raises(UnreadableError) as error:
        read(raw, options)
    return error.value.code, str(error.value)


def test_chapters_are_pages_in_the_order_of_the_spine():
    parsed = read(
        book({"b.xhtml": "<html><h1>One</h1><p/><p>First.</p>", "a.xhtml": "<html><p>Second."})
    )
    assert [(p.number, p.text) for p in parsed.pages] == [(1, "One\n\nFirst."), (2, "Second.")]
    assert parsed.title == "A Book"
    assert parsed.counts == {"chapters_left_out": 1}


def test_names_of_chapters_may_be_escaped_and_have_a_fragment():
    raw = book({"a b.xhtml": "<html><p>Text."}, [("./x/../a%20b.xhtml#top", "")])
    assert read(raw).pages[0].text == "Text."


def test_the_contents_page_is_left_out_and_counted():
    nav = ("nav.xhtml", 'properties="nav"')
    raw = book({"a.xhtml": "<html><p>Text.", "nav.xhtml": "<html><p>1"}, [nav, ("a.xhtml", "")])
    parsed = read(raw)
    assert [page.text for page in parsed.pages] == ["Text."]
    assert parsed.counts["contents_pages"] == 1


@pytest.mark.parametrize("href", ["missing.xhtml", "../../../etc/passwd"])
def test_a_chapter_that_is_missing_keeps_its_number(href):
    parsed = read(book({"a.xhtml": "<html><p>Text."}, [(href, ""), ("a.xhtml", "")]))
    assert [page.text for page in parsed.pages] == ["", "Text."]
    assert parsed.counts == {"chapters_left_out": 2, "pages_without_text": 1}


def test_a_chapter_somewhere_else_is_not_asked_for():
    items = [("http://host/a.xhtml", ""), ("a.xhtml", "")]
    parsed = read(book({"a.xhtml": "<html><p>Text."}, items))
    assert [page.text for page in parsed.pages] == ["Text."]
    assert parsed.counts == {"chapters_left_out": 2}


def test_entities_of_a_chapter_are_not_expanded():
    parsed = read(book({"a.xhtml": f"{BOMB}<html><p>It says &b; &amp; &nbsp;more.</p>"}))
    assert parsed.pages[0].text == "It says &b; & more."


def test_entities_in_the_description_of_a_book_are_refused():
    raw = book({"a.xhtml": "<html><p>Text."}, **{"META-INF/container.xml": BOMB + CONTAINER})
    assert refused(raw) == ("damaged", "it declares XML entities, which books do not need")


def protection(method):
    return (
        '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        f'<enc:EncryptionMethod Algorithm="{method}"/></enc:EncryptedData></encryption>'
    )


def test_a_protected_book_is_encrypted_and_one_with_disguised_fonts_is_not():
    chapters = {"a.xhtml": "<html><p>Text."}
    aes = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
    raw = book(chapters, **{"META-INF/encryption.xml": protection(aes)})
    assert refused(raw) == ("encrypted", "it is copy-protected")
    fonts = protection("http://www.idpf.org/2008/embedding")
    assert read(book(chapters, **{"META-INF/encryption.xml": fonts})).pages


def test_hidden_text_of_a_chapter_is_left_out():
    raw = book({"a.xhtml": '<html><p>Shown.</p><p style="display:none">secret</p></html>'})
    parsed = read(raw)
    assert parsed.pages[0].text == "Shown."
    assert parsed.counts["elements_left_out"] == 1


@pytest.mark.parametrize(
    "parts",
    [
        {"META-INF/container.xml": "<container/>"},
        {"META-INF/container.xml": "<container"},
        {"OPS/book.opf": "no xml"},
    ],
    ids=["no place", "broken container", "broken package"],
)
def test_a_broken_description_is_damage(parts):
    assert refused(book({"a.xhtml": "<html><p>Text."}, **parts))[0] == "damaged"


def test_too_many_chapters_are_refused():
    chapters = {f"{n}.xhtml": "<html><p>Text." for n in range(3)}
    code, reason = refused(book(chapters), replace(OPTIONS, most_pages=2))
    assert (code, reason[:17]) == ("too_large", "it has 3 chapters")
