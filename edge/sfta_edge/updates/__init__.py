"""Updates that an admin uploads: received, examined, installed as the command does it."""
