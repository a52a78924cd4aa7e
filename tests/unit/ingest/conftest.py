"""Fixtures that several modules of this folder share."""

from ingested_files import docs, runtime

__all__ = ["docs", "runtime"]
