"""The endpoints of the Edge API besides the asking itself, one file per noun."""
