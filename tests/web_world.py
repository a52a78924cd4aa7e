"""A device that answers the Edge API from memory, as a test tells it: what the page talks to."""

import threading
from contextlib import contextmanager

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import NotFound, ServiceUnavailable, TooManyRequests
from werkzeug.serving import WSGIRequestHandler, make_server

import web_administration
import web_entry
import web_library
import web_updates
from sfta_edge.guard import protect
from sfta_edge.pages import add_pages
from web_administration import Administration
from web_answers import INFO, answer_to, event
from web_entry import PASSWORD, TOKEN, Entry, account
from web_library import Library
from web_sheets import papers

__all__ = ["PASSWORD", "TOKEN", "Device", "device_app", "served"]
PIECES = ("Looking at the oil: ", "[2] “The gear oil is changed", " every 8,000 hours”")
BROKEN = {"status": 500, "detail": "the engine broke off", "hint": "Ask again."}
RULES = (
    ("POST", "/v1/ask", "ask"),
    ("GET", "/v1/models", "models"),
    ("GET", "/v1/history", "history"),
    ("DELETE", "/v1/history", "forget"),
    ("DELETE", "/v1/history/<int:identity>", "forget"),
)


class Device:
    """The state; tests turn its knobs."""

    def __init__(self, *, accounts=True):
        self.accounts = accounts
        self.busy = 0  # refuse this many questions
        self.go = threading.Event()  # lets answers, queues and jobs go on
        self.go.set()
        self.degraded = []
        self.offline = {"sealed": True, "networks": ["eth0"], "gateways": [], "known": True}
        self.intact = True
        self.calls = []  # method and path of all that was asked of the API
        self.asked = []  # bodies of questions
        people = (
            ("ada", "admin", ["safety team"]),
            ("eve", "editor", []),
            ("rob", "reader", []),
        )
        self.users = {name: account(name, *rest) for name, *rest in people}
        self.sessions, self.entered = {}, 0
        self.papers, self.jobs, self.past, self.tokens = papers(), {}, [], []
        self.records = []
        self.updates = web_updates.UpdateState()
        self.note("begin", key="ed25519")

    def note(self, kind, **facts):
        when = {"wall": "2026-03-02T09:30:00.000+00:00", "monotonic": 12.5, "boot": "b"}
        identity = len(self.records) + 1
        record = {"id": identity, "kind": kind, "time": when, "redacted": False}
        self.records.append(record | facts)

    def seen(self):
        """Documents that the caller may read."""
        everything = g.user is None or g.user["role"] == "admin"
        groups = set() if g.user is None else set(g.user["groups"])
        return [p for p in self.papers if everything or not p.access or groups & set(p.access)]

    def paper(self, identity):
        for paper in self.seen():
            if paper.id == identity:
                return paper
        raise NotFound("there is no such document")


class Questions:
    def __init__(self, device):
        self.device = device

    def ask(self):
        body = request.get_json()
        self.device.asked.append(body)
        if self.device.busy:
            self.device.busy -= 1
            raise TooManyRequests("all places are taken", retry_after=1)
        if "down" in body["question"]:
            raise ServiceUnavailable("the engine does not run")
        name = g.user and g.user["name"]
        return Response(self.written(body["question"], name), mimetype="text/event-stream")

    def written(self, question, name):
        for position in (2, 1) if "queue" in question else ():
            yield event("queue", {"position": position})
            self.device.go.wait(20)
        if "fails" in question:
            yield event("error", BROKEN)
            return
        for piece in PIECES:
            yield event("text", {"text": piece})
            self.device.go.wait(20)
        if "breaks" not in question:
            yield event("answer", self.kept(question, name))

    def kept(self, question, name):
        past = self.device.past
        answer = answer_to(question, self.device.papers) | {"id": len(past) + 1}
        entry = {"id": answer["id"], "time": 1772440200.0, "question": question}
        past.insert(0, entry | {"answer": answer, "user": name})
        self.device.note("answer", user=name, question=question, answer=answer["answer"])
        return answer

    def models(self):
        return jsonify(object="list", data=[{"id": INFO["name"], "bundle": INFO}])

    def history(self):
        before, limit = request.args.get("before", type=int), int(request.args["limit"])
        own = [
            entry for entry in self.device.past if not g.user or entry["user"] == g.user["name"]
        ]
        found = [entry for entry in own if before is None or entry["id"] < before]
        return jsonify(entries=found[:limit])

    def forget(self, identity=None):
        past = self.device.past
        past[:] = [entry for entry in past if identity not in (None, entry["id"])]
        return "", 204


def device_app(device):
    app = Flask("scripted_device", static_folder=None)
    protect(app, frozenset({"localhost"}))
    add_pages(app)
    entry = Entry(device)
    app.before_request(entry.check)
    for rules, views in (
        (web_entry.RULES, entry),
        (RULES, Questions(device)),
        (web_library.RULES, Library(device)),
        (web_administration.RULES, Administration(device)),
        (web_updates.RULES, web_updates.Updates(device)),
    ):
        for method, rule, name in rules:
            app.add_url_rule(
                rule, endpoint=name, view_func=getattr(views, name), methods=[method]
            )
    return app


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


@contextmanager
def served(device):
    """Address of the device as a real server."""
    app = device_app(device)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        device.go.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
