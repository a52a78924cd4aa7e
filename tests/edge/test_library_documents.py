"""The library: what is handed in becomes a document, once, or says why not."""

import threading

import pytest

from handed_in_files import PROSE, PassageWords, docx, pdf
from opened_libraries import NOISE, OIL, finish, found, hand_in
from sfta_edge.caller import View
from sfta_edge.library.refusals import (
    NotFoundError,
    SettledError,
)
from sfta_edge.retriever import Retriever


def test_a_file_becomes_a_document_that_is_found(tmp_path, library):
    job = hand_in(library, owner="ada", collection="pumps", access="b, a").job
    assert job.state == "waiting"
    finish(library)
    job = library.job(job.id)
    assert (job.state, job.pages, job.chunks, job.title) == ("done", 1, 1, "Oil")
    with Retriever(tmp_path / "data/knowledge.sqlite", PassageWords()) as retriever:
        (facts,) = retriever.documents()
        assert (facts.id, facts.name, facts.collection) == (job.document_id, "oil.md", "pumps")
        assert facts.access == "a,b"
        assert retriever.search("When is the oil changed?", 1)[0].chunk.document_id == facts.id
        assert not retriever.documents(View(frozenset({"c"})))
    assert library.file(job.document_id).read_bytes() == OIL


@pytest.mark.parametrize(
    ("raw", "name"), [(pdf(PROSE, PROSE), "a.pdf"), (docx(), "a.docx"), (b"text", "a.txt")]
)
def test_each_kind_of_file_is_read(library, raw, name):
    job = hand_in(library, raw, name).job
    finish(library)
    assert library.job(job.id).state == "done"


def test_boxes_of_a_pdf_reach_the_index(tmp_path, library):
    hand_in(library, pdf(PROSE), "a.pdf")
    finish(library)
    with Retriever(tmp_path / "data/knowledge.sqlite", PassageWords()) as retriever:
        (facts,) = retriever.documents()
        page = retriever.page(facts.id, 1)
    assert (page.width, page.height) == (595, 842)
    assert len(page.lines) > 3


def test_the_same_file_again_is_the_same_job(library):
    first = hand_in(library)
    assert first.new
    assert hand_in(library).job.id == first.job.id
    finish(library)
    again = hand_in(library, name="other name.md")
    assert (again.job.id, again.new) == (first.job.id, False)
    assert len(library.documents()) == 1


def test_the_same_file_for_others_is_another_document(tmp_path, library):
    ids = {hand_in(library, access=access).job.document_id for access in ("", "a", "b")}
    finish(library)
    assert len(ids) == 3
    assert len(found(tmp_path / "data", View(frozenset({"a"})))) == 2


def test_a_file_of_the_same_name_replaces_the_one_before(tmp_path, library):
    old = hand_in(library).job
    finish(library)
    new = hand_in(library, NOISE).job
    assert library.wait(60)
    assert [facts.id for facts in found(tmp_path / "data")] == [new.document_id]
    assert [job.id for job in library.documents()] == [new.id]
    assert not library.originals.path(old.sha256).exists()


def test_a_name_of_another_group_replaces_nothing(tmp_path, library):
    hand_in(library, access="a")
    hand_in(library, NOISE, access="b")
    finish(library)
    assert len(found(tmp_path / "data")) == 2


def test_the_document_before_stays_while_the_new_one_cannot_be_read(tmp_path, library):
    hand_in(library)
    finish(library)
    bad = hand_in(library, b"<p hidden>x</p>", "oil.md").job
    hand_in(library, b"<p hidden>x</p>", "oil.html")
    assert library.wait(60)
    assert library.job(bad.id).state == "failed"
    assert len(found(tmp_path / "data")) == 1


def test_a_file_that_is_no_document_fails_with_a_reason_and_goes(library):
    bad = hand_in(library, b"%PDF-1.7 nothing", "bad.pdf").job
    good = hand_in(library).job
    finish(library)
    assert library.job(bad.id).state == "failed"
    assert "no readable PDF" in library.job(bad.id).error
    assert library.job(good.id).state == "done"
    assert not library.originals.path(bad.sha256).exists()


def test_a_file_that_failed_may_be_tried_again(library):
    bad = hand_in(library, b"%PDF-1.7 nothing", "bad.pdf").job
    finish(library)
    again = hand_in(library, b"%PDF-1.7 nothing", "bad.pdf")
    assert again.new
    assert again.job.id != bad.id


def test_removing_a_document_removes_all_of_it(tmp_path, library):
    job = hand_in(library).job
    finish(library)
    library.remove(job.document_id)
    assert found(tmp_path / "data") == []
    assert library.documents() == library.jobs() == []
    assert list((tmp_path / "data/files").iterdir()) == []
    with pytest.raises(NotFoundError):
        library.remove(job.document_id)
    assert hand_in(library).new


def test_a_file_that_two_documents_need_stays_until_both_are_gone(library):
    first, second = hand_in(library, access="a").job, hand_in(library, access="b").job
    finish(library)
    library.remove(first.document_id)
    assert library.file(second.document_id).read_bytes() == OIL
    library.remove(second.document_id)
    assert not library.originals.path(second.sha256).exists()


def test_a_job_that_waits_is_cancelled(library):
    job = hand_in(library).job
    library.cancel(job.id)
    finish(library)
    assert library.job(job.id).state == "cancelled"
    assert not library.originals.path(job.sha256).exists()
    with pytest.raises(SettledError, match="the job is cancelled"):
        library.cancel(job.id)


class Gate(PassageWords):
    """An embedder that waits to be let through."""

    def __init__(self):
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def embed(self, texts):
        self.begun.set()
        assert self.go.wait(60)
        return super().embed(texts)


def test_a_job_that_runs_is_cancelled_and_leaves_nothing(tmp_path, opened_library):
    gate = Gate()
    library = opened_library(tmp_path / "data", gate)
    library.start()
    job = hand_in(library).job
    assert gate.begun.wait(60)
    library.cancel(job.id)
    gate.go.set()
    assert library.wait(60)
    assert library.job(job.id).state == "cancelled"
    assert library.ready is None
    assert list((tmp_path / "data/parsed").iterdir()) == []


def test_a_done_job_cannot_be_cancelled(library):
    job = hand_in(library).job
    finish(library)
    with pytest.raises(SettledError, match="the job is done"):
        library.cancel(job.id)
    with pytest.raises(NotFoundError):
        library.cancel("none")


def test_whoever_listens_hears_of_each_change(tmp_path, opened_library):
    heard = []
    library = opened_library(tmp_path / "data", on_change=lambda: heard.append(library.ready))
    assert library.ready is None
    job = hand_in(library).job
    finish(library)
    assert heard == [tmp_path / "data/knowledge.sqlite"]
    library.remove(job.document_id)
    assert len(heard) == 2
