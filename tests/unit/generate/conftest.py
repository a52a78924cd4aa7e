"""Fixtures that several modules of this folder share."""

from generated_rows import dataset, fake_embedder, inputs

__all__ = ["dataset", "fake_embedder", "inputs"]
