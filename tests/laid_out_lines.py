"""Lines of letters of one width, laid out on pages."""

from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word
from sfta.documents.pdf.grouping import Lines, Typography, group
from sfta.documents.pdf.order import Column

CHAR = 5.0  # every letter is this wide in these tests


def word(text, x, y, *, size=10.0, bold=False, mono=False):
    return Word(text, x, y - 8, x + CHAR * len(text), y + 2, y, size, bold, mono)


def line(text, x=72.0, y=100.0, **style):
    words = []
    for piece in text.split(" "):
        if piece:
            words.append(word(piece, x, y, **style))
        x += CHAR * (len(piece) + 1)
    return TextLine(tuple(words))


def stack(texts, x=72.0, y=100.0, step=14.0, **style):
    return [line(text, x, y + step * n, **style) for n, text in enumerate(texts)]


def page_of(*lines, width=600.0, height=800.0):
    return PrintedPage(width, height, 0, list(lines))


def typography(**changes):
    values = {
        "body_size": 10.0,
        "mono_body": False,
        "leading": {10.0: 14.0},
        "words": frozenset(),
    }
    return Typography(**(values | changes))


def grouped(lines, **style):
    found = group([Column(tuple(lines))], typography(**style))
    return [g.text if isinstance(g, Lines) else g for g in found]


LONG = "this line reaches the right edge of the text column it stands in"
