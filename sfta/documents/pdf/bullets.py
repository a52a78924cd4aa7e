"""Bullets that are drawn as small squares or discs, as browsers print them.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.bullets import write_bullets

__all__ = ["write_bullets"]
