"""How fast an installed bundle is on this device, and how fast it could be at most."""
