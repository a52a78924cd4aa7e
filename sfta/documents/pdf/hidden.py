"""What PyMuPDF knows of a page that tells hidden text from text on a colour."""

from typing import Any

from sfta.documents.document import Box
from sfta.documents.pdf.boxes import box_of, overlap
from sfta_edge.documents.pdf.hidden import NEAR_WHITE, Hidden


def hidden_on(page: Any) -> Hidden:
    """Tells what no reader of this page sees."""
    paper = box_of(page.rect)
    pictures = [overlap(box_of(i["bbox"]), paper) for i in page.get_image_info()]

    def dark() -> list[Box]:
        fills = [d for d in page.get_cdrawings() if d.get("fill")]
        return [box_of(d["rect"]) for d in fills if min(d["fill"]) < NEAR_WHITE]

    return Hidden(paper, pictures, dark)
