"""An application of which tests choose the caller of each request, with the real guard."""

from flask import Flask, request

from sfta_edge.api.calls import set_caller
from sfta_edge.caller import Caller
from sfta_edge.guard import protect

CALLERS = {
    "reader": Caller("mia"),
    "editor": Caller("leo", "editor"),
    "admin": Caller("root", "admin"),
    "nobody": None,
}


def called_app(*adders):
    """A test client: the header ``As`` names who calls."""
    app = Flask(__name__)
    protect(app, frozenset({"localhost"}))
    app.before_request(lambda: set_caller(CALLERS[request.headers.get("As", "admin")]))
    for add in adders:
        add(app)
    return app.test_client()


def caller(name):
    """Headers of a caller."""
    return {"As": name}
