"""History over HTTP: one's own, and nothing of a document one may no longer read."""

import pytest

from called_api import CALLERS, called_app, caller
from sfta_edge.api.history import add_history
from sfta_edge.history import History


@pytest.fixture(name="history")
def _history(tmp_path):
    with History(tmp_path / "history.sqlite") as history:
        for number in range(3):
            history.add(CALLERS["reader"], f"q{number}", {"answer": "a", "citations": []})
        yield history


@pytest.fixture(name="client")
def _client(history):
    return called_app(lambda app: add_history(app, history, lambda who, _: who.name == "root"))


def questions(client, who, query=""):
    entries = client.get(f"/v1/history{query}", headers=caller(who)).json["entries"]
    return [entry["question"] for entry in entries]


def test_one_sees_ones_own_newest_first(client):
    assert questions(client, "reader") == ["q2", "q1", "q0"]
    assert questions(client, "reader", "?limit=1&before=3") == ["q1"]
    assert questions(client, "editor") == questions(client, "admin") == []


def test_one_deletes_ones_own(client):
    entry = client.get("/v1/history?limit=1", headers=caller("reader")).json["entries"][0]
    path = f"/v1/history/{entry['id']}"
    assert client.delete(path, headers=caller("admin")).status_code == 404
    assert client.delete(path, headers=caller("reader")).status_code == 204
    assert questions(client, "reader") == ["q1", "q0"]
    assert client.delete("/v1/history", headers=caller("editor")).status_code == 204
    assert questions(client, "reader") == ["q1", "q0"]
    assert client.delete("/v1/history", headers=caller("reader")).status_code == 204
    assert questions(client, "reader") == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_stranger_is_asked_to_log_in(client, method):
    response = client.open("/v1/history", method=method, headers=caller("nobody"))
    assert response.status_code == 401


def test_citations_of_documents_one_may_not_read_are_hidden(client, history):
    cited = {"chunk_id": "c", "document_id": "salaries", "quote": "9000"}
    for who in ("reader", "admin"):
        history.add(CALLERS[who], "pay?", {"answer": "a", "citations": [cited, cited]})
    seen = {
        who: client.get("/v1/history?limit=1", headers=caller(who)).json["entries"][0]
        for who in ("reader", "admin")
    }
    assert seen["reader"]["answer"]["citations"] == []
    assert seen["admin"]["answer"]["citations"] == [cited, cited]
