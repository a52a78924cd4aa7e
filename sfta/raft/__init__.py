"""RAFT rows: questions, contexts, filters, splits and formats. Pure: no files, no models."""
