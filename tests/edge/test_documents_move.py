"""A document gets another collection and other groups: at once, for good, and for every path."""

import apsw
import pytest

from documents_device import OIL, names
from opened_libraries import NOISE, finish, found, hand_in
from sfta_edge.caller import View
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.library.job import Place
from sfta_edge.library.refusals import (
    BadNameError,
    DiskLowError,
    NotFoundError,
    TakenPlaceError,
)


@pytest.fixture(name="device")
def _device(documents_device):
    return documents_device


def patch(device, identity, body, who="admin"):
    return device.client.patch(
        f"/v1/documents/{identity}", json=body, headers={"Who": who}, buffered=True
    )


def sees(device, identity, who):
    """Every path by which somebody may come to a document, or to none."""
    paths = ("", "/file", "/pages/1")
    found = {device.get(f"/v1/documents/{identity}{path}", who).status_code for path in paths}
    view = View(frozenset({"a"})) if who in ("ada", "rita") else View(frozenset())
    hits = device.retriever.search("oil changed every hours", 5, view)
    listed = identity in {d["id"] for d in device.get("/v1/documents", who).json["documents"]}
    searched = any(hit.chunk.document_id == identity for hit in hits)
    answers = {found == {200}, listed, searched}
    assert len(answers) == 1, (found, listed, searched)
    return answers.pop()


def test_who_lost_access_finds_nothing_from_the_next_question_on(device):
    identity = device.add(collection="pumps")
    assert sees(device, identity, "rita")
    assert sees(device, identity, "guest")
    answer = patch(device, identity, {"access": ["b"]})
    assert (answer.status_code, answer.json["access"]) == (200, ["b"])
    assert answer.json["collection"] == "pumps"
    assert not sees(device, identity, "rita")
    assert not sees(device, identity, "guest")
    assert device.get("/v1/collections", "rita").json == {"collections": []}
    assert patch(device, identity, {"access": ["a", "b"]}).json["access"] == ["a", "b"]
    assert sees(device, identity, "rita")
    assert patch(device, identity, {"access": []}).json["access"] == []
    assert sees(device, identity, "guest")


def test_a_collection_is_changed_and_the_document_stays_the_same_one(device):
    identity = device.add(access="a", collection="old")
    answer = patch(device, identity, {"collection": " new "})
    assert answer.json == {**device.get(f"/v1/documents/{identity}").json, "collection": "new"}
    assert (answer.json["id"], answer.json["access"]) == (identity, ["a"])
    assert device.get("/v1/collections").json == {
        "collections": [{"name": "new", "documents": 1}]
    }


@pytest.mark.parametrize(
    "body",
    [
        {}, {"access": None}, {"access": "a"}, {"access": [1]}, {"access": [""]},
        {"access": [","]}, {"access": ["a,b"]}, {"access": ["\u202e"]}, {"collection": 7},
        {"collection": "x" * 300},
    ],
)  # fmt: skip
def test_what_is_no_place_is_400_and_changes_nothing(device, body):
    identity = device.add(access="a")
    assert patch(device, identity, body).status_code == 400
    assert device.get(f"/v1/documents/{identity}").json["access"] == ["a"]


def test_who_may_change_what(device):
    identity = device.add(access="a")
    assert patch(device, identity, {"access": []}, "nobody").status_code == 401
    assert patch(device, identity, {"access": []}, "rita").status_code == 403
    assert patch(device, identity, {"access": []}, "bob").status_code == 404
    assert patch(device, identity, {"access": ["a", "b"]}, "ada").status_code == 403
    assert patch(device, "0" * 16, {"access": []}).status_code == 404
    assert patch(device, "bundled", {"access": ["a"]}).status_code == 409
    assert patch(device, identity, {"access": ["a", "b"]}).status_code == 200
    # An editor need not take a group away that somebody else gave the document to.
    assert patch(device, identity, {"access": ["b", "a"], "collection": "x"}, "ada").json[
        "access"
    ] == ["a", "b"]
    assert patch(device, identity, {"access": ["b"]}, "ada").status_code == 200
    assert patch(device, identity, {"access": ["a"]}, "ada").status_code == 404


def test_nothing_is_moved_onto_another_document(device):
    first = device.add(access="a")
    second = device.add(NOISE, access="b")
    answer = patch(device, second, {"access": ["a"]})
    assert answer.status_code == 409
    assert "already" in answer.json["detail"]
    assert names(device.get("/v1/documents", "rita")).count("oil.md") == 1
    assert device.get(f"/v1/documents/{first}").status_code == 200


def test_the_place_that_was_left_takes_the_same_file_as_a_document_of_its_own(device):
    first = device.add(access="a")
    patch(device, first, {"access": ["b"]})
    second = device.add(access="a")
    assert first != second
    assert {d["id"]: d["access"] for d in device.get("/v1/documents").json["documents"]} == {
        "bundled": [], first: ["b"], second: ["a"],
    }  # fmt: skip
    assert device.delete(f"/v1/documents/{second}").status_code == 204
    assert device.get(f"/v1/documents/{first}/file").data == OIL
    assert device.post(access="b").status_code == 200


def test_a_newer_file_takes_the_place_of_a_document_that_was_moved_there(device):
    moved = device.add(access="a")
    patch(device, moved, {"access": ["b"]})
    newer = device.add(NOISE, access="b")
    assert device.get(f"/v1/documents/{moved}").status_code == 404
    assert device.get(f"/v1/documents/{newer}").json["title"] == "Noise"


@pytest.fixture(name="kept")
def _kept(tmp_path, opened_library):
    """A library with a document, and its id."""
    library = opened_library(tmp_path / "data")
    job = hand_in(library, access="a").job
    finish(library)
    return library, job.document_id


def places(data):
    return {facts.id: (facts.collection, facts.access) for facts in found(data)}


def test_a_move_is_there_after_a_restart_and_survives_a_lost_index(
    tmp_path, opened_library, kept
):
    library, identity = kept
    assert library.move(identity, access=" b , a", collection="x").place == Place("x", "a,b")
    library.close()
    (tmp_path / "data/knowledge.sqlite").unlink()
    finish(opened_library(tmp_path / "data"))
    assert places(tmp_path / "data") == {identity: ("x", "a,b")}


def test_a_move_that_was_interrupted_is_finished_at_the_next_start(
    tmp_path, opened_library, kept
):
    library, identity = kept
    library._jobs.move(library.document(identity), Place("x", "b"))
    library.close()
    assert places(tmp_path / "data") == {identity: ("", "a")}
    finish(opened_library(tmp_path / "data"))
    assert places(tmp_path / "data") == {identity: ("x", "b")}


@pytest.mark.parametrize("worse", [False, True])
def test_a_full_disk_leaves_a_document_where_it_was(tmp_path, kept, monkeypatch, worse, caplog):
    library, identity = kept
    straight = library._jobs.move

    def full(*_):
        if worse:
            monkeypatch.setattr(library._jobs, "move", full)
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(KnowledgeWriter, "set_place", full)
    with pytest.raises(DiskLowError, match="full"):
        library.move(identity, access="b")
    monkeypatch.setattr(library._jobs, "move", straight)
    assert places(tmp_path / "data") == {identity: ("", "a")}
    assert library.document(identity).place.access == ("b" if worse else "a")
    assert ("is not taken back" in caplog.text) is worse


def test_what_is_refused_changes_nothing(tmp_path, kept):
    library, identity = kept
    other = hand_in(library, NOISE, "noise.md").job.document_id
    assert library.wait(60)
    library.move(other, access="b")
    for refused, wish in ((BadNameError, "\u202e"), (NotFoundError, None)):
        with pytest.raises(refused):
            library.move(identity if wish else "none", access=wish)
    same = hand_in(library, access="b").job
    assert library.wait(60)
    with pytest.raises(TakenPlaceError):
        library.move(identity, access="b")
    library.read_only = True
    with pytest.raises(DiskLowError):
        library.move(identity, access="c")
    assert places(tmp_path / "data") == {
        identity: ("", "a"), other: ("", "b"), same.document_id: ("", "b"),
    }  # fmt: skip
