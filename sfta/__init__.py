"""The factory: from documents to a small model that answers from them."""

__version__ = "0.1.0"
