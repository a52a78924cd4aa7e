"""The knowledge file: complete or absent, repeatable to the byte, never silently wrong."""

import hashlib
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import apsw
import numpy as np
import pytest

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter, open_knowledge, write_knowledge
from sfta_edge.knowledge_format import passage

DIMENSION = 8


@dataclass(frozen=True)
class Identity:
    name: str = "test-embedder"
    sha256: str = "ab" * 32
    dimension: int = DIMENSION
    pooling: str = "mean"


def corpus(documents=3, per_document=5):
    """Records as the factory writes them; the text of a page is its chunks, line by line."""
    records, chunks = [], []
    for d in range(documents):
        texts = [f"Document {d} line {n}: the code is E-{d}{n}." for n in range(per_document)]
        page = "\n".join(texts)
        records.append(
            {
                "id": f"doc{d}",
                "name": f"{d}.pdf",
                "title": f"Manual {d}",
                "sha256": f"{d}" * 64,
                "media_type": "application/pdf",
                "pages": [
                    {"number": 1, "text": page, "width": 595, "height": 842.0, "lines": []}
                ],
            }
        )
        start = 0
        for ordinal, text in enumerate(texts):
            chunks.append(
                {
                    "id": f"chunk{d}-{ordinal}",
                    "document_id": f"doc{d}",
                    "title": f"Manual {d}",
                    "page": 1,
                    "start": start,
                    "end": start + len(text),
                    "heading": f"{ordinal} Part",
                    "text": text,
                    "tokens": 9,
                    "ordinal": ordinal,
                }
            )
            start += len(text) + 1
    return records, chunks


def vectors_for(count, dimension=DIMENSION, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(name="path")
def _path(tmp_path):
    documents, chunks = corpus()
    path = tmp_path / "knowledge.sqlite"
    write_knowledge(path, documents, chunks, vectors_for(15), Identity())
    return path


def count(path, table):
    knowledge = open_knowledge(path)
    try:
        return knowledge.connection.execute("SELECT count(*) FROM " + table).fetchone()[0]  # noqa: S608 fixed names
    finally:
        knowledge.close()


def test_what_is_written_can_be_opened(path):
    knowledge = open_knowledge(path)
    assert knowledge.chunks == 15
    assert knowledge.dimension == DIMENSION
    assert knowledge.embedder == {
        "name": "test-embedder",
        "sha256": "ab" * 32,
        "dimension": DIMENSION,
        "pooling": "mean",
    }
    knowledge.close()


@pytest.mark.parametrize("table", ["chunks", "vectors", "chunks_vec", "chunks_fts"])
def test_every_chunk_is_in_every_table(path, table):
    assert count(path, table) == 15


def test_the_same_input_gives_the_same_bytes(path, tmp_path):
    documents, chunks = corpus()
    again = tmp_path / "elsewhere.sqlite"
    write_knowledge(again, documents, chunks, vectors_for(15), Identity())
    assert again.read_bytes() == path.read_bytes()


def test_other_input_gives_other_bytes(path, tmp_path):
    documents, chunks = corpus()
    again = tmp_path / "elsewhere.sqlite"
    write_knowledge(again, documents, chunks, vectors_for(15, seed=1), Identity())
    assert again.read_bytes() != path.read_bytes()


def test_only_the_file_itself_is_left_behind(path):
    assert [p.name for p in path.parent.iterdir()] == ["knowledge.sqlite"]


def test_vectors_are_kept_to_the_bit(path):
    knowledge = open_knowledge(path)
    rows = knowledge.connection.execute("SELECT vector FROM vectors ORDER BY chunk").fetchall()
    found = np.stack([np.frombuffer(row[0], dtype="<f4") for row in rows])
    np.testing.assert_array_equal(found, vectors_for(15))
    knowledge.close()


def test_chunks_may_come_in_any_order(path, tmp_path):
    documents, chunks = corpus()
    order = list(reversed(range(15)))
    again = tmp_path / "again.sqlite"
    write_knowledge(
        again, documents, [chunks[n] for n in order], vectors_for(15)[order], Identity()
    )
    knowledge = open_knowledge(again)
    row = knowledge.connection.execute(
        "SELECT vector FROM vectors JOIN chunks ON number = chunk WHERE id = 'chunk1-2'"
    ).fetchone()
    np.testing.assert_array_equal(np.frombuffer(row[0], "<f4"), vectors_for(15)[7])
    knowledge.close()


def test_an_opened_file_cannot_be_written(path):
    knowledge = open_knowledge(path)
    with pytest.raises(apsw.Error):
        knowledge.connection.execute("DELETE FROM chunks")
    knowledge.close()
    assert count(path, "chunks") == 15


def test_a_document_without_chunks_is_kept(tmp_path):
    documents, chunks = corpus(2)
    path = tmp_path / "k.sqlite"
    write_knowledge(path, documents, chunks[:5], vectors_for(5), Identity())
    assert count(path, "documents") == 2


def test_an_empty_file_opens(tmp_path):
    path = tmp_path / "k.sqlite"
    write_knowledge(path, [], [], vectors_for(0), Identity())
    assert count(path, "chunks") == 0


def _bad_vectors(kind):
    vectors = vectors_for(15)
    if kind == "nan":
        vectors[7, 0] = np.nan
    elif kind == "infinity":
        vectors[7, 0] = np.inf
    elif kind == "zero":
        vectors[7] = 0
    elif kind == "long":
        vectors[7] *= 2
    elif kind == "dimension":
        return vectors_for(15, 9)
    elif kind == "double":
        return vectors.astype(np.float64)
    elif kind == "fewer":
        return vectors[:14]
    return vectors


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "NaN or infinity"),
        ("infinity", "NaN or infinity"),
        ("zero", "not normalised"),
        ("long", "not normalised"),
        ("dimension", "not float32"),
        ("double", "not float32"),
        ("fewer", "15 chunks but 14 vectors"),
    ],
)
def test_unusable_vectors_are_refused(path, kind, reason):
    before = path.read_bytes()
    with pytest.raises(IntegrityError, match=reason):
        write_knowledge(path, *corpus(), _bad_vectors(kind), Identity())
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["knowledge.sqlite"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", "something else", "is not the text of its page"),
        ("start", 1, "is not the text of its page"),
        ("end", 10_000, "is not the text of its page"),
        ("start", -3, "is not the text of its page"),
        ("page", 2, "is on page 2, which is not there"),
        ("id", "chunk0-1", "cannot be added"),
        ("document_id", "nobody", "chunks of unknown documents: nobody"),
        ("tokens", "many", "no usable 'tokens'"),
        ("heading", None, "no usable 'heading'"),
        ("ordinal", True, "no usable 'ordinal'"),
    ],
)
def test_a_chunk_must_fit_its_document(tmp_path, field, value, reason):
    documents, chunks = corpus()
    chunks[0] |= {field: value}
    with pytest.raises(IntegrityError, match=reason):
        write_knowledge(tmp_path / "k.sqlite", documents, chunks, vectors_for(15), Identity())
    assert list(tmp_path.iterdir()) == []


def test_two_documents_cannot_have_one_id(tmp_path):
    documents, chunks = corpus(1)
    with pytest.raises(IntegrityError, match="document doc0 cannot be added"):
        write_knowledge(
            tmp_path / "k.sqlite", documents * 2, chunks, vectors_for(5), Identity()
        )


@pytest.mark.parametrize("dimension", [0, -1, 8193])
def test_a_dimension_the_index_cannot_hold_is_refused(tmp_path, dimension):
    with pytest.raises(IntegrityError, match="cannot be indexed"):
        write_knowledge(
            tmp_path / "k.sqlite", [], [], vectors_for(0), Identity(dimension=dimension)
        )


def test_what_is_known_of_a_document_is_kept(tmp_path):
    documents, chunks = corpus(documents=2)
    documents[0] |= {"language": "en", "licence": "MIT", "owner": "ACME", "access": "service"}
    path = tmp_path / "k.sqlite"
    write_knowledge(path, documents, chunks, vectors_for(len(chunks)), Identity())
    knowledge = open_knowledge(path)
    rows = list(
        knowledge.connection.execute(
            "SELECT language, licence, owner, access FROM documents ORDER BY number"
        )
    )
    knowledge.close()
    assert rows == [("en", "MIT", "ACME", "service"), ("", "", "", "")]


def test_what_is_known_of_a_document_must_be_text(tmp_path):
    documents, chunks = corpus(documents=1)
    documents[0]["owner"] = 7
    with pytest.raises(IntegrityError, match="no usable 'owner': 7"):
        write_knowledge(
            tmp_path / "k.sqlite", documents, chunks, vectors_for(len(chunks)), Identity()
        )


def edit(path, *statements):
    """Change a file behind the library's back."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE meta SET value = 'sfta.knowledge/9' WHERE key = 'schema'", "sfta.knowledge/9"),
        (
            "UPDATE meta SET value = 'sfta.knowledge/1' WHERE key = 'schema'",
            "has the schema 'sfta.knowledge/1'",
        ),
        ("DELETE FROM meta WHERE key = 'schema'", "has the schema None"),
        ("DELETE FROM meta WHERE key = 'embedder'", "does not say which embedder"),
        ("UPDATE meta SET value = '[' WHERE key = 'embedder'", "does not say which embedder"),
        ("UPDATE meta SET value = '{}' WHERE key = 'embedder'", "does not say which embedder"),
        (
            "UPDATE meta SET value = replace(value, '8', '9') WHERE key = 'embedder'",
            "embedder of dimension 9, its vectors have 8",
        ),
        ("UPDATE vectors SET vector = zeroblob(32)", "does not find its own vectors"),
        ("DROP TABLE chunks", "not a usable knowledge file"),
        ("DROP TABLE chunks_vec_chunks", "not a usable knowledge file"),
        ("DROP TABLE meta", "is not a knowledge file"),
    ],
)
def test_a_file_that_would_search_wrongly_does_not_open(path, statement, reason):
    edit(path, statement)
    with pytest.raises(IntegrityError, match=reason):
        open_knowledge(path)


@pytest.mark.parametrize(
    "content", [b"", b"no database" * 100, b"SQLite format 3\0" + bytes(99)]
)
def test_what_is_no_knowledge_file_says_so(tmp_path, content):
    path = tmp_path / "k.sqlite"
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        open_knowledge(path)


def test_a_missing_file_says_so_and_is_not_made(tmp_path):
    with pytest.raises(IntegrityError, match="cannot open"):
        open_knowledge(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_url_characters_is_a_path(tmp_path):
    path = tmp_path / "a?mode=rwc#50%.sqlite"
    write_knowledge(path, *corpus(1), vectors_for(5), Identity())
    assert count(path, "chunks") == 5


def writer(path):
    return KnowledgeWriter.open(path)


def test_a_document_can_be_added_later(path):
    documents, chunks = corpus(4)
    adding = writer(path)
    adding.add(documents[3], chunks[15:], vectors_for(5, seed=3))
    adding.verify()
    adding.close()
    assert count(path, "chunks_vec") == 20


def test_a_removed_document_leaves_nothing_in_any_table(path):
    removing = writer(path)
    assert removing.remove("doc1")
    assert not removing.remove("doc1")
    removing.verify()
    removing.finish()
    for table in ("chunks", "vectors", "chunks_vec", "chunks_fts"):
        assert count(path, table) == 10
    assert b"E-13" not in path.read_bytes()  # compacted: the text is gone from the disk too


def test_a_removed_document_can_come_back(path):
    documents, chunks = corpus()
    changing = writer(path)
    changing.remove("doc1")
    changing.add(documents[1], chunks[5:10], vectors_for(5, seed=5))
    changing.verify()
    changing.close()
    assert count(path, "chunks") == 15


def test_a_failed_addition_leaves_nothing_behind(path):
    documents, chunks = corpus(4)
    broken = [*chunks[15:19], chunks[19] | {"text": "something else"}]
    adding = writer(path)
    with pytest.raises(IntegrityError):
        adding.add(documents[3], broken, vectors_for(5))
    adding.verify()
    adding.close()
    assert count(path, "documents") == 3
    assert count(path, "chunks_vec") == 15


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM vectors WHERE chunk = 1", "do not agree"),
        ("UPDATE chunks SET text = 'changed' WHERE number = 1", "damaged"),
        ("UPDATE documents SET title = 'changed' WHERE number = 1", "damaged"),
    ],
)
def test_tables_that_disagree_are_found(path, statement, reason):
    edit(path, statement)
    checking = writer(path)
    with pytest.raises(IntegrityError, match=reason):
        checking.verify()
    checking.close()


def test_the_index_can_be_rebuilt_from_the_vectors(path):
    before = count(path, "chunks_vec")
    rebuilding = writer(path)
    rebuilding.rebuild_vectors()
    rebuilding.verify()
    rebuilding.close()
    assert count(path, "chunks_vec") == before


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
    from test_knowledge import Identity, corpus, vectors_for
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
def test_a_killed_writer_leaves_whole_documents(path, tmp_path, after):
    script = textwrap.dedent(KILLED).format(
        folder=str(Path(__file__).parent), path=str(path), after=after
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    checking = writer(path)
    checking.verify()
    checking.close()
    assert count(path, "chunks") == 5 * count(path, "documents")
    assert count(path, "documents") >= 3


def test_a_copy_is_as_good_as_the_original(path, tmp_path):
    copy = shutil.copy(path, tmp_path / "copy.sqlite")
    assert (
        hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()
    )
    assert count(copy, "chunks") == 15


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Manual", "4 Use > 4.2 Start", "Manual > 4 Use > 4.2 Start\nText."),
        ("Manual", "", "Manual\nText."),
        ("", "", "Text."),
    ],
)
def test_the_embedder_reads_what_a_chunk_is_about(title, heading, expected):
    assert passage(title, heading, "Text.") == expected
