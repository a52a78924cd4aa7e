"""Turns the quickstart Markdown sources into paged PDF manuals."""
