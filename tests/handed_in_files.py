"""Files that somebody hands in: sound ones, and ones made to do harm."""

import io
import zipfile
import zlib

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from word_retriever import WordEmbedder

A4 = (595, 842)
PROSE = (
    "The compressor delivers air without oil in the chamber, and both rotors turn in dry air "
    "all the time. Timing gears keep them apart, so they never touch each other. Cooling "
    "water flows through three coolers that are supplied in parallel."
)
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
TYPES = f"""<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels"
 ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>"""
RELATIONS = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Target="word/document.xml"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>
</Relationships>"""
BODY = (
    '<?xml version="1.0" encoding="UTF-8"?>{prolog}'
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
)


class PassageWords(WordEmbedder):
    """Also counts: a word is a token, and two frame a text."""

    def count_tokens(self, text):
        return len(text.split()) + 2


def pdf(*pages, size=A4, **options):
    """A PDF of pages, each a function that draws on a canvas or a text."""
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=size, invariant=1, **options)
    for page in pages:
        if callable(page):
            page(canvas)
        else:
            typed(canvas, 72, 700, page)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def typed(canvas, x, y, text, *, width=60, size=11, step=14, font="Helvetica"):
    """Wrapped text from the given place on, `width` characters a line; the next free height."""
    canvas.setFont(font, size)
    row = ""
    for word in text.split():
        if len(f"{row} {word}") > width:
            canvas.drawString(x, y, row)
            row, y = "", y - step
        row = f"{row} {word}".strip()
    canvas.drawString(x, y, row)
    return y - step


def locked_pdf():
    return pdf("A secret.", encrypt=StandardEncryption("user", "owner"))


def raw_pdf(*objects, root=1):
    """A PDF of raw objects, numbered from 1, with a right table of places."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root %d 0 R >>\n" % (len(objects) + 1, root)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % at)


def one_page_pdf(content, *, resources=b"<< >>", filters=b"", more=()):
    """A PDF of one page with this content stream."""
    stream = b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), filters, content)
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources %s >>" % resources,
        stream,
        *more,
    )


def flate_bomb(times=3, size=200 << 20):
    """A content stream that unpacks, again and again, to hundreds of megabytes."""
    packer = zlib.compressobj(9)
    content = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(size >> 20))
    content += packer.flush()
    for _ in range(times - 1):
        content = zlib.compress(content, 9)
    filters = b"/Filter [" + b"/FlateDecode " * times + b"]"
    return one_page_pdf(content, filters=filters)


def many_pages_pdf(count):
    """A PDF whose tree names one page again and again."""
    kids = b"3 0 R " * count
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    )


def looped_table_pdf():
    """A PDF whose table of places names itself as the one before."""
    sound = pdf("Text of a loop.")
    at = sound.rindex(b"startxref")
    place = int(sound[at:].split()[1])
    return sound[:at].replace(b"trailer\n<<", b"trailer\n<< /Prev %d" % place) + sound[at:]


def looped_tree_pdf():
    """A PDF whose tree of pages is its own child."""
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>",
    )


def giant_picture_pdf(side=32_000):
    """A PDF that shows a picture of a thousand million pixels, packed to a megabyte."""
    packer = zlib.compressobj(9)
    row = b"\0" * side
    content = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    picture = (
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray"
        b" /BitsPerComponent 8 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
        % (side, side, len(content), content)
    )
    draw = b"q 500 0 0 500 40 40 cm /P Do Q"
    return one_page_pdf(draw, resources=b"<< /XObject << /P 5 0 R >> >>", more=[picture])


def docx(text="Change the oil every 2000 hours.", *, prolog="", parts=()):
    """A Word document as small as one can be, with more parts if given."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", BODY.format(prolog=prolog, text=text))
        for name, content in parts:
            archive.writestr(name, content)
    return made.getvalue()


def docx_bomb():
    return docx(parts=[("word/media/zeros.bin", b"\0" * (100 << 20))])


def docx_entities():
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    prolog = f'<!DOCTYPE w [<!ENTITY e0 "ha">{levels}]>'
    return docx("&e9;", prolog=prolog)


def docx_outside():
    prolog = '<!DOCTYPE w [<!ENTITY out SYSTEM "file:///etc/passwd">]>'
    return docx("&out;", prolog=prolog)
