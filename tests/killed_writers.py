"""Programs killed in the middle of changing a knowledge file, and what has to hold then."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from sfta_edge.knowledge import KnowledgeWriter, open_knowledge

_PREFACE = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {folder!r})
    path = Path({path!r})
    seen = 0
    def step(*_):
        global seen
        seen += 1
        if seen == {after}:
            os.kill(os.getpid(), signal.SIGKILL)
        return False
    def watch(connection):
        connection.set_progress_handler(step, 50)
"""


def run_killed(program, path, after):
    """Run a program and kill it after so many steps of SQLite; whether it was killed in time."""
    preface = _PREFACE.format(folder=str(Path(__file__).parent), path=str(path), after=after)
    script = textwrap.dedent(preface) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode != 0


def content(path):
    """Everything a file holds that a person put in, after all its checks."""
    writer = KnowledgeWriter.open(path)
    writer.verify()  # integrity_check, FTS5's own check, as many rows in every table
    writer.close()
    knowledge = open_knowledge(path)
    run = knowledge.connection.execute
    found = {
        table: list(run(f"SELECT * FROM {table} ORDER BY 1, 2"))  # noqa: S608 fixed names
        for table in ("documents", "pages", "chunks", "vectors")
    }
    nearest = "SELECT rowid FROM chunks_vec WHERE embedding MATCH ? AND k = 1"
    for number, vector in found["vectors"]:
        assert list(run(nearest, (vector,))) == [(number,)]
    knowledge.close()
    return found
