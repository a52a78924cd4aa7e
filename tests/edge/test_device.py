"""A whole device: a bundle, the data beside it, the model in a process of its own, over HTTP."""

import json
import os
import re
import signal
import time

import pytest

from sfta_edge.api.asking import ServeLimits
from sfta_edge.device import Device, DeviceOptions
from sfta_edge.device_app import device_app
from sfta_edge.errors import ConfigError
from sfta_edge.pages import page_files

OIL = "How often is the oil changed?"
PUMP = b"The feed pump of line seven is rinsed with lye every 40 hours, by two people.\n"
WORD = "correct horse battery"


@pytest.fixture(name="device", scope="module")
def _device(small_bundle, tmp_path_factory):
    data = tmp_path_factory.mktemp("device") / "data"
    with Device.open(small_bundle, data, DeviceOptions(threads=1)) as opened:
        yield opened


@pytest.fixture(name="admin", scope="module")
def _admin(device):
    """A client of the first admin."""
    client = device_app(device, ServeLimits()).test_client()
    token = device.accounts.setup.begin()
    done = client.post("/v1/setup", json={"token": token, "name": "anna", "password": WORD})
    assert done.status_code == 201, done.json
    return Person(client, done.json["csrf"])


class Person:
    """A browser of somebody who is logged in."""

    def __init__(self, client, csrf):
        self.client, self.headers = client, {"X-CSRF-Token": csrf}

    def get(self, path):
        return self.client.get(path)

    def post(self, path, **sent):
        return self.client.post(path, headers=self.headers, **sent)

    def delete(self, path):
        return self.client.delete(path, headers=self.headers)

    def upload(self, name, content, **asked):
        query = {"name": name, **asked}
        done = self.post("/v1/documents", data=content, query_string=query)
        assert done.status_code == 202, done.json
        return done.json["job"]["id"]

    def wait(self, job):
        for _ in range(600):
            found = self.get(f"/v1/jobs/{job}").json
            if found["state"] not in ("waiting", "running"):
                return found
            time.sleep(0.1)
        raise AssertionError(found)


@pytest.fixture(name="reader", scope="module")
def _reader(device, admin):
    """A client of somebody of the group night."""
    user = {"name": "ben", "password": WORD, "role": "reader", "groups": ["night"]}
    assert admin.post("/v1/users", json=user).status_code == 201
    client = device_app(device, ServeLimits()).test_client()
    done = client.post("/v1/session", json={"name": "ben", "password": WORD})
    return Person(client, done.json["csrf"])


def test_nobody_is_answered_without_an_account(device):
    client = device_app(device, ServeLimits()).test_client()
    assert client.post("/v1/ask", json={"question": OIL}).status_code == 401
    assert client.get("/v1/documents").status_code == 401
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 200


def test_an_answer_is_kept_for_who_asked_and_recorded_with_what_it_depends_on(admin, device):
    answer = admin.post("/v1/ask", json={"question": OIL}).json
    entry = admin.get("/v1/history").json["entries"][0]
    assert (entry["question"], str(entry["id"])) == (OIL, answer["id"])
    record = next(r for r in admin.get("/v1/audit").json["records"] if r["kind"] == "answer")
    assert (record["question"], record["user"]) == (OIL, "anna")
    assert record["bundle"] == device.info.digest
    assert record["settings"]["top_k"] == 2


def test_a_recorded_answer_can_be_given_again(admin):
    admin.post("/v1/ask", json={"question": OIL})
    record = next(r for r in admin.get("/v1/audit").json["records"] if r["kind"] == "answer")
    replay = admin.post(f"/v1/audit/{record['id']}/replay").json
    assert replay["same"], replay["differences"]


def test_a_document_that_was_added_is_asked_and_shown(admin):
    job = admin.wait(admin.upload("rinsing.txt", PUMP))
    assert job["state"] == "done", job
    listed = {d["id"]: d for d in admin.get("/v1/documents").json["documents"]}
    assert listed[job["document_id"]]["origin"] == "device"
    answer = admin.post("/v1/ask", json={"question": "How is the feed pump rinsed with lye?"})
    record = next(r for r in admin.get("/v1/audit").json["records"] if r["kind"] == "answer")
    assert answer.status_code == 200
    page = admin.get(f"/v1/documents/{job['document_id']}/pages/1").json
    assert "rinsed with lye" in page["text"]
    assert record["chunks"]


def test_a_document_of_another_group_does_not_exist_for_a_reader(admin, reader):
    job = admin.wait(admin.upload("secret.txt", b"The safe opens with 4711.\n", access="day"))
    document = job["document_id"]
    assert document not in {d["id"] for d in reader.get("/v1/documents").json["documents"]}
    assert reader.get(f"/v1/documents/{document}").status_code == 404
    assert reader.get(f"/v1/documents/{document}/pages/1").status_code == 404
    answer = reader.post("/v1/ask", json={"question": "What does the safe open with?"}).json
    assert "4711" not in json.dumps(answer)
    mine = admin.post("/v1/ask", json={"question": "What does the safe open with?"})
    record = next(r for r in admin.get("/v1/audit").json["records"] if r["kind"] == "answer")
    assert mine.status_code == 200
    assert record["view"]["groups"] is None


def test_who_added_and_removed_a_document_stands_in_the_log(admin):
    job = admin.wait(admin.upload("brief.txt", b"A note that stays for a minute.\n"))
    assert admin.delete(f"/v1/documents/{job['document_id']}").status_code == 204
    newest = admin.get("/v1/audit").json["records"][:2]
    assert [(r["kind"], r["user"], r["document"]) for r in newest] == [
        ("document_removed", "anna", job["document_id"]),
        ("document_added", "anna", "brief.txt"),
    ]


def test_a_reader_runs_nothing(reader):
    for path in ("/v1/status", "/v1/users", "/v1/audit"):
        assert reader.get(path).status_code == 403
    assert reader.post("/v1/documents?name=x.txt", data=b"x").status_code == 403


def test_status_and_metrics_say_how_it_is(admin, device):
    admin.post("/v1/ask", json={"question": OIL})
    status = admin.get("/v1/status").json
    assert status["engine"]["status"] == "up"
    assert status["bundle"] == device.info.to_json()
    assert status["knowledge"]["documents"] >= 1
    assert set(status["offline"]) == {"sealed", "networks", "gateways", "known"}
    text = admin.get("/metrics").text
    assert "sfta_worker_up 1.0" in text
    assert 'sfta_questions_total{outcome="' in text


def test_streamed_answers_end_with_the_answer_and_its_id(admin):
    done = admin.post("/v1/ask", json={"question": OIL, "stream": True})
    events = [block for block in done.text.split("\n\n") if block]
    assert events[-1].startswith("event: answer")
    assert json.loads(events[-1].partition("data: ")[2])["id"]


def test_vectors_come_in_openais_form(admin):
    done = admin.post("/v1/embeddings", json={"input": ["oil", "pump"]}).json
    assert [len(each["embedding"]) for each in done["data"]] == [384, 384]


def test_the_page_has_words_for_every_fact_of_the_device(admin):
    status = admin.get("/v1/status").json
    source = page_files()["facts.js"].decode()
    named = set(re.findall(r'^  (\w+): "fact\.', source, re.MULTILINE))
    for panel in ("bundle", "engine", "knowledge", "disk", "memory"):
        assert set(status[panel]) <= named, panel
    assert f'{status["engine"]["status"]}: "fact.' in source


def test_without_the_models_process_answers_are_quoted_and_it_comes_back(admin, device):
    pid = device.supervisor.state.pid
    os.kill(pid, signal.SIGKILL)
    answer = admin.post("/v1/ask", json={"question": OIL})
    assert answer.status_code == 200
    for _ in range(300):
        if device.supervisor.state.status == "up" and device.supervisor.state.pid != pid:
            break
        time.sleep(0.1)
    assert admin.post("/v1/ask", json={"question": OIL}).json["mode"] == "model"
    assert admin.get("/readyz").status_code == 200
    kinds = [record["kind"] for record in admin.get("/v1/audit").json["records"]]
    assert "worker" in kinds


def test_the_history_of_somebody_who_was_removed_is_not_the_next_ones(admin, device):
    user = {"name": "cleo", "password": WORD, "role": "reader", "groups": []}
    for expected in (1, 1):
        assert admin.post("/v1/users", json=user).status_code == 201
        client = device_app(device, ServeLimits()).test_client()
        done = client.post("/v1/session", json={"name": "cleo", "password": WORD})
        Person(client, done.json["csrf"]).post("/v1/ask", json={"question": OIL})
        assert len(client.get("/v1/history").json["entries"]) == expected
        assert admin.delete("/v1/users/cleo").status_code == 204


def test_the_log_is_whole_after_all_this(admin):
    assert admin.post("/v1/audit/verify").json["intact"]


def test_two_processes_never_work_on_one_data_folder(device, small_bundle):
    with pytest.raises(ConfigError):
        Device.open(small_bundle, device.data)


def test_every_route_is_described_and_every_description_is_a_route(device):
    import re

    from sfta_edge.api.routes import ROUTES

    app = device_app(device, ServeLimits())
    files = {
        rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("page ")
    }
    served = {
        (method, re.sub(r"<[^<>]+>", "{}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule not in files
    }
    described = {(route.method, re.sub(r"\{\w+\}", "{}", route.path)) for route in ROUTES}
    assert served == described
