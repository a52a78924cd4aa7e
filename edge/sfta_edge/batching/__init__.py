"""One model that serves many callers at once; `engine.BatchEngine` is the way in."""
