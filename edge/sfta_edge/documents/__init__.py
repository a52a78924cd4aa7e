"""Files to clean text and chunks: the same code where a model is made and where it answers."""
