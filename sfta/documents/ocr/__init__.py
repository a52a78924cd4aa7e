"""Text of pictures and of scanned pages, read by Tesseract."""
