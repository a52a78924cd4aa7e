"""Reading of Word documents."""
