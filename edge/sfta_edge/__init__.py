"""What runs on the device: retriever, engine, citations, bundle and web front."""

__version__ = "0.1.0"
