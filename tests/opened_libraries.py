"""A library that a test opens, hands files to, and looks into."""

import io

import pytest

from handed_in_files import PassageWords
from sfta_edge.caller import View
from sfta_edge.library.library import Library
from sfta_edge.library.limits import StoreLimits
from sfta_edge.retriever import Retriever

OIL = b"# Oil\n\nThe oil is changed every 2000 hours.\n"
NOISE = b"# Noise\n\nThe noise level is 74 dB(A) with closed doors.\n"
LIMITS = StoreLimits(file_bytes=1 << 20, reserve_bytes=0, retry_seconds=0.05)


@pytest.fixture
def opened_library():
    """Opens libraries and closes them at the end."""
    made = []

    def open_library(data, embedder=None, **options):
        options.setdefault("store_limits", LIMITS)
        made.append(Library(data, embedder or PassageWords(), **options))
        return made[-1]

    yield open_library
    for library in made:
        library.close()


@pytest.fixture
def library(tmp_path, opened_library):
    return opened_library(tmp_path / "data")


def hand_in(library, raw=OIL, name="oil.md", **options):
    return library.submit(io.BytesIO(raw), name, **options)


def finish(library):
    library.start()
    assert library.wait(60)


def found(data, view=None):
    with Retriever(data / "knowledge.sqlite", PassageWords()) as retriever:
        return retriever.documents(view or View())
