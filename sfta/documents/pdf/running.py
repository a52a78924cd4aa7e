"""Running headers, footers and page numbers: lines that repeat from page to page.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.running import (
    _least_pages,
    _mask,
    _page_number,
    _roman,
    drop_running_lines,
)

__all__ = [
    "_least_pages",
    "_mask",
    "_page_number",
    "_roman",
    "drop_running_lines",
]
