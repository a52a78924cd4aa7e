"""EPUB: the chapters of a book in its reading order, each a page, read as HTML.

The number of a page is the place in the book's spine. The contents page is left out: its
lines are the headings of the chapters. Files outside of the archive are never asked for.
"""

import re
import zipfile
from collections import Counter
from dataclasses import replace
from io import BytesIO
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from sfta.documents.archive import check_archive
from sfta.documents.damage import as_damage
from sfta.documents.document import Page, Parsed, UnreadableError
from sfta.documents.html import parse_html
from sfta.documents.media import EPUB, decode
from sfta.documents.parse import ParseOptions
from sfta.documents.titles import first_heading, usable_title

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# The HTML reader takes no notice of entities that a chapter declares, and needs none.
_DECLARED = re.compile(r"<!DOCTYPE[^>\[]*\[.*?\]\s*>", re.DOTALL | re.IGNORECASE)
_CHAPTERS = frozenset(("application/xhtml+xml", "text/html", "application/x-dtbook+xml"))
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def parse_epub(raw: bytes, options: ParseOptions) -> Parsed:
    """Chapters of a book.

    Raises:
        UnreadableError: a damaged, copy-protected or hostile file, or one of too many chapters.
    """
    check_archive(raw, options.unpacked_bytes, office=False)
    with as_damage("EPUB book"), zipfile.ZipFile(BytesIO(raw)) as archive:
        _check_protection(archive)
        place = _package(archive)
        package = _xml(archive, place)
        counts: Counter[str] = Counter()
        chapters = _chapters(package, dirname(place), counts)
        if len(chapters) > options.most_pages:
            reason = f"it has {len(chapters)} chapters, more than ingest.limits.pages allows"
            raise UnreadableError("too_large", reason)
        pages = tuple(
            _page(archive, number, part, counts) for number, part in enumerate(chapters, 1)
        )
    counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed(_title(package) or first_heading(pages), EPUB, pages, kept)


def _xml(archive: zipfile.ZipFile, name: str) -> Element:
    """One of the files that describe the book; older ones name a document type, without more."""
    try:
        root: Element = fromstring(archive.read(name), forbid_entities=True)
    except DefusedXmlException as error:
        reason = "it declares XML entities, which books do not need"
        raise UnreadableError("damaged", reason) from error
    except ParseError as error:
        raise UnreadableError("damaged", f"its {name} is broken: {error}") from error
    return root


def _check_protection(archive: zipfile.ZipFile) -> None:
    if _ENCRYPTION not in archive.namelist():
        return
    methods = [
        element.get("Algorithm", "")
        for element in _xml(archive, _ENCRYPTION).iter()
        if element.tag.endswith("}EncryptionMethod")
    ]
    if any(method not in _FONT_OBFUSCATION for method in methods):
        raise UnreadableError("encrypted", "it is copy-protected")


def _package(archive: zipfile.ZipFile) -> str:
    for element in _xml(archive, _CONTAINER).iter():
        if element.tag.endswith("}rootfile"):
            return normpath(element.get("full-path", ""))
    raise UnreadableError("damaged", "it does not say where its contents are")


def _chapters(package: Element, folder: str, counts: Counter[str]) -> list[str]:
    """Parts of the spine, each once."""
    items = {e.get("id"): e for e in package.iter() if e.tag.endswith("}item")}
    chapters: list[str] = []
    for reference in (e for e in package.iter() if e.tag.endswith("}itemref")):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _CHAPTERS:
            counts["chapters_left_out"] += 1
        elif "nav" in item.get("properties", "").split():
            counts["contents_pages"] += 1
        else:
            address = urlsplit(item.get("href", ""))
            part = normpath(join(folder, unquote(address.path)))
            if address.scheme or address.netloc:
                counts["chapters_left_out"] += 1
            elif part not in chapters:
                chapters.append(part)
    return chapters


def _page(archive: zipfile.ZipFile, number: int, part: str, counts: Counter[str]) -> Page:
    try:
        raw = archive.read(part)
    except KeyError:
        counts["chapters_left_out"] += 1
        return Page(number, "")
    text, guessed = decode(raw)
    text = _DECLARED.sub("", text, count=1)
    counts["encoding_guessed"] += guessed
    chapter = parse_html(text)
    counts.update(chapter.counts)
    return replace(chapter.pages[0], number=number)


def _title(package: Element) -> str:
    for element in package.iter():
        if element.tag == "{http://purl.org/dc/elements/1.1/}title":
            return usable_title("".join(element.itertext()))
    return ""
