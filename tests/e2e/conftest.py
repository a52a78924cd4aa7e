"""Fixtures of the whole line."""

from small_line import cache, tiny_base, workplace

__all__ = ["cache", "tiny_base", "workplace"]
