"""The page on which a person reads rows and turns some away."""
