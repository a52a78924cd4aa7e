"""Rows that others have made: recognised, checked record by record, and made into RAFT rows."""
