"""What a library finds after an interruption, and how it puts it right."""

import threading

import pytest

from handed_in_files import PROSE, PassageWords, pdf
from opened_libraries import NOISE, finish, found, hand_in
from sfta_edge.database import open_database
from sfta_edge.errors import IntegrityError
from sfta_edge.library import desk as desk_module
from sfta_edge.library.library import Library
from sfta_edge.library.limits import ParseLimits, StoreLimits
from sfta_edge.retriever import Retriever


def test_what_was_acknowledged_is_read_by_the_next_program(tmp_path, opened_library):
    first = opened_library(tmp_path / "data")
    job = hand_in(first).job
    first.close()
    second = opened_library(tmp_path / "data")
    finish(second)
    assert second.job(job.id).state == "done"


def test_a_batch_that_was_embedded_is_not_embedded_again(tmp_path, opened_library):
    raw = "\n\n".join(f"# Part {n}\n\n{PROSE} Number {n}." for n in range(40)).encode()

    class Dying(PassageWords):
        def embed(self, texts):
            if len(self.calls) == 2:
                raise MemoryError
            return super().embed(texts)

    embedder = Dying()
    first = opened_library(tmp_path / "data", embedder)
    job = hand_in(first, raw).job
    first._jobs.begin(job)
    original = first.originals.path(job.sha256)
    with pytest.raises(MemoryError):
        first._desk._indexer.prepare(job, original, threading.Event())
    done = first.job(job.id).done
    assert done == 32
    first.close()
    again = PassageWords()
    second = opened_library(tmp_path / "data", again)
    finish(second)
    ended = second.job(job.id)
    assert ended.state == "done"
    assert sum(map(len, again.calls)) == ended.chunks - done


def test_files_nobody_was_told_of_are_removed_at_the_start(tmp_path, opened_library):
    files = tmp_path / "data/files"
    files.mkdir(parents=True)
    (files / ("ab" * 32)).write_bytes(b"orphan")
    (files / ".incoming.1.0").write_bytes(b"half")
    (tmp_path / "data/parsed").mkdir()
    (tmp_path / "data/parsed/0123.json").write_bytes(b"{}")
    finish(opened_library(tmp_path / "data"))
    assert list(files.iterdir()) == list((tmp_path / "data/parsed").iterdir()) == []


def test_a_removal_that_was_interrupted_is_finished(tmp_path, opened_library):
    first = opened_library(tmp_path / "data")
    job = hand_in(first).job
    finish(first)
    first._jobs.forget(job.id)
    first.close()
    finish(opened_library(tmp_path / "data"))
    assert found(tmp_path / "data") == []
    assert list((tmp_path / "data/files").iterdir()) == []


def test_a_document_that_was_written_and_not_noted_is_there_once(tmp_path, opened_library):
    first = opened_library(tmp_path / "data")
    old = hand_in(first).job
    finish(first)
    first.close()
    second = opened_library(tmp_path / "data")
    job = hand_in(second, NOISE).job
    second._jobs.begin(job)
    original = second.originals.path(job.sha256)
    made = second._desk._indexer.prepare(job, original, threading.Event())
    path, identity = tmp_path / "data/knowledge.sqlite", PassageWords.identity
    desk_module.write_document(path, identity, made, [old.document_id])
    second.close()
    third = opened_library(tmp_path / "data")
    finish(third)
    assert [facts.title for facts in found(tmp_path / "data")] == ["Noise"]
    assert [job.name for job in third.documents()] == ["oil.md"]


@pytest.mark.parametrize("damage", ["missing", "rubbish"])
def test_a_knowledge_file_that_is_lost_is_built_again(tmp_path, opened_library, damage):
    first = opened_library(tmp_path / "data")
    hand_in(first)
    finish(first)
    first.close()
    path = tmp_path / "data/knowledge.sqlite"
    path.unlink()
    if damage == "rubbish":
        path.write_bytes(b"no database" * 500)
    finish(opened_library(tmp_path / "data"))
    assert len(found(tmp_path / "data")) == 1


def test_a_document_whose_file_is_lost_too_is_said_to_be_lost(tmp_path, opened_library):
    first = opened_library(tmp_path / "data")
    job = hand_in(first).job
    finish(first)
    first.close()
    (tmp_path / "data/knowledge.sqlite").unlink()
    (tmp_path / "data/files" / job.sha256).unlink()
    second = opened_library(tmp_path / "data")
    finish(second)
    assert (second.job(job.id).state, second.documents()) == ("failed", [])


def test_another_embedder_embeds_what_is_there_anew(tmp_path, opened_library):
    first = opened_library(tmp_path / "data")
    hand_in(first)
    finish(first)
    first.close()

    class Other(PassageWords):
        identity = type(PassageWords.identity)(name="other", sha256="ef" * 32)

    second = opened_library(tmp_path / "data", Other())
    finish(second)
    with Retriever(tmp_path / "data/knowledge.sqlite", Other()) as retriever:
        assert retriever.search("oil", 1)


def test_a_file_that_ends_the_program_again_and_again_is_given_up(tmp_path, opened_library):
    limits = StoreLimits(reserve_bytes=0, tries=3)
    job = None
    for _ in range(3):
        library = opened_library(tmp_path / "data", store_limits=limits)
        job = hand_in(library).job
        library._jobs.begin(job)
        library.close()
    library = opened_library(tmp_path / "data", store_limits=limits)
    finish(library)
    assert library.job(job.id).error == "the program ended 3 times while it read this file"


def test_old_failures_are_forgotten(tmp_path, opened_library):
    library = opened_library(
        tmp_path / "data", store_limits=StoreLimits(reserve_bytes=0, kept_jobs=2)
    )
    for number in range(4):
        hand_in(library, b"%%PDF-1.7 %d" % number, f"{number}.pdf")
    finish(library)
    assert [job.name for job in library.jobs()] == ["3.pdf", "2.pdf"]


def test_a_list_of_jobs_of_another_kind_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    open_database(tmp_path / "data/jobs.sqlite", "sfta.other", []).close()
    with pytest.raises(IntegrityError, match=r"sfta\.other"):
        Library(tmp_path / "data", PassageWords())


def test_limits_of_the_device_reach_the_parser(tmp_path, opened_library):
    library = opened_library(tmp_path / "data", parse_limits=ParseLimits(pages=2))
    job = hand_in(library, pdf("a", "b", "c"), "a.pdf").job
    finish(library)
    assert "it has 3 pages, more than this device reads" in library.job(job.id).error
