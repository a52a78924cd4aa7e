"""E-mail: the message is page 1, the pages of its attachments follow in their order.

An attachment is read by its content like any file, pictures and scans by OCR. One that cannot
be read is left out with its name and reason; a mail inside a mail is read to a small depth.
Pictures that a message shows between its text are counted and no attachments. Nothing a message
links to is asked for.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from urllib.parse import unquote

from sfta.documents.damage import as_damage
from sfta.documents.document import (
    Fragment,
    LeftOut,
    Page,
    PageWriter,
    Parsed,
    Unread,
    UnreadableError,
)
from sfta.documents.html import parse_html
from sfta.documents.media import EML, decode
from sfta.documents.parse import ParseOptions, parse
from sfta.documents.plain import parse_plain
from sfta.documents.spelling import clean

_SHOWN = ("From", "To", "Cc", "Date")
_DEEPEST = 3
_MOST_ATTACHMENTS = 100
_LONGEST_NAME = 100
_CID = re.compile(r"""\bcid:([^"'>\s]+)""", re.IGNORECASE)
_SEALED = frozenset(
    ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
)
# What the standard library raises at header fields that nobody should have written.
_BROKEN = (AttributeError, LookupError, TypeError, ValueError, MessageError)


def parse_eml(raw: bytes, options: ParseOptions, depth: int = 0) -> Parsed:
    """A message and what is attached to it.

    Raises:
        UnreadableError: encrypted, or broken beyond reading.
    """
    with as_damage("e-mail"):
        message = BytesParser(policy=policy.default).parsebytes(raw)
        assert isinstance(message, EmailMessage)
        if message.get_content_type() in _SEALED:
            raise UnreadableError("encrypted", "it is an encrypted e-mail")
        subject = _field(message, "Subject")
        found = _Found()
        found.pages.append(_message(message, subject, found.counts))
        for number, part in enumerate(_attachments(message), 1):
            _attach(part, number, found, options, depth)
    kept = {name: count for name, count in sorted(found.counts.items()) if count}
    left_out, unread = tuple(found.left_out), tuple(found.unread)
    return Parsed(subject, EML, tuple(found.pages), kept, left_out=left_out, unread=unread)


@dataclass(slots=True)
class _Found:
    """What a message has given so far."""

    pages: list[Page] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[LeftOut] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


def _message(message: EmailMessage, subject: str, counts: Counter[str]) -> Page:
    writer = PageWriter(1)
    writer.add("heading", [Fragment(subject)], level=1)
    lines = [f"{name}: {text}" for name in _SHOWN if (text := _field(message, name))]
    writer.add("paragraph", [Fragment(line, None, "\n") for line in lines])
    body = message.get_body(("html", "plain"))
    read = None if body is None else _body(body, counts)
    for page in read.pages if read else ():
        for flag in page.flags:
            writer.flag(flag.reason)
        for block in page.blocks:
            text = page.text[block.start : block.end]
            # Headings of the message stand below its subject.
            level = min(block.level + 1, 6) if block.level and subject else block.level
            writer.add(block.kind, [Fragment(text)], level=level, header=block.header)
    return writer.page()


def _body(part: MIMEPart, counts: Counter[str]) -> Parsed:
    text = _text(part, counts)
    read = parse_html(text) if part.get_content_subtype() == "html" else parse_plain(text)
    counts.update(read.counts)
    return read


def _text(part: MIMEPart, counts: Counter[str]) -> str:
    """The text of a part, by the encoding it names if that is known and fits."""
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    charset = part.get_content_charset("")
    try:
        return raw.decode(charset or "utf-8").replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):
        text, _ = decode(raw)
        counts["encoding_guessed"] += 1
        return text


def _field(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(clean(str(message.get(name, ""))).split())
    except _BROKEN:
        return ""


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    """Parts that are no text of the message and no picture in it."""
    body = message.get_body(("html", "plain"))
    shown = _pictures_shown(body)
    stack = [message]
    while stack:
        part = stack.pop()
        if part.get_content_maintype() == "multipart":
            stack += reversed([p for p in part.iter_parts() if isinstance(p, EmailMessage)])
        elif part is not body and not _is_other_body(part, shown):
            yield part


def _pictures_shown(body: MIMEPart | None) -> frozenset[str]:
    """Content ids of the pictures that an HTML message shows between its text."""
    if body is None or body.get_content_subtype() != "html":
        return frozenset()
    return frozenset(unquote(cid) for cid in _CID.findall(_text(body, Counter())))


def _is_other_body(part: EmailMessage, shown: frozenset[str]) -> bool:
    """Whether a part is the message once more in another form, or a picture it shows."""
    if part.is_attachment():
        return False
    kind = part.get_content_type()
    named = bool(part.get_filename())
    if kind in ("text/plain", "text/html") and not named:
        return True
    # A scan that is only sent along often has an id as well.
    cid = _field(part, "Content-ID").strip("<> ")
    return part.get_content_maintype() == "image" and cid in shown


def _attach(
    part: EmailMessage, number: int, found: _Found, options: ParseOptions, depth: int
) -> None:
    found.counts["attachments"] += 1
    name = _name(part, number)
    raw = _bytes(part)
    try:
        _check_attachment(number, depth)
        # One mail may have as many pages as one document, whatever it carries them in.
        room = max(options.most_pages - len(found.pages), 0)
        read = parse(raw, name, replace(options, most_pages=room), depth=depth + 1)
    except UnreadableError as error:
        digest = hashlib.sha256(raw).hexdigest()
        found.left_out.append(LeftOut(name, digest, error.code, str(error)))
        return
    found.counts["attachments_read"] += 1
    found.counts.update(read.counts)
    found.left_out += [replace(o, name=f"{name}/{o.name}") for o in read.left_out]
    first = len(found.pages)
    found.unread += [replace(page, page=first + page.page) for page in read.unread]
    found.pages += [replace(p, number=first + n) for n, p in enumerate(read.pages, 1)]


def _check_attachment(number: int, depth: int) -> None:
    if number > _MOST_ATTACHMENTS:
        raise UnreadableError("too_large", f"it is attachment {number} of one e-mail")
    if depth >= _DEEPEST:
        raise UnreadableError("unsupported", "it is attached to a mail in a mail in a mail")


def _name(part: EmailMessage, number: int) -> str:
    """The file name an attachment gives itself, without folders, or its number."""
    try:
        said = part.get_filename() or ""
    except _BROKEN:
        said = ""
    last = clean(said).replace("\\", "/").rpartition("/")[2].strip(" .\n")
    if last:
        return last[-_LONGEST_NAME:]
    suffix = ".eml" if part.get_content_type() == EML else ""
    return f"attachment-{number}{suffix}"


def _bytes(part: EmailMessage) -> bytes:
    if part.get_content_type() == EML:
        inner = part.get_payload(0) if part.is_multipart() else None
        return inner.as_bytes() if isinstance(inner, EmailMessage) else b""
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""
