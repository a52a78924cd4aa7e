"""Zip archives: what kind of document one is, and whether it may be unpacked at all.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.archive import (
    CONTENT_TYPES,
    archive_kind,
    check_archive,
    count_parts,
    with_content_type,
)

__all__ = [
    "CONTENT_TYPES",
    "archive_kind",
    "check_archive",
    "count_parts",
    "with_content_type",
]
