"""Login, setup, users and tokens over HTTP are what docs/reference/edge-api.md says."""

from pathlib import Path

import pytest
from flask import Flask

import sfta_edge
from account_world import (
    HERE,
    OTHER_PASSWORD,
    PASSWORD,
    TODAY,
    Browser,
    bearer,
    guarded_app,
    opened,
    peopled,
)
from sfta_edge.accounts.rates import Rate
from sfta_edge.api.accounts import add_accounts
from sfta_edge.api.admission import AdmissionSettings, page_paths
from sfta_edge.guard import protect


@pytest.fixture(name="accounts")
def _accounts(tmp_path):
    with peopled(tmp_path) as accounts:
        yield accounts


@pytest.fixture(name="app")
def _app(accounts):
    return guarded_app(accounts)


@pytest.fixture(name="ada")
def _ada(app):
    browser = Browser(app)
    assert browser.login("ada").status_code == 200
    return browser


def test_nobody_is_told_that_nobody_is_logged_in(app):
    response = Browser(app).call("GET", "/v1/session")
    assert response.status_code == 200
    assert response.json == {"user": None, "csrf": "", "setup": False, "accounts": True}


def test_a_login_is_answered_like_the_question_who_is_logged_in(app):
    browser = Browser(app)
    said = browser.login("Rita")
    assert said.json["user"] == {"name": "rita", "role": "reader", "groups": ["service"]}
    assert said.json == browser.call("GET", "/v1/session").json
    assert len(said.json["csrf"]) == 64


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(app):
    header = Browser(app).login("ada").headers["Set-Cookie"]
    name, *attributes = [part.strip() for part in header.split(";")]
    assert name.startswith("sfta_session=")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]


@pytest.mark.parametrize("behind_proxy", [True, False])
def test_over_tls_the_browser_itself_guards_the_cookie(accounts, behind_proxy):
    app = guarded_app(accounts, AdmissionSettings(behind_proxy=behind_proxy))
    browser = Browser(app, https=True)
    header = browser.login("ada").headers["Set-Cookie"]
    name, *attributes = [part.strip() for part in header.split(";")]
    assert name.startswith("__Host-sfta_session=")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]
    assert browser.call("GET", "/v1/whoami").json["name"] == "ada"


def test_logging_out_takes_the_cookie_back_and_ends_the_session(app, ada):
    cookie = ada.cookie.value
    response = ada.call("DELETE", "/v1/session")
    assert response.status_code == 204
    assert ada.cookie is None
    ada.client.set_cookie("sfta_session", cookie)
    assert ada.call("GET", "/v1/whoami").status_code == 401
    assert Browser(app).call("DELETE", "/v1/session").status_code == 204


def test_a_first_boot_is_set_up_over_http(tmp_path):
    with opened(tmp_path) as accounts:
        token, browser = accounts.setup.begin(), Browser(guarded_app(accounts))
        assert browser.call("GET", "/v1/session").json["setup"] is True
        body = {"token": token, "name": "Ada", "password": PASSWORD}
        assert browser.call("POST", "/v1/setup", {**body, "token": "AAAA"}).status_code == 401
        assert browser.call("POST", "/v1/setup", {**body, "password": "x"}).status_code == 422
        said = browser.call("POST", "/v1/setup", body)
        assert said.status_code == 201
        assert said.json["user"] == {"name": "Ada", "role": "admin", "groups": []}
        assert said.json["setup"] is False
        assert browser.call("GET", "/v1/whoami").json["name"] == "Ada"
        assert Browser(guarded_app(accounts)).call("POST", "/v1/setup", body).status_code == 409


def test_a_person_changes_the_password(app):
    rita, elsewhere = Browser(app), Browser(app)
    rita.login("rita")
    elsewhere.login("rita")
    path = "/v1/password"
    wrong = rita.call("POST", path, {"old": "wrong password", "new": OTHER_PASSWORD})
    assert (wrong.status_code, wrong.json["detail"]) == (403, "the old password is wrong")
    assert rita.call("POST", path, {"old": PASSWORD, "new": "short"}).status_code == 422
    assert rita.call("POST", path, {"old": PASSWORD, "new": OTHER_PASSWORD}).status_code == 204
    assert rita.call("GET", "/v1/whoami").status_code == 200
    assert elsewhere.call("GET", "/v1/whoami").status_code == 401
    assert elsewhere.login("rita").status_code == 401
    assert elsewhere.login("rita", OTHER_PASSWORD).status_code == 200


def test_an_admin_keeps_the_users(ada):
    body = {"name": "Eve", "password": PASSWORD, "role": "editor", "groups": ["sales"]}
    made = ada.call("POST", "/v1/users", body)
    eve = {"name": "Eve", "role": "editor", "groups": ["sales"], "created": TODAY,
           "last_seen": None, "disabled": False}  # fmt: skip
    assert (made.status_code, made.json) == (201, eve)
    assert ada.call("POST", "/v1/users", body).status_code == 409
    changed = ada.call("PATCH", "/v1/users/eve", {"role": "reader", "disabled": True})
    assert (changed.status_code, changed.json) == (
        200,
        {**eve, "role": "reader", "disabled": True},
    )
    listed = ada.call("GET", "/v1/users").json["users"]
    assert [user["name"] for user in listed] == ["ada", "ed", "Eve", "rita"]
    assert "hash" not in repr(listed)
    assert ada.call("DELETE", "/v1/users/Eve").status_code == 204
    assert ada.call("DELETE", "/v1/users/Eve").status_code == 404
    assert ada.call("PATCH", "/v1/users/Eve", {}).status_code == 404


def test_a_user_is_a_reader_of_no_group_unless_it_is_said(ada):
    made = ada.call("POST", "/v1/users", {"name": "eve", "password": PASSWORD})
    assert (made.json["role"], made.json["groups"]) == ("reader", [])


@pytest.mark.parametrize(
    ("method", "body"),
    [("DELETE", None), ("PATCH", {"role": "reader"}), ("PATCH", {"disabled": True})],
)
def test_the_last_admin_stays(ada, method, body):
    response = ada.call(method, "/v1/users/ada", body)
    assert (response.status_code, response.json["detail"]) == (409, "this is the last admin")
    assert response.json["hint"]
    assert ada.call("GET", "/v1/users").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "admin"}, 400),
        ({"hash": "x"}, 400),
        ({"id": 1}, 400),
        ({"disabled": 1}, 400),
        ({"disabled": "false"}, 400),
        ({"role": "root"}, 422),
        ({"role": ["admin"]}, 422),
        ({"groups": "all"}, 422),
        ({"groups": {"a": 1}}, 422),
        ({"password": 5}, 422),
        ([], 400),
        ("x", 400),
    ],
)
def test_a_change_names_what_can_be_changed(ada, body, status):
    assert ada.call("PATCH", "/v1/users/ed", body).status_code == status


def test_an_admin_keeps_the_tokens(app, ada, accounts):
    body = {"name": "line 7", "role": "reader", "groups": ["service"], "days": 30}
    made = ada.call("POST", "/v1/tokens", body)
    assert made.status_code == 201
    text = made.json.pop("token")
    assert made.json["expires"] == TODAY + 30 * 24 * 3600
    program = Browser(app)
    said = program.call("GET", "/v1/whoami", headers=bearer(text))
    assert said.json == {"name": "token:line 7", "role": "reader", "groups": ["service"]}
    (listed,) = ada.call("GET", "/v1/tokens").json["tokens"]
    assert listed == {
        **{
            key: made.json[key]
            for key in ("id", "name", "role", "groups", "created", "expires")
        },
        "last_used": TODAY,
    }
    assert ada.call("POST", "/v1/tokens", body).status_code == 409
    assert ada.call("POST", "/v1/tokens", {**body, "name": "x", "days": 0}).status_code == 422
    assert ada.call("DELETE", f"/v1/tokens/{listed['id']}").status_code == 204
    assert ada.call("DELETE", f"/v1/tokens/{listed['id']}").status_code == 404
    assert program.call("GET", "/v1/whoami", headers=bearer(text)).status_code == 401


def test_a_program_needs_no_csrf_token_and_has_no_password(app, accounts, ada):
    text = ada.call("POST", "/v1/tokens", {"name": "x", "role": "admin"}).json["token"]
    program = Browser(app)
    assert program.call("POST", "/v1/whoami", headers=bearer(text)).status_code == 200
    assert program.call("GET", "/v1/users", headers=bearer(text)).status_code == 200
    body = {"old": PASSWORD, "new": OTHER_PASSWORD}
    response = program.call("POST", "/v1/password", body, headers=bearer(text))
    assert (response.status_code, response.json["detail"]) == (403, "a token has no password")


@pytest.mark.parametrize("path", ["/", "/app.js", "/healthz", "/readyz", "/openapi.json"])
def test_the_page_and_the_health_need_no_login(app, path):
    assert Browser(app, "203.0.113.9").call("GET", path).status_code == 200


def test_every_file_of_the_page_is_open_and_nothing_else_of_the_package(app):
    paths = set(page_paths())
    web = Path(sfta_edge.__file__).parent / "web"
    shipped = {
        f"/{path.relative_to(web).as_posix()}" for path in web.rglob("*") if path.is_file()
    }
    assert paths == {"/"} | shipped
    assert len(shipped) >= 4


def test_metrics_are_for_this_machine_or_a_token(app, ada):
    text = ada.call("POST", "/v1/tokens", {"name": "prometheus"}).json["token"]
    path = "/metrics"
    assert Browser(app, "127.0.0.1").call("GET", path).status_code == 200
    assert Browser(app, "::1").call("GET", path).status_code == 200
    assert Browser(app, HERE).call("GET", path).status_code == 401
    assert Browser(app, "").call("GET", path).status_code == 401
    assert Browser(app, HERE).call("GET", path, headers=bearer(text)).status_code == 200
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert Browser(app, "127.0.0.1").call("GET", path, headers=forwarded).status_code == 401


def test_a_lock_out_says_how_long(app):
    browser = Browser(app)
    for _ in range(5):
        assert browser.login("ada", "wrong password").status_code == 401
    response = browser.login("ada")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/v1/ask", "/v1/chat/completions", "/v1/embeddings", "/v1/documents"]
)
def test_one_caller_cannot_take_all_the_time(accounts, path):
    slow = Rate(per_minute=6, burst=2)
    app = guarded_app(accounts, AdmissionSettings(questions=slow, uploads=slow))
    rita, ed = Browser(app), Browser(app)
    rita.login("rita")
    ed.login("ed")
    assert [rita.call("POST", path, {}).status_code for _ in range(3)] == [200, 200, 429]
    refused = rita.call("POST", path, {})
    assert refused.headers["Retry-After"] == "10"
    assert refused.json["detail"] == "requests come too fast"
    assert ed.call("POST", path, {}).status_code == 200
    assert rita.call("GET", "/v1/documents").status_code == 200
    accounts.clock.pass_(10)
    assert rita.call("POST", path, {}).status_code == 200


def test_the_rate_of_a_person_is_one_for_all_sessions(accounts):
    app = guarded_app(accounts, AdmissionSettings(questions=Rate(per_minute=6, burst=2)))
    statuses = []
    for _ in range(3):
        rita = Browser(app)
        rita.login("rita")
        statuses.append(rita.call("POST", "/v1/ask", {}).status_code)
    assert statuses == [200, 200, 429]


def test_more_paths_can_be_opened(accounts):
    app = guarded_app(
        accounts, AdmissionSettings(open_paths=frozenset({"/about", "/v1/whoami"}))
    )
    app.add_url_rule("/about", "about", lambda: "about")
    assert Browser(app).call("GET", "/about").status_code == 200
    # Nobody is let in there: what needs a caller still says so.
    assert Browser(app).call("GET", "/v1/whoami").status_code == 401


def test_a_device_without_accounts_says_so_and_everybody_is_the_admin():
    app = Flask("open")
    protect(app, frozenset({"localhost"}))
    add_accounts(app, None)
    browser = Browser(app)
    assert browser.call("GET", "/v1/session").json == {
        "user": {"name": "", "role": "admin", "groups": []},
        "csrf": "", "setup": False, "accounts": False,
    }  # fmt: skip
    assert (
        browser.call("POST", "/v1/session", {"name": "a", "password": "b"}).status_code == 405
    )
    assert browser.call("GET", "/v1/users").status_code == 404
