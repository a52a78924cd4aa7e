"""Fixtures that several modules of this folder share."""

from tiny_training import byte_llama, limits_dataset, one_thread, training_job

__all__ = ["byte_llama", "limits_dataset", "one_thread", "training_job"]
