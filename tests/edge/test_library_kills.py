"""``kill -9`` at random moments of taking in, reading and indexing; `SFTA_KILLS` sets how many."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import apsw

from handed_in_files import PROSE, PassageWords, docx, pdf
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.library.library import Library
from sfta_edge.retriever import Retriever

PROGRAM = Path(__file__).parents[1] / "killed_library.py"
KILLS = int(os.environ.get("SFTA_KILLS", "50"))


def manual(name, parts):
    return "\n\n".join(f"# {name} {n}\n\n{PROSE} Number {n}." for n in range(parts)).encode()


FILES = {
    "a.md": manual("Pump", 60),
    "b.md": manual("Valve", 30),
    "c.txt": manual("Oil", 10),
    "d.pdf": pdf(PROSE, PROSE.title()),
    "e.docx": docx(),
    "f.md": manual("Filter", 5),
    "second-b.md": manual("Newer valve", 30),
}
LAST = {name.removeprefix("second-"): raw for name, raw in sorted(FILES.items())}


def run(data, sources, acknowledged, kills, seed=1):
    command = [sys.executable, str(PROGRAM), data, sources, acknowledged, str(kills), str(seed)]
    return subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True, timeout=550
    )


def rows(path, sql):
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def index_of(data):
    """Every chunk that is in the index, by what it says and of which document it is."""
    return sorted(
        rows(
            data / "knowledge.sqlite",
            "SELECT documents.name, documents.sha256, chunks.id, chunks.text FROM chunks"
            " JOIN documents ON documents.number = chunks.document",
        )
    )


def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    for name, raw in FILES.items():
        (sources / name).write_bytes(raw)
    data, acknowledged = tmp_path / "data", tmp_path / "acknowledged"
    run(data, sources, acknowledged, KILLS)

    told = dict(line.split() for line in acknowledged.read_text().splitlines())
    assert told == {name: sha256(raw).hexdigest() for name, raw in LAST.items()}
    writer = KnowledgeWriter.open(data / "knowledge.sqlite")
    writer.verify()
    writer.close()
    assert rows(data / "jobs.sqlite", "PRAGMA integrity_check") == [("ok",)]
    with Retriever(data / "knowledge.sqlite", PassageWords()) as retriever:
        assert {facts.name: facts.sha256 for facts in retriever.documents()} == told
        assert len(retriever.documents()) == len(told)

    straight = tmp_path / "straight"
    run(straight, sources, tmp_path / "other", 0)
    assert index_of(data) == index_of(straight)
    assert sorted(p.name for p in (data / "files").iterdir()) == sorted(set(told.values()))
    assert list((data / "parsed").iterdir()) == []
    assert rows(data / "jobs.sqlite", "SELECT count(*) FROM vectors") == [(0,)]


def test_a_library_that_was_killed_opens_again(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "a.md").write_bytes(FILES["a.md"])
    run(tmp_path / "data", sources, tmp_path / "told", 3, seed=7)
    with Library(tmp_path / "data", PassageWords()) as library:
        assert [job.state for job in library.jobs()] == ["done"]
