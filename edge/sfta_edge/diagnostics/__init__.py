"""What a technician needs to see of a device, in one file that names nobody and no document."""
