"""The model in a process of its own: when it dies, nothing else does."""
