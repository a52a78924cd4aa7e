"""Makes a model portable: merge, GGUF, quantization, parity."""

__version__ = "0.1.0"
