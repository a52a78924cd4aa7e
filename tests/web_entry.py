"""Who may use a scripted device: the first boot, logins, and the check of every request."""

from flask import g, jsonify, request
from werkzeug.exceptions import Forbidden, TooManyRequests, Unauthorized

TOKEN, PASSWORD = "one-time-token", "correct horse battery"
COOKIE = "sfta_session"
ADMIN = ("/v1/users", "/v1/tokens", "/v1/status", "/v1/audit", "/v1/backup")
RULES = (
    ("GET", "/v1/session", "session"),
    ("POST", "/v1/setup", "set_up"),
    ("POST", "/v1/session", "log_in"),
    ("DELETE", "/v1/session", "log_out"),
    ("POST", "/v1/password", "change_password"),
)


NOBODY = {"name": "", "role": "admin", "groups": []}


def csrf_of(cookie):
    return f"csrf of {cookie}"


def account(name, role, groups=(), password=PASSWORD):
    return {
        "name": name, "role": role, "groups": list(groups), "password": password,
        "created": 1770000000.0, "last_seen": None, "disabled": False,
    }  # fmt: skip


class Entry:
    def __init__(self, device):
        self.device = device

    def check(self):
        """Before every request."""
        g.user = None
        if not request.path.startswith("/v1/"):
            return
        self.device.calls.append(f"{request.method} {request.path}")
        g.user = self.present()
        if not self.device.accounts or request.endpoint in ("session", "set_up", "log_in"):
            return
        if g.user is None:
            raise Unauthorized("log in first, or send a token")
        token = request.headers.get("X-CSRF-Token")
        if request.method != "GET" and token != csrf_of(request.cookies.get(COOKIE)):
            raise Forbidden("the token against forged requests is missing")
        if request.path.startswith(ADMIN) and g.user["role"] != "admin":
            raise Forbidden("this needs the role admin")

    def present(self):
        name = self.device.sessions.get(request.cookies.get(COOKIE))
        return self.device.users.get(name) if self.device.accounts else None

    def session(self):
        return self.told(self.present(), request.cookies.get(COOKIE))

    def told(self, user, cookie):
        accounts = self.device.accounts
        user = user if accounts else NOBODY
        shown = user and {key: user[key] for key in ("name", "role", "groups")}
        csrf = csrf_of(cookie) if user and accounts else ""
        setup = accounts and not self.device.users
        return jsonify(user=shown, csrf=csrf, setup=setup, accounts=accounts)

    def let_in(self, user, status):
        self.device.entered += 1
        key = f"session-{self.device.entered}"
        self.device.sessions[key] = user["name"]
        response = self.told(user, key)
        response.status_code = status
        response.set_cookie(COOKIE, key, httponly=True, samesite="Strict")
        return response

    def set_up(self):
        body = request.get_json()
        if body["token"] != TOKEN or self.device.users:
            raise Unauthorized("this is not the token")
        user = account(body["name"], "admin", password=body["password"])
        self.device.users[user["name"]] = user
        return self.let_in(user, 201)

    def log_in(self):
        body = request.get_json()
        if body["name"] == "locked":
            raise TooManyRequests("too many attempts", retry_after=30)
        user = self.device.users.get(body["name"])
        if user is None or user["password"] != body["password"] or user["disabled"]:
            raise Unauthorized("name or password is wrong")
        self.device.note("login", user=user["name"])
        return self.let_in(user, 200)

    def log_out(self):
        self.device.sessions.pop(request.cookies.get(COOKIE), None)
        return "", 204

    def change_password(self):
        body = request.get_json()
        if body["old"] != g.user["password"]:
            raise Forbidden("the present password is wrong")
        g.user["password"] = body["new"]
        return "", 204
