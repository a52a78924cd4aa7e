"""What somebody without an account, or with a lesser one, tries over HTTP; one test per attack."""

import threading

import pytest

from account_world import (
    HERE,
    OTHER_PASSWORD,
    PASSWORD,
    THERE,
    TODAY,
    Browser,
    bearer,
    guarded_app,
    opened,
    peopled,
)
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.passwords import Cost, Passwords

YEAR = 365 * 24 * 3600.0
ADMIN_ROUTES = [
    ("GET", "/v1/users", None),
    ("POST", "/v1/users", {"name": "eve", "password": PASSWORD, "role": "admin", "groups": []}),
    ("PATCH", "/v1/users/rita", {"role": "admin"}),
    ("PATCH", "/v1/users/ed", {"role": "admin", "groups": ["all"]}),
    ("PATCH", "/v1/users/ada", {"password": OTHER_PASSWORD}),
    ("PATCH", "/v1/users/nobody", {"role": "admin"}),
    ("DELETE", "/v1/users/ada", None),
    ("GET", "/v1/tokens", None),
    ("POST", "/v1/tokens", {"name": "mine", "role": "admin", "groups": []}),
    ("POST", "/v1/tokens", {"name": "mine", "role": "reader", "groups": ["all"]}),
    ("DELETE", "/v1/tokens/0123456789abcdef", None),
]
PRIVATE = [
    ("GET", "/v1/whoami"), ("POST", "/v1/whoami"), ("POST", "/v1/ask"), ("GET", "/v1/documents"),
    ("POST", "/v1/password"), ("GET", "/metrics"), ("GET", "/v1/nothing"), ("GET", "/nothing"),
    ("OPTIONS", "/v1/users"), ("GET", "/v1/users/ada"), ("GET", "//v1/users"), ("GET", "/healthz/"),
    ("GET", "/v1/session/"), ("GET", "/V1/SESSION"), ("GET", "/app.js/../v1/users"),
    ("GET", "/%76%31/users"), ("GET", "/healthz%2f..%2fv1/users"), ("GET", "/index.html;/v1/users"),
]  # fmt: skip


@pytest.fixture(name="accounts")
def _accounts(tmp_path):
    with peopled(tmp_path) as accounts:
        yield accounts


@pytest.fixture(name="app")
def _app(accounts):
    return guarded_app(accounts)


@pytest.fixture(name="rita")
def _rita(app):
    browser = Browser(app)
    assert browser.login("rita").status_code == 200
    return browser


def everything(accounts):
    return [*accounts.users.all(), *accounts.tokens.all()]


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_nobody_gets_anywhere_without_an_account(app, method, path):
    response = Browser(app).call(method, path)
    assert response.status_code in {401, 308} | ({404} if "%2f" in path else set())
    if response.status_code == 401:
        assert response.mimetype == "application/problem+json"
        assert "Bearer" in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("method", "path", "body"), ADMIN_ROUTES)
@pytest.mark.parametrize("role", ["nobody", "reader", "editor"])
@pytest.mark.parametrize("by", ["cookie", "token"])
def test_no_lesser_role_does_what_an_admin_does(app, accounts, by, role, method, path, body):
    browser, headers = Browser(app), None
    if role != "nobody" and by == "cookie":
        browser.login({"reader": "rita", "editor": "ed"}[role])
    if role != "nobody" and by == "token":
        headers = bearer(accounts.add_token(CONSOLE, "program", role, [])[1])
        browser.call("GET", "/v1/whoami", headers=headers)
    before = everything(accounts)
    response = browser.call(method, path, body, headers=headers)
    assert response.status_code == (401 if role == "nobody" else 403)
    assert everything(accounts) == before


@pytest.mark.parametrize("role", ["reader", "editor", "admin"])
def test_a_role_in_the_request_is_not_believed(app, accounts, role):
    rita = Browser(app)
    rita.login("rita")
    said = rita.call(
        "GET",
        "/v1/whoami",
        {"role": role, "user": {"role": role}},
        headers={"X-Role": role, "X-Remote-User": "ada", "X-Forwarded-User": "ada"},
    )
    assert said.json["role"] == "reader"


def test_a_reader_cannot_edit_and_an_editor_can(app, rita):
    ed = Browser(app)
    ed.login("ed")
    assert rita.call("POST", "/v1/edit").status_code == 403
    assert ed.call("POST", "/v1/edit").get_data(as_text=True) == "ed"


def test_a_token_replayed_after_its_removal_is_refused(app, accounts):
    ada, program = Browser(app), Browser(app, THERE)
    ada.login("ada")
    made = ada.call("POST", "/v1/tokens", {"name": "x", "role": "admin"}).json
    assert program.call("GET", "/v1/users", headers=bearer(made["token"])).status_code == 200
    ada.call("DELETE", f"/v1/tokens/{made['id']}")
    assert program.call("GET", "/v1/users", headers=bearer(made["token"])).status_code == 401


def test_an_expired_token_is_refused(app, accounts):
    _, text = accounts.add_token(CONSOLE, "x", "reader", [], 1)
    program = Browser(app)
    assert program.call("GET", "/v1/whoami", headers=bearer(text)).status_code == 200
    accounts.clock.pass_(24 * 3600)
    assert program.call("GET", "/v1/whoami", headers=bearer(text)).status_code == 401


@pytest.mark.parametrize("wall", [0.0, TODAY + 20 * YEAR])
def test_a_wrong_clock_locks_nobody_out_and_lets_nobody_in(app, accounts, rita, wall):
    _, text = accounts.add_token(CONSOLE, "x", "reader", [], 1)
    accounts.clock.wall = wall
    assert rita.call("GET", "/v1/whoami").status_code == 200
    assert Browser(app).login("ed").status_code == 200
    assert Browser(app).call("GET", "/v1/whoami", headers=bearer(text)).status_code == 200
    accounts.clock.uptime += 8 * 24 * 3600
    assert rita.call("GET", "/v1/whoami").status_code == 401
    assert Browser(app).call("GET", "/v1/whoami", headers=bearer(text)).status_code == 401


def test_brute_force_is_slowed_down_and_the_owner_elsewhere_is_not(app):
    attacker, owner = Browser(app, THERE), Browser(app, HERE)
    statuses = [attacker.login("ada", f"wrong password {i}").status_code for i in range(50)]
    assert statuses == [401] * 5 + [429] * 45
    assert attacker.login("ada").status_code == 429
    assert owner.login("ada").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.1"},
        {"Forwarded": "for=203.0.113.1"},
        {"X-Real-IP": "203.0.113.1"},
        {"Client-IP": "203.0.113.1"},
    ],
)
def test_an_address_that_the_client_claims_does_not_count(app, headers):
    attacker = Browser(app, THERE)
    for _ in range(5):
        attacker.login("ada", "wrong password")
    body = {"name": "ada", "password": PASSWORD}
    assert attacker.call("POST", "/v1/session", body, headers=headers).status_code == 429


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "ada"},
        {"name": ["ada"], "password": PASSWORD},
        {"name": "ada", "password": None},
        {"name": "ada", "password": {"$ne": ""}},
        {"name": {"$gt": ""}, "password": PASSWORD},
        {"name": True, "password": PASSWORD},
        [],
        None,
    ],
)
def test_a_body_of_another_shape_is_400(app, body):
    response = Browser(app).call("POST", "/v1/session", body)
    assert response.status_code in {400, 415}
    assert "Set-Cookie" not in response.headers


def test_a_huge_password_is_wrong_or_too_large(app):
    browser = Browser(app)
    assert browser.login("ada", "x" * 50_000).status_code == 401
    assert browser.login("ada", "x" * 70_000).status_code == 413


@pytest.mark.parametrize(
    "name", ["x\r\nSet-Cookie: a=b", "x\nX-Evil: 1", "\u010d\u010aSet-Cookie:a=b", "x\x00y"]
)
def test_a_name_writes_no_header(app, name):
    ada = Browser(app)
    ada.login("ada")
    for path, body in (
        ("/v1/users", {"name": name, "password": PASSWORD}),
        ("/v1/tokens", {"name": name}),
        ("/v1/session", {"name": name, "password": PASSWORD}),
    ):
        response = ada.call("POST", path, body)
        assert response.status_code in {201, 401, 422}
        assert "X-Evil" not in response.headers
        assert "a=b" not in response.headers.get("Set-Cookie", "")


@pytest.mark.parametrize(
    "name",
    ["' OR '1'='1", "ada'--", "%", "..%2f..", "ada;DROP TABLE users", "%F0%9F"],
)
def test_sql_and_paths_in_a_url_find_nobody(app, accounts, name):
    ada = Browser(app)
    ada.login("ada")
    before = accounts.users.all()
    for method, body in (("DELETE", None), ("PATCH", {"role": "admin"})):
        assert ada.call(method, f"/v1/users/{name}", body).status_code in {404, 405}
    assert ada.call("DELETE", f"/v1/tokens/{name}").status_code in {404, 405}
    assert accounts.users.all() == before


def test_a_rebound_name_is_refused_before_anything_else(app, rita):
    response = rita.call("GET", "/v1/whoami", headers={"Host": "evil.example"})
    assert response.status_code == 421


def test_setup_cannot_be_taken_by_whoever_is_first_on_the_network(tmp_path):
    with opened(tmp_path) as accounts:
        accounts.setup.begin()
        browser = Browser(guarded_app(accounts))
        body = {"token": "", "name": "eve", "password": PASSWORD}
        statuses = [browser.call("POST", "/v1/setup", body).status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        assert browser.call("POST", "/v1/users", body).status_code == 401
        assert accounts.users.none_yet


def test_logins_beyond_the_bound_are_told_to_come_back(tmp_path):
    passwords = Passwords(Cost(n=2**13, r=8, p=1), at_once=1, waiting=0)
    with peopled(tmp_path, passwords=passwords) as accounts:
        app, start, answers = guarded_app(accounts), threading.Barrier(8), []

        def enter():
            browser = Browser(app)
            start.wait()
            answers.append(browser.login("rita"))

        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} <= {200, 429}
        assert len(refused) < 8
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert Browser(app).login("rita").status_code == 200


def test_no_secret_is_logged(app, accounts, caplog):
    with caplog.at_level(0):
        rita = Browser(app)
        rita.login("rita")
        rita.login("rita", "wrong password")
        _, text = accounts.add_token(CONSOLE, "x", "reader", [])
        rita.call("GET", "/v1/whoami", headers=bearer(text))
        rita.call("GET", "/v1/whoami", headers=bearer(text + "x"))
    written = caplog.text + repr(accounts.on_event.heard)
    secrets = (PASSWORD, "wrong password", text.split("_", 2)[2], rita.cookie.value, rita.csrf)
    assert [secret for secret in secrets if secret in written] == []
