"""The commands of sfta-edge, one file each, loaded on demand."""
