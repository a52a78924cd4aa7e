"""Robustness: variants of the benchmark's cases, and what they do to the answers."""
