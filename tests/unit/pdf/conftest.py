"""Fixtures that several modules of this folder share."""

from drawn_pdf import pdf

__all__ = ["pdf"]
