"""The audit log over HTTP: for admins only, and the chain holds afterwards."""

import json

import pytest

from audit_logs import ANSWER, open_log
from called_api import called_app, caller
from sfta_edge.api.audit import add_audit
from sfta_edge.audit.replay import answered
from sfta_edge.audit.verification import verify_export

STATE = {"bundle": ANSWER["bundle"], "knowledge": {"changes": 4}}


class Again:
    """Answers every question in one way."""

    def __init__(self, **facts):
        self.facts = {
            name: ANSWER[name] for name in ("answer", "refused", "chunks", "citations")
        }
        self.facts |= facts
        self.asked = []

    def state(self):
        return STATE

    def again(self, question, conditions):
        self.asked.append((question, conditions))
        return self.facts


@pytest.fixture(name="audit")
def _audit(tmp_path):
    with open_log(tmp_path) as audit:
        conditions = {"settings": {"top_k": 4}, "view": {"groups": ["sales"]}}
        audit.append("answer", {**ANSWER, **STATE, **conditions})
        yield audit


def client_of(audit, replayer=None):
    return called_app(lambda app: add_audit(app, audit, lambda: replayer))


@pytest.mark.parametrize("who", ["reader", "editor", "nobody"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/audit"),
        ("POST", "/v1/audit/verify"),
        ("GET", "/v1/audit/export"),
        ("POST", "/v1/audit/2/redact"),
        ("POST", "/v1/audit/2/replay"),
    ],
)
def test_only_admins_see_the_log(audit, who, method, path):
    response = client_of(audit).open(path, method=method, headers=caller(who), json={})
    assert response.status_code == (401 if who == "nobody" else 403)
    assert "oil" not in response.text


def test_records_come_in_pages(audit):
    client = client_of(audit)
    found = client.get("/v1/audit?limit=1").json
    assert found["intact"] is None  # nobody has verified it yet
    assert [record["id"] for record in found["records"]] == [2]
    client.post("/v1/audit/verify")
    assert client.get("/v1/audit").json["intact"] is True
    assert [r["id"] for r in client.get("/v1/audit?before=2").json["records"]] == [1]


@pytest.mark.parametrize("query", ["before=x", "limit=-1", "limit=", "before=9999999999999999"])
def test_a_page_that_is_no_number_is_refused(audit, query):
    response = client_of(audit).get(f"/v1/audit?{query}")
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"


def test_a_broken_log_is_told(audit):
    client = client_of(audit)
    assert client.post("/v1/audit/verify").json == {
        "intact": True, "records": 2, "first_bad": None, "why": "",
    }  # fmt: skip
    path = audit.folder / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"2000", b"3000"))
    found = client.post("/v1/audit/verify").json
    assert (found["intact"], found["first_bad"]) == (False, 2)
    assert client.get("/v1/audit").json["intact"] is False


def test_the_export_can_be_verified_and_is_recorded(audit):
    response = client_of(audit).get("/v1/audit/export")
    assert response.mimetype == "application/x-ndjson"
    lines = response.data.splitlines(keepends=True)
    assert verify_export(lines).records == 3
    assert json.loads(lines[-2])["kind"] == "export"


def test_a_redaction_names_who_and_why(audit):
    client = client_of(audit)
    assert client.post("/v1/audit/2/redact", json={"reason": "asked for"}).status_code == 204
    redaction, record, _ = client.get("/v1/audit").json["records"]
    assert (redaction["user"], redaction["reason"], redaction["of"]) == ("root", "asked for", 2)
    assert record["redacted"]
    assert client.post("/v1/audit/verify").json["intact"]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": 7}])
def test_a_redaction_without_a_reason_is_refused(audit, body):
    assert client_of(audit).post("/v1/audit/2/redact", json=body).status_code == 400


def test_an_unknown_record_is_not_found(audit):
    client = client_of(audit, Again())
    assert client.post("/v1/audit/77/redact", json={"reason": "x"}).status_code == 404
    assert client.post("/v1/audit/77/replay").status_code == 404


def test_a_replay_asks_as_it_was_asked(audit):
    again = Again()
    found = client_of(audit, again).post("/v1/audit/2/replay").json
    assert found["same"] is True
    assert found["differences"] == []
    assert found["answer"] == found["recorded"]
    conditions = {"settings": {"top_k": 4}, "view": {"groups": ["sales"]}}
    assert again.asked == [(ANSWER["question"], conditions)]


@pytest.mark.parametrize(
    ("facts", "difference"),
    [
        ({"answer": "Every 3000 hours."}, "answer differs"),
        ({"chunks": ["noise", "oil"]}, "chunks differs"),
        ({"citations": []}, "citations differs"),
        ({"refused": True}, "refused differs"),
    ],
)
def test_a_replay_names_what_differs(audit, facts, difference):
    found = client_of(audit, Again(**facts)).post("/v1/audit/2/replay").json
    assert found["same"] is False
    assert found["differences"] == [difference]


@pytest.mark.parametrize("name", ["bundle", "knowledge"])
def test_a_replay_on_other_knowledge_is_not_compared(audit, name, monkeypatch):
    again = Again()
    monkeypatch.setattr(again, "state", lambda: {**STATE, name: "other"})
    found = client_of(audit, again).post("/v1/audit/2/replay").json
    assert found["same"] is False
    assert found["answer"] is None
    assert found["differences"] == [f"not comparable: the {name} is another than at that time"]
    assert again.asked == []


def test_what_cannot_be_asked_again_says_why(audit):
    client = client_of(audit, Again())
    assert "no answer but begin" in client.post("/v1/audit/1/replay").json["detail"]
    audit.redact(2, "asked for", "root")
    assert "was taken out" in client.post("/v1/audit/2/replay").json["detail"]
    assert client_of(audit).post("/v1/audit/2/replay").status_code == 503


def test_the_facts_of_an_answer_hold_what_a_replay_needs():
    spoken = {
        "question": "q", "answer": "a", "refused": False, "supported": True,
        "citations": [], "dropped_chunks": ["late"], "finish_reason": "stop", "timings_ms": {},
    }  # fmt: skip
    facts = answered(spoken, {"user": "mia", "bundle": "ab"}, ["oil"])
    assert facts == {
        "question": "q", "answer": "a", "refused": False, "supported": True, "citations": [],
        "dropped": ["late"], "chunks": ["oil"], "finish_reason": "stop", "user": "mia",
        "bundle": "ab",
    }  # fmt: skip
