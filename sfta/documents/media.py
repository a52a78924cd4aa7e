"""What a file is, told by its content; the name only decides between kinds of text.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.media import (
    CSV,
    DOCX,
    EML,
    EPUB,
    HTML,
    JPEG,
    JSON,
    JSON_LINES,
    MARKDOWN,
    PDF,
    PICTURES,
    PLAIN,
    PNG,
    PPTX,
    TSV,
    XLSX,
    decode,
    is_misnamed,
    media_type,
    picture_type,
)

__all__ = [
    "CSV",
    "DOCX",
    "EML",
    "EPUB",
    "HTML",
    "JPEG",
    "JSON",
    "JSON_LINES",
    "MARKDOWN",
    "PDF",
    "PICTURES",
    "PLAIN",
    "PNG",
    "PPTX",
    "TSV",
    "XLSX",
    "decode",
    "is_misnamed",
    "media_type",
    "picture_type",
]
