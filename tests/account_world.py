"""Accounts with cheap hashes, a clock that a test turns, and a browser that keeps its cookies."""

import json
from contextlib import contextmanager

from flask import Flask, jsonify

from sfta_edge.accounts.accounts import CONSOLE, Accounts
from sfta_edge.accounts.clock import Reading
from sfta_edge.accounts.passwords import Cost, Passwords
from sfta_edge.api.accounts import add_accounts
from sfta_edge.api.admission import AdmissionSettings
from sfta_edge.api.calls import current_caller, require
from sfta_edge.guard import protect

CHEAP = Cost(n=16, r=1, p=1)
PASSWORD = "correct horse battery"
OTHER_PASSWORD = "staple correct horse"
HERE, THERE = "192.168.1.7", "192.168.1.8"
TODAY = 1_800_000_000.0


class TurnedClock:
    """Stands still until a test turns it."""

    def __init__(self):
        self.boot, self.uptime, self.wall = "boot-1", 100.0, TODAY

    def read(self):
        return Reading(self.boot, self.uptime, self.wall)

    def pass_(self, seconds):
        self.uptime += seconds
        self.wall += seconds

    def reboot(self, *, off=60.0, wall=None):
        """Off for a while; then up for ten seconds, with another calendar if one is given."""
        self.boot, self.uptime = self.boot + "'", 10.0
        self.wall = self.wall + off + 10.0 if wall is None else wall


class Events:
    """Keeps what it hears."""

    def __init__(self):
        self.heard = []

    def __call__(self, kind, caller, facts):
        self.heard.append((kind, caller and caller.name, dict(facts)))

    @property
    def kinds(self):
        return [kind for kind, _, _ in self.heard]


def opened(folder, **changes):
    """Accounts in a folder; the clock and the events are attributes of what is returned."""
    facts = {"clock": TurnedClock(), "passwords": Passwords(CHEAP), "on_event": Events()}
    accounts = Accounts(folder / "data", **(facts | changes))
    # What a power cut would lose is test_database's matter; here it would cost half of the time.
    accounts._store.rows("PRAGMA synchronous = OFF")
    return accounts


@contextmanager
def peopled(folder, **changes):
    """Accounts with ada (admin), ed (editor, in service) and rita (reader, in service)."""
    with opened(folder, **changes) as accounts:
        people(accounts)
        yield accounts


def people(accounts):
    accounts.add_user(CONSOLE, "ada", PASSWORD, "admin")
    accounts.add_user(CONSOLE, "ed", PASSWORD, "editor", ["service"])
    accounts.add_user(CONSOLE, "rita", PASSWORD, "reader", ["service"])


def guarded_app(accounts, settings=None):
    """An application with the routes of the accounts and a few that stand for the others."""
    app = Flask("device")
    app.config["MAX_CONTENT_LENGTH"] = 64 << 10
    protect(app, frozenset({"localhost"}))
    add_accounts(app, accounts, settings or AdmissionSettings())

    def whoami():
        caller = current_caller()
        return jsonify(
            {"name": caller.name, "role": caller.role, "groups": sorted(caller.groups)}
        )

    for path, methods in (
        ("/v1/whoami", ["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ("/v1/ask", ["POST"]),
        ("/v1/documents", ["GET", "POST"]),
        ("/v1/chat/completions", ["POST"]),
        ("/v1/embeddings", ["POST"]),
    ):
        app.add_url_rule(path, path, whoami, methods=methods)
    for path in ("/", "/app.js", "/healthz", "/readyz", "/openapi.json", "/metrics"):
        app.add_url_rule(path, path, lambda: "open")
    app.add_url_rule("/v1/edit", "edit", lambda: require("editor").name, methods=["POST"])
    return app


class Browser:
    """A client with cookies of its own, at an address."""

    def __init__(self, app, address=HERE, *, https=False):
        self.client, self.address, self.csrf = app.test_client(), address, ""
        self.base = f"{'https' if https else 'http'}://localhost"

    def call(self, method, path, body=None, *, csrf=None, headers=None, **more):
        token = self.csrf if csrf is None else csrf
        sent = {"X-CSRF-Token": token} if token else {}
        return self.client.open(
            path,
            method=method,
            base_url=self.base,
            json=body,
            headers=sent | (headers or {}),
            environ_overrides={"REMOTE_ADDR": self.address},
            **more,
        )

    def login(self, name, password=PASSWORD):
        response = self.call("POST", "/v1/session", {"name": name, "password": password})
        if response.status_code == 200:
            self.csrf = response.json["csrf"]
        return response

    @property
    def cookie(self):
        return self.client.get_cookie("sfta_session")


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def stored_text(accounts_folder):
    """Everything in the file and its journal, as text in which a secret could be found."""
    return b"".join(path.read_bytes() for path in (accounts_folder / "data").glob("accounts*"))


def as_json(response):
    return json.loads(response.get_data())
