"""One HTML file that shows records: what the pages of all layers share."""
