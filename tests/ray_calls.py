"""Functions that tests send to the processes of a cluster, which import them by name."""

import os

from sfta_edge.errors import ConfigError


def process(_record):
    return os.getpid()


def refuse(record):
    raise ConfigError(f"record {record} is refused", hint="Leave it out.")


def end(_record):
    os._exit(1)


def divide(record):
    return 1 // record


def leave_mark(place):
    """An empty file in a folder, named after a number; returns the number."""
    folder, number = place
    (folder / str(number)).touch()
    return number
