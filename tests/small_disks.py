"""A disk that is really full: a small file system of its own, where that may be mounted."""

import subprocess
from contextlib import contextmanager

import pytest

PAGE = 4096


@contextmanager
def small_disk(folder, size, inodes=0):
    """A file system of `size` bytes at a folder; the test is skipped where none may be mounted."""
    folder.mkdir()
    told = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
    line = ["mount", "-t", "tmpfs", "-o", told, "none", str(folder)]
    if subprocess.run(line, check=False, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def left(folder, free):
    """All space but `free` bytes is taken; with the end of the block it is free again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(PAGE))
        except OSError:
            out.truncate(max(0, out.tell() // PAGE - free // PAGE) * PAGE)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def names_left(folder, free):
    """All names but `free` are taken."""
    made = []
    try:
        try:
            while True:
                path = folder / f"name-{len(made)}"
                path.touch()
                made.append(path)
        except OSError:
            for _ in range(min(free, len(made))):
                made.pop().unlink()
        yield
    finally:
        for path in made:
            path.unlink()
