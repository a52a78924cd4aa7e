"""A program that hands files in, reads them and is killed at random moments, again and again.

``python killed_library.py DATA SOURCES ACKNOWLEDGED KILLS SEED``: each round is a process of its
own, forked from one that has loaded everything. What a round was told to be acknowledged it
appends to ACKNOWLEDGED. The last round is not killed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from handed_in_files import PassageWords
from sfta_edge.library.library import Library
from sfta_edge.library.limits import StoreLimits

LIMITS = StoreLimits(reserve_bytes=0, tries=10_000)
SECOND = "second-"
"""Files with this beginning come in the second half, under the name without it."""


class Slow(PassageWords):
    """Takes its time, so that most kills hit something that is half done."""

    def embed(self, texts):
        time.sleep(0.004 * len(texts))
        return super().embed(texts)


def round_of(data, sources, acknowledged, *, second):
    """Hand everything in, then read and index until nothing is left."""
    with Library(data, Slow(), store_limits=LIMITS) as library:
        for path in sorted(sources.iterdir()):
            late = path.name.startswith(SECOND)
            if late and not second:
                continue
            if not late and second and (sources / f"{SECOND}{path.name}").exists():
                continue
            with path.open("rb") as stream:
                job = library.submit(stream, path.name.removeprefix(SECOND)).job
            line = f"{job.name} {job.sha256}\n".encode()
            os.write(acknowledged, line)
        library.wait()


def main(data, sources, acknowledged, kills, seed):
    """All rounds."""
    chance = random.Random(seed)
    handle = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in range(kills + 1):
        last = number == kills
        child = os.fork()
        if not child:
            status = 1
            try:
                round_of(data, sources, handle, second=number * 2 >= kills)
                status = 0
            finally:
                os._exit(status)
        if not last:
            time.sleep(chance.uniform(0, 0.7))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if last or not os.WIFSIGNALED(status):
            assert status == 0, status


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), int(sys.argv[4]), int(sys.argv[5]))
