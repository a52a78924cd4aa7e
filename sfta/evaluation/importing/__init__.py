"""Question sets in published formats, and tables, become benchmark files."""
