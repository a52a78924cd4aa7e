"""Fixtures that several modules of this folder share."""

from asked_endpoint import clock, folder, server, url

__all__ = ["clock", "folder", "server", "url"]
