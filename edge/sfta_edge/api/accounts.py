"""Login, setup, users and tokens of the Edge API; see docs/reference/edge-api.md."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import BadRequest, Forbidden

from sfta_edge.accounts.accounts import Accounts, Login
from sfta_edge.accounts.refusals import WrongPasswordError
from sfta_edge.accounts.sessions import csrf_of
from sfta_edge.accounts.users import UserChange
from sfta_edge.api.admission import (
    AdmissionSettings,
    address,
    admit_callers,
    is_secure,
    session_cookie,
    set_session,
)
from sfta_edge.api.calls import current_caller, known_caller, require
from sfta_edge.caller import NOBODY, Caller
from sfta_edge.guard import json_body

_CHANGEABLE = frozenset({"role", "groups", "password", "disabled"})
View = Callable[..., Response]


def add_accounts(
    app: Flask, accounts: Accounts | None, settings: AdmissionSettings | None = None
) -> None:
    """Let in whoever has an account, and nobody else; None: a device without accounts.

    To be called after `guard.protect`, whose checks come first.
    """
    if accounts is None:
        app.add_url_rule("/v1/session", "session", _session_of_nobody)
        return
    settings = settings or AdmissionSettings()
    admit_callers(app, accounts, settings)
    people, keys = _People(accounts, settings), _Administration(accounts)
    for rule, method, view in (
        ("/v1/session", "GET", people.session),
        ("/v1/session", "POST", people.login),
        ("/v1/session", "DELETE", people.logout),
        ("/v1/setup", "POST", people.set_up),
        ("/v1/password", "POST", people.change_password),
        ("/v1/users", "GET", _admin(keys.users)),
        ("/v1/users", "POST", _admin(keys.add_user)),
        ("/v1/users/<name>", "PATCH", _admin(keys.change_user)),
        ("/v1/users/<name>", "DELETE", _admin(keys.remove_user)),
        ("/v1/tokens", "GET", _admin(keys.tokens)),
        ("/v1/tokens", "POST", _admin(keys.add_token)),
        ("/v1/tokens/<identity>", "DELETE", _admin(keys.remove_token)),
    ):
        app.add_url_rule(rule, f"{method} {rule}".replace(".", ""), view, methods=[method])


class _People:
    """What somebody does for themselves."""

    def __init__(self, accounts: Accounts, settings: AdmissionSettings) -> None:
        self._accounts, self._settings = accounts, settings

    def session(self) -> Response:
        return jsonify(self._facts(known_caller(), session_cookie()))

    def login(self) -> Response:
        body = json_body()
        name, password = (
            _text(body.get("name"), "name"),
            _text(body.get("password"), "password"),
        )
        return self._entered(self._accounts.login(name, password, address()))

    def set_up(self) -> Response:
        body = json_body()
        token = _text(body.get("token"), "token")
        login = self._accounts.set_up(token, body.get("name"), body.get("password"), address())
        response = self._entered(login)
        response.status_code = 201
        return response

    def logout(self) -> Response:
        if cookie := session_cookie():
            self._accounts.logout(cookie)
        response = Response(status=204)
        set_session(response, "", secure=is_secure(self._settings))
        return response

    def change_password(self) -> Response:
        current_caller()
        if not (cookie := session_cookie()):
            raise Forbidden("a token has no password")
        body = json_body()
        old = _text(body.get("old"), "old")
        try:
            self._accounts.change_password(cookie, old, body.get("new"), address())
        except WrongPasswordError as error:
            # Not 401: the caller is known, and a page would ask for a login.
            raise Forbidden("the old password is wrong") from error
        return Response(status=204)

    def _entered(self, login: Login) -> Response:
        # A new session each time, and the end of the old one: nobody can plant a session.
        self._accounts.sessions.end(session_cookie())
        response = jsonify(self._facts(login.user.caller(), login.cookie))
        set_session(response, login.cookie, secure=is_secure(self._settings))
        return response

    def _facts(self, caller: Caller | None, cookie: str) -> dict[str, Any]:
        return {
            "user": None if caller is None else _person(caller),
            "csrf": csrf_of(cookie) if cookie else "",
            "setup": self._accounts.setup.is_open,
            "accounts": True,
        }


class _Administration:
    """What an admin does for others."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def users(self, _by: Caller) -> Response:
        return jsonify({"users": [user.to_json() for user in self._accounts.users.all()]})

    def add_user(self, by: Caller) -> Response:
        body = json_body()
        role, groups = body.get("role", "reader"), body.get("groups", [])
        user = self._accounts.add_user(by, body.get("name"), body.get("password"), role, groups)
        return _created(user.to_json())

    def change_user(self, by: Caller, name: str) -> Response:
        body = json_body()
        if unknown := sorted(set(body) - _CHANGEABLE):
            raise BadRequest(
                f"of a user these can be changed: {', '.join(sorted(_CHANGEABLE))}; "
                f"not {unknown[0]!r:.40}"
            )
        if not isinstance(body.get("disabled", False), bool):
            raise BadRequest("'disabled' is true or false")
        return jsonify(self._accounts.change_user(by, name, UserChange(**body)).to_json())

    def remove_user(self, by: Caller, name: str) -> Response:
        self._accounts.remove_user(by, name)
        return Response(status=204)

    def tokens(self, _by: Caller) -> Response:
        return jsonify({"tokens": [token.to_json() for token in self._accounts.tokens.all()]})

    def add_token(self, by: Caller) -> Response:
        body = json_body()
        role, groups = body.get("role", "reader"), body.get("groups", [])
        token, text = self._accounts.add_token(
            by, body.get("name"), role, groups, body.get("days")
        )
        return _created({**token.to_json(), "token": text})

    def remove_token(self, by: Caller, identity: str) -> Response:
        self._accounts.remove_token(by, identity)
        return Response(status=204)


def _session_of_nobody() -> Response:
    return jsonify({"user": _person(NOBODY), "csrf": "", "setup": False, "accounts": False})


def _admin(view: View) -> View:
    @wraps(view)
    def checked(**parts: str) -> Response:
        return view(require("admin"), **parts)

    return checked


def _person(caller: Caller) -> dict[str, Any]:
    return {"name": caller.name, "role": caller.role, "groups": sorted(caller.groups)}


def _created(facts: dict[str, Any]) -> Response:
    response = jsonify(facts)
    response.status_code = 201
    return response


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"'{name}' is missing or no text")
    return value
