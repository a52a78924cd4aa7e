"""The page on which a person reads and edits the questions of a benchmark file."""
