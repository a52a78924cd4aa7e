"""One writer at a time for the data, and a refusal that names who it is."""

import os
import subprocess
import sys

import pytest

from sfta_edge.errors import ConfigError
from sfta_edge.lock import DataLock


def test_a_lock_says_who_holds_it(tmp_path):
    with DataLock(tmp_path / "data", "serve") as lock:
        with pytest.raises(ConfigError, match=f"sfta-edge serve .process {os.getpid()}"):
            DataLock(tmp_path / "data", "ingest").acquire()
        with pytest.raises(ConfigError, match="already locked"):
            lock.acquire()
    with DataLock(tmp_path / "data", "ingest"):
        lock.release()


def test_a_lock_of_a_dead_process_is_free(tmp_path):
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from sfta_edge.lock import DataLock\n"
        f"DataLock(Path({str(tmp_path / 'data')!r}), 'ingest').acquire()\n"
        "print('held', flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(Exception, match="sfta-edge ingest"):
            DataLock(tmp_path / "data", "serve").acquire()
        holder.kill()
        holder.wait()
    with DataLock(tmp_path / "data", "serve"):
        pass
