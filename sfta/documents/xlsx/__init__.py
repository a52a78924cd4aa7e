"""Reading of Excel workbooks."""
