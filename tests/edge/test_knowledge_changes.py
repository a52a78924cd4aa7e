"""Documents come and go without a trace, and a killed writer leaves whole ones."""

import hashlib
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from knowledge_corpus import Identity, corpus, count, edit, vectors_for
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter, write_knowledge


def writer(path):
    return KnowledgeWriter.open(path)


def test_a_document_can_be_added_later(corpus_file):
    documents, chunks = corpus(4)
    adding = writer(corpus_file)
    adding.add(documents[3], chunks[15:], vectors_for(5, seed=3))
    adding.verify()
    adding.close()
    assert count(corpus_file, "chunks_vec") == 20


def test_a_removed_document_leaves_nothing_in_any_table(corpus_file):
    removing = writer(corpus_file)
    assert removing.remove("doc1")
    assert not removing.remove("doc1")
    removing.verify()
    removing.finish()
    for table in ("chunks", "vectors", "chunks_vec", "chunks_fts"):
        assert count(corpus_file, table) == 10
    assert (
        b"E-13" not in corpus_file.read_bytes()
    )  # compacted: the text is gone from the disk too


def test_a_removed_document_can_come_back(corpus_file):
    documents, chunks = corpus()
    changing = writer(corpus_file)
    changing.remove("doc1")
    changing.add(documents[1], chunks[5:10], vectors_for(5, seed=5))
    changing.verify()
    changing.close()
    assert count(corpus_file, "chunks") == 15


def test_a_failed_addition_leaves_nothing_behind(corpus_file):
    documents, chunks = corpus(4)
    broken = [*chunks[15:19], chunks[19] | {"text": "something else"}]
    adding = writer(corpus_file)
    with pytest.raises(IntegrityError):
        adding.add(documents[3], broken, vectors_for(5))
    adding.verify()
    adding.close()
    assert count(corpus_file, "documents") == 3
    assert count(corpus_file, "chunks_vec") == 15


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM vectors WHERE chunk = 1", "do not agree"),
        ("UPDATE chunks SET text = 'changed' WHERE number = 1", "damaged"),
        ("UPDATE documents SET title = 'changed' WHERE number = 1", "damaged"),
    ],
)
def test_tables_that_disagree_are_found(corpus_file, statement, reason):
    edit(corpus_file, statement)
    checking = writer(corpus_file)
    with pytest.raises(IntegrityError, match=reason):
        checking.verify()
    checking.close()


def test_the_index_can_be_rebuilt_from_the_vectors(corpus_file):
    before = count(corpus_file, "chunks_vec")
    rebuilding = writer(corpus_file)
    rebuilding.rebuild_vectors()
    rebuilding.verify()
    rebuilding.close()
    assert count(corpus_file, "chunks_vec") == before


def test_removals_free_their_space(tmp_path):
    path = tmp_path / "k.sqlite"
    documents, chunks = corpus(40, 20)
    write_knowledge(path, documents, chunks, vectors_for(800), Identity())
    full = path.stat().st_size
    removing = writer(path)
    for document in documents[:36]:
        removing.remove(document["id"])
    removing.finish()
    assert path.stat().st_size < full / 2
    assert count(path, "chunks_vec") == 80


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {folder!r})
    from knowledge_corpus import Identity, corpus, vectors_for
    from sfta_edge.knowledge import KnowledgeWriter
    documents, chunks = corpus(40)
    writing = KnowledgeWriter.open(Path({path!r}))
    seen = 0
    def step(*_):
        global seen
        seen += 1
        if seen == {after}:
            os.kill(os.getpid(), signal.SIGKILL)
        return False
    writing._connection.set_progress_handler(step, 200)
    for number in range(3, 40):
        writing.add(documents[number], chunks[5 * number:5 * number + 5], vectors_for(5))
"""


@pytest.mark.parametrize("after", [1, 7, 20, 45])
def test_a_killed_writer_leaves_whole_documents(corpus_file, tmp_path, after):
    script = textwrap.dedent(KILLED).format(
        folder=str(Path(__file__).parents[1]), path=str(corpus_file), after=after
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    checking = writer(corpus_file)
    checking.verify()
    checking.close()
    assert count(corpus_file, "chunks") == 5 * count(corpus_file, "documents")
    assert count(corpus_file, "documents") >= 3


def test_a_copy_is_as_good_as_the_original(corpus_file, tmp_path):
    copy = shutil.copy(corpus_file, tmp_path / "copy.sqlite")
    assert (
        hashlib.sha256(copy.read_bytes()).digest()
        == hashlib.sha256(corpus_file.read_bytes()).digest()
    )
    assert count(copy, "chunks") == 15
