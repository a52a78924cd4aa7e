"""Compaction gives space back, and at no point is there less than a whole file."""

import random
import threading

import apsw
import pytest

from killed_writers import content, run_killed
from knowledge_corpus import Identity, corpus, edit, vectors_for
from sfta_edge.compaction import compact
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter
from sfta_edge.retriever import Retriever

_STEPS = 330  # a little more than a compaction of `worn` takes, so that some tries succeed
COMPACT = """
    from sfta_edge.knowledge import KnowledgeWriter
    writer = KnowledgeWriter.open(path)
    watch(writer._connection)
    writer.compact()
"""


@pytest.fixture(name="worn")
def _worn(tmp_path):
    """A file from which most documents were removed again."""
    path = tmp_path / "own.sqlite"
    documents, chunks = corpus(30, 20)
    writer = KnowledgeWriter.create(path, Identity())
    for number, document in enumerate(documents):
        rows = slice(20 * number, 20 * number + 20)
        writer.add(document, chunks[rows], vectors_for(600)[rows])
    for document in documents[2:28]:
        writer.remove(document["id"])
    writer.close()
    return path


def test_space_is_given_back_and_nothing_else(worn):
    before = content(worn)
    report = compact(worn)
    assert report.after < report.before / 2
    assert worn.stat().st_size == report.after
    assert content(worn) == before


def test_compacting_twice_changes_nothing_more(worn):
    assert compact(worn).after == compact(worn).after


def test_what_was_removed_is_gone_from_the_disk(worn):
    compact(worn)
    left = b"".join(path.read_bytes() for path in worn.parent.iterdir())
    assert b"E-290" in left  # of a document that stays
    assert b"E-130" not in left
    assert b"E-2712" not in left


def test_numbers_stay_and_are_not_given_again(worn):
    documents, chunks = corpus(31, 20)
    compact(worn)
    writer = KnowledgeWriter.open(worn)
    writer.remove("doc29")
    writer.compact()
    writer.add(documents[30], chunks[600:], vectors_for(20, seed=3))
    writer.close()
    assert min(row[0] for row in content(worn)["chunks"] if row[2] == 30) == 601


def test_readers_go_on(worn):
    failures, stop = [], threading.Event()
    with Retriever(worn) as retriever:
        expected = retriever.search("code E-29", 5)

        def ask():
            while not stop.is_set():
                if retriever.search("code E-29", 5) != expected:
                    failures.append("another answer")

        thread = threading.Thread(target=ask)
        thread.start()
        for _ in range(3):
            compact(worn)
        stop.set()
        thread.join()
        assert failures == []
        assert retriever.search("code E-29", 5) == expected


def test_a_reader_in_the_middle_of_a_search_does_not_hold_compaction_up(worn):
    reader = apsw.Connection(str(worn))
    reader.execute("BEGIN")
    before = reader.execute("SELECT count(*) FROM chunks").fetchall()
    compact(worn)
    assert reader.execute("SELECT count(*) FROM chunks").fetchall() == before
    reader.close()
    content(worn)


def test_a_file_that_does_not_pass_its_checks_is_not_changed(worn):
    edit(worn, "UPDATE chunks SET text = 'changed' WHERE number = 1")
    before = worn.read_bytes()
    with pytest.raises(IntegrityError, match="damaged"):
        compact(worn)
    assert worn.read_bytes() == before


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_compaction_leaves_a_whole_file(worn, seed):
    before, size = content(worn), worn.stat().st_size
    killed = run_killed(COMPACT, worn, random.Random(seed).randrange(1, _STEPS))
    assert content(worn) == before
    if killed:
        assert worn.stat().st_size == size
    assert compact(worn).after < size / 2  # the next try succeeds
    assert content(worn) == before
