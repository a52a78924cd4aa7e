"""Every refusal and every defect has one form, which tells the caller enough and no more."""

import ast
import errno
import json
import re
from pathlib import Path

import apsw
import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

import sfta_edge
from sfta_edge.errors import (
    ConfigError,
    IntegrityError,
    MissingDependencyError,
    SftaError,
    ToolError,
)
from sfta_edge.gate import BusyError
from sfta_edge.generation import ContextOverflowError, EngineDownError
from sfta_edge.guard import (
    _STATUS,
    json_body,
    problem,
    problem_of,
    protect,
    status_of,
)

ERRORS = {
    "busy": BusyError(7),
    "config": ConfigError("bad value", hint="Change it."),
    "tool": ToolError("the engine stopped", hint="Start it again."),
    "defect": ZeroDivisionError("secret of /srv/ada"),
    "full": OSError(errno.ENOSPC, "no space left", "/var/lib/sfta/secret"),
    "full database": apsw.FullError("database or disk is full"),
}


@pytest.fixture(name="client", scope="module")
def _client():
    app = Flask("guarded")
    app.config["MAX_CONTENT_LENGTH"] = 200_000
    protect(app, frozenset({"localhost", "pump-7.local"}))

    @app.post("/echo")
    def _echo():
        return dict(json_body())

    @app.post("/upload")
    def _upload():
        return str(len(request.get_data()))

    @app.get("/fail/<name>")
    def _fail(name):
        raise ERRORS[name]

    return app.test_client()


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/none", 404, "Not found"),
        ("/echo", 405, "Method not allowed"),
        ("/fail/busy", 429, "Too many requests"),
        ("/fail/config", 422, "Unprocessable"),
        ("/fail/tool", 500, "Internal server error"),
        ("/fail/defect", 500, "Internal server error"),
        ("/fail/full", 507, "Insufficient storage"),
        ("/fail/full database", 507, "Insufficient storage"),
    ],
)
def test_every_error_is_a_problem_document(client, path, status, title):
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["status"] == status
    assert response.json["title"].startswith(title)
    assert response.json["error"]["message"] == response.json["detail"]


def test_a_full_queue_says_how_long_to_wait(client):
    response = client.get("/fail/busy")
    assert response.headers["Retry-After"] == "7"
    assert response.json["hint"] == "Try again in 7 seconds."


@pytest.mark.parametrize("position", [0, 9])
def test_a_place_in_the_queue_is_told(position):
    refusal = BusyError(3)
    refusal.position = position
    document = problem_of(refusal)
    assert (document["status"], document["position"]) == (429, position)
    assert "position" not in problem_of(ConfigError("x"))


def test_a_defect_is_in_the_log_and_its_number_with_the_client(client, caplog):
    response = client.get("/fail/defect")
    (number,) = re.findall(r"number ([0-9a-f]{8})\.", response.json["hint"])
    said = response.get_data(as_text=True)
    assert not re.search("secret|ada|Traceback|ZeroDivision|guard.py", said)
    (record,) = caplog.records
    assert number in record.getMessage()
    assert record.exc_info[1] is ERRORS["defect"]


def test_a_full_disk_is_no_defect_and_its_path_is_not_told(client, caplog):
    response = client.get("/fail/full")
    assert "secret" not in response.get_data(as_text=True)
    assert "the disk is full" in caplog.text
    assert caplog.records[0].exc_info is None


def test_a_path_writes_no_line_into_the_log(client, caplog, monkeypatch):
    monkeypatch.setitem(ERRORS, "x\nERROR forged", ERRORS["defect"])
    client.get("/fail/x%0aERROR%20forged")
    assert "\nERROR forged" not in caplog.records[0].getMessage()


def test_a_body_that_is_too_large_is_a_problem_document(client):
    response = client.post("/upload", data=b"x" * 200_001)
    assert (response.status_code, response.json["status"]) == (413, 413)


def test_a_wrong_method_is_told_the_right_ones(client):
    assert "POST" in client.get("/echo").headers["Allow"]


def test_what_the_operator_must_see_is_logged_and_what_the_caller_did_is_not(client, caplog):
    client.get("/fail/config")
    client.get("/fail/busy")
    assert caplog.records == []
    client.get("/fail/tool")
    assert [record.getMessage() for record in caplog.records] == [
        "the engine stopped. Start it again."
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BusyError(1), 429),
        (ConfigError("x"), 422),
        (ContextOverflowError("x"), 422),
        (IntegrityError("x"), 500),
        (MissingDependencyError("x"), 500),
        (ToolError("x"), 500),
        (SftaError("x"), 500),
        (EngineDownError("x"), 503),
        (type("NearerError", (EngineDownError,), {})("x"), 503),
    ],
)
def test_the_status_says_whose_fault_it_is(error, status):
    assert status_of(error) == status
    kind = problem_of(error)["error"]["type"]
    assert kind == ("server_error" if status >= 500 else "invalid_request_error")


@given(st.sampled_from([400, 404, 413, 422, 429, 500, 503]), st.text(), st.text())
def test_a_problem_document_is_json_with_its_parts(status, detail, hint):
    document = json.loads(json.dumps(problem(status, detail, hint)))
    assert document["detail"] == document["error"]["message"] == detail
    assert document["status"] == document["error"]["code"] == status
    assert document.get("hint", "") == hint
    assert document["title"]


def errors_defined():
    """Names of the classes that the package calls errors, as the source has them."""
    root = Path(sfta_edge.__file__).parent
    return {
        node.name
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }


def test_every_error_that_has_a_status_exists():
    assert set(_STATUS) <= errors_defined()
    assert all(400 <= status < 600 for status in _STATUS.values())


def test_a_refusal_of_a_login_names_the_scheme():
    refusal = type("WrongPasswordError", (SftaError,), {})("wrong")
    app = Flask("refusing")
    protect(app, frozenset({"localhost"}))

    @app.get("/")
    def _page():
        raise refusal

    response = app.test_client().get("/")
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
