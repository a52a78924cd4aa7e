"""Documents: parsing, normalising, chunking."""
