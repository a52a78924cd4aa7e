"""What every stage builds on: artifacts, the stage runner, configuration, progress."""
