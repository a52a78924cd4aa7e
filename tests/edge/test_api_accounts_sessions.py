"""Forged requests, planted sessions, changed cookies: nobody acts in the name of another."""

import pytest

from account_world import HERE, PASSWORD, THERE, Browser, guarded_app, peopled
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.accounts.users import UserChange
from sfta_edge.api.admission import AdmissionSettings


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


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("shown", ["", "x", "0" * 64, "é", "null"])
def test_a_forged_request_lacks_the_token_of_the_session(app, rita, method, shown):
    forged = {"X-CSRF-Token": shown.encode().decode("latin-1")} if shown else {}
    response = rita.call(method, "/v1/whoami", csrf="", headers=forged)
    assert response.status_code == 403
    assert "X-CSRF-Token" in response.json["detail"]
    assert rita.call(method, "/v1/whoami").status_code == 200


def test_the_csrf_token_of_one_session_is_of_no_use_in_another(app, rita):
    ada = Browser(app)
    ada.login("ada")
    assert ada.call("DELETE", "/v1/users/ed", csrf=rita.csrf).status_code == 403
    again = Browser(app)
    again.login("rita")
    assert rita.call("POST", "/v1/whoami", csrf=again.csrf).status_code == 403


def test_a_forged_logout_is_refused(rita):
    assert rita.call("DELETE", "/v1/session", csrf="").status_code == 403
    assert rita.call("GET", "/v1/whoami").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/session", "/v1/setup", "/v1/whoami"])
def test_a_page_of_another_site_can_neither_log_in_nor_act(rita, headers, path):
    body = {"name": "ed", "password": PASSWORD, "token": "x"}
    assert rita.call("POST", path, body, headers=headers).status_code == 403
    assert rita.call("GET", "/v1/whoami").json["name"] == "rita"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_cannot_log_in(app, kind):
    response = app.test_client().post(
        "/v1/session", data='{"name": "rita", "password": "x"}', content_type=kind
    )
    assert response.status_code == 415


def test_a_planted_session_is_not_taken_over(app, accounts):
    """Fixation: the attacker's cookie lies in the victim's browser before the login."""
    attacker = Browser(app, THERE)
    attacker.login("rita")
    planted = attacker.cookie.value
    victim = Browser(app)
    victim.client.set_cookie("sfta_session", planted)
    victim.login("ada")
    assert victim.cookie.value != planted
    attacker.client.set_cookie("sfta_session", planted)
    assert attacker.call("GET", "/v1/whoami").status_code == 401


def test_an_invented_session_is_not_adopted(app):
    victim = Browser(app)
    victim.client.set_cookie("sfta_session", "A" * 43)
    victim.login("ada")
    assert victim.cookie.value != "A" * 43
    other = Browser(app)
    other.client.set_cookie("sfta_session", "A" * 43)
    assert other.call("GET", "/v1/whoami").status_code == 401


def test_each_login_has_a_session_of_its_own_and_ends_the_one_before(app, rita):
    before = rita.cookie.value
    rita.login("rita")
    assert rita.cookie.value != before
    old = Browser(app)
    old.client.set_cookie("sfta_session", before)
    assert old.call("GET", "/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    "tamper",
    [
        lambda value: value[:-1],
        lambda value: value + "A",
        lambda value: value.swapcase(),
        lambda value: "' OR 1=1 --",
        lambda value: "ada",
        lambda value: "A" * 3000,
        lambda value: "%00",
        lambda value: "",
    ],
)
def test_a_cookie_that_was_changed_lets_nobody_in(rita, tamper):
    rita.client.set_cookie("sfta_session", tamper(rita.cookie.value))
    assert rita.call("GET", "/v1/whoami").status_code == 401
    assert rita.call("POST", "/v1/whoami").status_code == 401


def test_a_plain_cookie_does_not_count_over_tls(accounts):
    """Whoever can set cookies over plain HTTP cannot plant one where the connection is safe."""
    app = guarded_app(accounts, AdmissionSettings(behind_proxy=True))
    plain = accounts.login("rita", PASSWORD, HERE).cookie
    browser = Browser(app)
    browser.client.set_cookie("sfta_session", plain)
    assert browser.call("GET", "/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer", "Bearer ", "Bearer x", "Basic YWRhOmNvcnJlY3QgaG9yc2U=", "Bearer sfta_0_0",
        "bearer null", "Token x", "", "Bearer " + "x" * 5000, "Bearer \xff\xfe",
        "Bearer a, Bearer b",
    ],
)  # fmt: skip
def test_what_is_no_token_lets_nobody_in_even_with_a_good_cookie(rita, header):
    response = rita.call("GET", "/v1/whoami", headers={"Authorization": header})
    assert response.status_code == 401
    assert rita.call("GET", "/v1/whoami").status_code == 200


def test_a_disabled_user_with_a_live_session_is_out_with_the_next_request(rita, accounts):
    assert rita.call("GET", "/v1/whoami").status_code == 200
    accounts.change_user(CONSOLE, "rita", UserChange(disabled=True))
    assert rita.call("GET", "/v1/whoami").status_code == 401
    assert rita.call("GET", "/v1/session").json["user"] is None
