"""A disk that is really full: a small file system of its own, where that may be mounted."""

import io
import random
import subprocess
from contextlib import suppress

import pytest

from handed_in_files import PROSE, PassageWords
from sfta_edge.errors import SftaError
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.library.library import Library
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.refusals import DiskLowError
from sfta_edge.retriever import Retriever

LIMITS = StoreLimits(reserve_bytes=0, retry_seconds=0.05)


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def manual(number, parts=40):
    text = "\n\n".join(f"# Part {n}\n\n{PROSE} {number} {n}." for n in range(parts))
    return io.BytesIO(text.encode())


def fill(folder):
    """Take all space but a few pages."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as out:
            while True:
                out.write(random.Random(1).randbytes(4096))
    except OSError:
        return ballast


def test_a_full_disk_loses_nothing_and_heals_when_space_returns(small_disk):
    with Library(small_disk / "data", PassageWords(), store_limits=LIMITS) as library:
        first = library.submit(manual(1), "first.md").job
        assert library.wait(60)
        with Retriever(small_disk / "data/knowledge.sqlite", PassageWords()) as retriever:
            ballast = fill(small_disk)
            with pytest.raises(DiskLowError, match="full"):
                library.submit(manual(2), "second.md")
            assert retriever.search("compressor", 1)
        assert len(list((small_disk / "data/files").iterdir())) == 1
        ballast.unlink()
        second = library.submit(manual(2), "second.md").job
        assert library.wait(60)
        assert [library.job(job.id).state for job in (first, second)] == ["done", "done"]


def test_a_disk_that_is_filled_while_a_job_runs_lets_it_wait(small_disk, caplog):
    ballast = []

    class Filling(PassageWords):
        def embed(self, texts):
            if not ballast:
                ballast.append(fill(small_disk))
            return super().embed(texts)

    with Library(small_disk / "data", Filling(), store_limits=LIMITS) as library:
        job = library.submit(manual(3), "third.md").job
        for _ in range(600):
            if caplog.text.count("waits for space") > 2 or library.job(job.id).error:
                break
            library.wait(0.1)
        assert library.job(job.id).state in ("running", "waiting")
        ballast[0].unlink()
        assert library.wait(60)
        assert library.job(job.id).state == "done"
    writer = KnowledgeWriter.open(small_disk / "data/knowledge.sqlite")
    writer.verify()
    writer.close()


def test_a_start_on_a_full_disk_throws_no_index_away(small_disk):
    with Library(small_disk / "data", PassageWords(), store_limits=LIMITS) as library:
        library.submit(manual(1), "first.md")
        assert library.wait(60)
    ballast = fill(small_disk)
    with (
        suppress(SftaError),
        Library(small_disk / "data", PassageWords(), store_limits=LIMITS),
    ):
        pass
    ballast.unlink()
    with Library(small_disk / "data", PassageWords(), store_limits=LIMITS) as library:
        assert library.wait(60)
        assert [job.state for job in library.jobs()] == ["done"]
    assert not (small_disk / "data/knowledge.sqlite.damaged").exists()
