"""The outside world: model hub, storage, teachers, the chat template."""
