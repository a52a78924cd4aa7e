"""The Edge API and the web page, as one WSGI application.

This module puts the parts together; each noun's endpoints stand in a file of `sfta_edge.api`.
Requests are checked in `guard` and let in by `api.admission`.
"""

from collections.abc import Callable

from flask import Flask, Response, jsonify
from werkzeug.exceptions import ServiceUnavailable

from sfta_edge.api.accounts import add_accounts
from sfta_edge.api.asking import Asker, Desk, ServeLimits, add_asking
from sfta_edge.api.openapi import add_openapi
from sfta_edge.appliance import BundleInfo
from sfta_edge.gate import Gate
from sfta_edge.guard import protect
from sfta_edge.pages import add_pages

__all__ = ["ServeLimits", "asking_app", "bare_app", "create_app"]


def create_app(answerer: Asker, info: BundleInfo, limits: ServeLimits | None = None) -> Flask:
    """The application that answers from one bundle, without accounts or documents of its own."""
    limits = limits or ServeLimits()
    app = bare_app(limits)
    add_accounts(app, None)
    asking_app(app, Desk(answerer, info, limits))
    return app


def bare_app(limits: ServeLimits) -> Flask:
    """An application that answers nothing yet, behind its guard."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limits.body_bytes
    protect(app, limits.names)
    return app


def asking_app(app: Flask, desk: Desk, failing: Callable[[], str] = str) -> Gate:
    """Add questions, health and the page.

    Args:
        app: made by `bare_app`; who may call is settled already.
        desk: what answers.
        failing: why no question can be answered now; empty while they can.
    """
    gate = add_asking(app, desk)

    def healthy() -> Response:
        return jsonify({"status": "ok"})

    def ready() -> Response:
        if gate.stuck:
            raise ServiceUnavailable("a question takes longer than any may: the engine hangs")
        if reason := failing():
            raise ServiceUnavailable(reason)
        facts = {"waiting": gate.waiting, "places": gate.places}
        return jsonify({"status": "ready", "bundle": desk.info.to_json(), **facts})

    app.add_url_rule("/healthz", "healthz", healthy)
    app.add_url_rule("/readyz", "readyz", ready)
    add_openapi(app)
    add_pages(app)
    return gate
