"""The list of jobs: what it says after any order of events, and after it was opened again."""

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sfta_edge.library.job import ENDED, Place
from sfta_edge.library.jobs import JobList

HERE = Place()
CONTENTS = ["a" * 64, "b" * 64, "c" * 64]


@pytest.fixture
def jobs(tmp_path):
    ticks = itertools.count(100)
    opened = JobList(tmp_path / "jobs.sqlite", now=lambda: float(next(ticks)))
    yield opened
    opened.close()


def add(jobs, sha256=CONTENTS[0], name="a.md", place=HERE):
    return jobs.add(name, sha256, 10, place, "ada", f"id {sha256[0]} {name} {place}")


def test_a_new_job_waits_with_all_that_was_said(jobs):
    job, new = add(jobs, place=Place("pumps", "a,b"))
    assert new
    assert (job.state, job.name, job.bytes, job.owner) == ("waiting", "a.md", 10, "ada")
    assert job.place == Place("pumps", "a,b")
    assert (job.created, job.finished, job.error) == (100.0, None, None)
    assert jobs.get(job.id) == job
    assert jobs.get("other") is None


def test_jobs_are_done_in_their_order_and_an_interrupted_one_first(jobs):
    first, second = add(jobs)[0], add(jobs, CONTENTS[1], "b.md")[0]
    assert jobs.next_waiting().id == first.id
    jobs.begin(second)
    assert jobs.next_waiting().id == second.id
    jobs.end(second.id, "failed", "why")
    jobs.end(first.id, "cancelled")
    assert jobs.next_waiting() is None
    assert [job.id for job in jobs.all()] == [second.id, first.id]


def test_a_job_that_has_ended_does_not_change(jobs):
    job = add(jobs)[0]
    assert jobs.end(job.id, "failed", "why")
    assert not jobs.end(job.id, "cancelled")
    assert not jobs.change(job.id, state="running")
    assert not jobs.finish(job, [])
    assert (jobs.get(job.id).state, jobs.get(job.id).error) == ("failed", "why")


def test_a_finished_job_forgets_what_it_replaces(jobs):
    old, new = add(jobs)[0], add(jobs, CONTENTS[1])[0]
    jobs.finish(old, [], title="Old", pages=1, chunks=2, media_type="text/plain")
    assert jobs.replaced_by(new) == jobs.documents()
    assert jobs.finish(new, jobs.replaced_by(new), title="New")
    assert [job.title for job in jobs.documents()] == ["New"]
    assert jobs.of_document(new.document_id).title == "New"
    assert jobs.of_document(old.document_id) is None
    assert not jobs.uses(old.sha256)


@pytest.mark.parametrize("place", [Place("x"), Place("", "a")])
def test_another_place_is_not_replaced(jobs, place):
    old, new = add(jobs)[0], add(jobs, CONTENTS[1], place=place)[0]
    jobs.finish(old, [])
    assert jobs.replaced_by(new) == []


def test_vectors_are_kept_while_a_job_runs_and_go_with_it(jobs):
    job = add(jobs)[0]
    rows = np.eye(3, dtype=np.float32)
    assert jobs.keep_vectors(job, ["x", "y", "z"], rows, 3)
    found = jobs.vectors(job)
    assert {key: list(row) for key, row in found.items()} == {
        key: list(row) for key, row in zip("xyz", rows, strict=True)
    }
    assert jobs.get(job.id).done == 3
    jobs.end(job.id, "cancelled")
    assert jobs.vectors(job) == {}
    assert not jobs.keep_vectors(job, ["x"], rows[:1], 1)


def test_tries_count_until_something_is_kept(jobs):
    job = add(jobs)[0]
    assert [jobs.begin(job) for _ in range(3)] == [1, 2, 3]
    jobs.keep_vectors(job, ["x"], np.zeros((1, 2), np.float32), 1)
    assert jobs.begin(job) == 1
    jobs.change(job.id, tries=0)
    assert jobs.begin(job) == 1


def test_a_document_may_be_done_again_or_be_lost(jobs):
    job = add(jobs)[0]
    jobs.finish(job, [], title="Oil")
    jobs.again(job)
    assert jobs.next_waiting().id == job.id
    jobs.finish(jobs.get(job.id), [])
    jobs.lose(job, "gone")
    assert (jobs.get(job.id).state, jobs.get(job.id).error) == ("failed", "gone")


class Events(RuleBasedStateMachine):
    """Any order of events, beside a model of dictionaries."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "jobs.sqlite"
        self.jobs = JobList(self.path)
        self.model = {}

    @rule(data=st.data())
    def hand_in(self, data):
        content, name, group = (
            data.draw(st.sampled_from(some)) for some in (CONTENTS, "pq", "ab")
        )
        place = Place("", group)
        job, new = add(self.jobs, content, name, place)
        same = [
            identity
            for identity, (sha256, _, where, state) in self.model.items()
            if (sha256, where) == (content, place) and state not in ("failed", "cancelled")
        ]
        assert new is not bool(same)
        assert new or job.id == same[-1]
        if new:
            self.model[job.id] = (content, name, place, "waiting")

    @precondition(lambda self: self.model)
    @rule(data=st.data(), state=st.sampled_from(["failed", "cancelled"]))
    def end(self, data, state):
        identity = data.draw(st.sampled_from(list(self.model)))  # their order repeats
        content, name, place, before = self.model[identity]
        assert self.jobs.end(identity, state) is (before not in ENDED)
        if before not in ENDED:
            self.model[identity] = (content, name, place, state)

    @rule()
    def work(self):
        job = self.jobs.next_waiting()
        if job is None:
            assert all(state in ENDED for *_, state in self.model.values())
            return
        self.jobs.begin(job)
        for old in self.jobs.replaced_by(job):
            del self.model[old.id]
        self.jobs.finish(job, self.jobs.replaced_by(job))
        self.model[job.id] = (job.sha256, job.name, job.place, "done")

    @rule()
    def open_again(self):
        self.jobs.close()
        self.jobs = JobList(self.path)

    @invariant()
    def list_and_model_agree(self):
        found = {
            job.id: (job.sha256, job.name, job.place, job.state) for job in self.jobs.all()
        }
        assert found == self.model
        spots = [(job.name, job.place) for job in self.jobs.documents()]
        assert len(spots) == len(set(spots))
        gone = ("failed", "cancelled")
        needed = {sha256 for sha256, *_, state in self.model.values() if state not in gone}
        assert {content for content in CONTENTS if self.jobs.uses(content)} == needed

    def teardown(self):
        self.jobs.close()
        self.folder.cleanup()


TestAnyOrderOfEvents = Events.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
