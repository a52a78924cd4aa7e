"""Who loses access to a document on a whole device has lost it: in answers, pages, history."""

import json

import pytest

from whole_device import WORD, Person, app_of, opened_device

SAFE = "The safe of the night shift opens with 4711."
ASKED = "What does the safe of the night shift open with?"


@pytest.fixture(name="people", scope="module")
def _people(small_bundle, tmp_path_factory):
    """An admin, and a reader of the group night, of one device."""
    with opened_device(small_bundle, tmp_path_factory.mktemp("access") / "data") as device:
        app = app_of(device)
        anna = Person(device, app)
        user = {"name": "ben", "password": WORD, "role": "reader", "groups": ["night"]}
        assert anna.call("POST", "/v1/users", json=user).status_code == 201
        yield anna, Person(device, app, "ben"), device


@pytest.fixture(name="document")
def _document(people):
    anna = people[0]
    job = anna.job(anna.upload("safe.txt", f"{SAFE}\n".encode(), access="night"))
    yield job["document_id"]
    anna.call("DELETE", f"/v1/documents/{job['document_id']}")


def moved(anna, document, **place):
    done = anna.call("PATCH", f"/v1/documents/{document}", json=place)
    assert done.status_code == 200, done.json
    return done.json


def given(device, person):
    """Ids of the documents whose chunks the newest answer was made from."""
    records = person.call("GET", "/v1/audit").json["records"]
    chunks = next(r for r in records if r["kind"] == "answer")["chunks"]
    return {device.retriever.chunk(chunk).document_id for chunk in chunks}


def kept(device, who, document, quote):
    """An answer in somebody's history that stands on a document."""
    citation = {"chunk_id": "c", "document_id": document, "quote": quote, "verified": True}
    sentences = [{"start": 0, "end": len(quote), "supported": True}]
    said = {"answer": quote, "refused": False, "citations": [citation], "sentences": sentences}
    return device.history.add(who, ASKED, said)


def test_the_next_question_of_who_lost_access_is_given_no_chunk(people, document):
    anna, ben, device = people
    ben.ask(ASKED)
    assert document in given(device, anna)
    moved(anna, document, access=["day"])
    answer = ben.ask(ASKED)
    assert document not in given(device, anna)
    assert "4711" not in json.dumps(answer.json)
    for path in ("", "/file", "/pages/1", "/pages/1/image"):
        assert ben.call("GET", f"/v1/documents/{document}{path}").status_code == 404
    assert document not in {d["id"] for d in ben.listed("/v1/documents", "documents")}
    moved(anna, document, access=["night"])
    ben.ask(ASKED)
    assert document in given(device, anna)


def test_who_changed_what_stands_in_the_log_and_a_refusal_does_not(people, document):
    anna, ben, _ = people
    moved(anna, document, access=["day"], collection="safes")
    path = f"/v1/documents/{document}"
    assert ben.call("PATCH", path, json={"access": []}).status_code == 403
    newest = anna.listed("/v1/audit", "records")[0]
    told = {name: newest[name] for name in ("kind", "user", "document", "collection", "access")}
    assert told == {
        "kind": "document_moved", "user": "anna", "document": document,
        "collection": "safes", "access": ["day"],
    }  # fmt: skip


@pytest.mark.parametrize("lost", ["moved", "deleted"])
def test_an_old_answer_shows_nothing_of_what_may_not_be_read_any_more(people, document, lost):
    anna, ben, device = people
    ben_now = device.accounts.users.look_up("ben")[0].caller()
    kept(device, ben_now, document, SAFE)
    assert ben.listed("/v1/history", "entries")[0]["answer"]["answer"] == SAFE
    if lost == "moved":
        moved(anna, document, access=["day"])
    else:
        anna.call("DELETE", f"/v1/documents/{document}")
    entry = ben.listed("/v1/history", "entries")[0]
    assert "4711" not in json.dumps(entry)
    assert (entry["question"], entry["answer"]["hidden"]) == (ASKED, 1)
    assert entry["answer"]["citations"] == entry["answer"]["sentences"] == []
    if lost == "moved":
        moved(anna, document, access=["night"])
        assert ben.listed("/v1/history", "entries")[0]["answer"]["answer"] == SAFE
