"""The documents that are added on the device: kept, read, indexed, shown and removed."""
