"""Reading of PowerPoint presentations."""
