"""PDF: from glyphs with positions to blocks in reading order."""
