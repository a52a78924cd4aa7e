"""``GET /openapi.json``: the Edge API, described for programs (OpenAPI 3.1)."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify

from sfta_edge import __version__
from sfta_edge.api.routes import ROUTES, Route
from sfta_edge.api.schemas import SCHEMAS, TEXT, named

_PROBLEM = "application/problem+json"
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Description:
    """The document under construction."""

    paths: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, route: Route) -> None:
        """Describe one request."""
        operation: dict[str, Any] = {
            "summary": route.says,
            "operationId": _identifier(route),
            "responses": _responses(route),
            "security": [] if route.role is None else [{"token": []}, {"session": []}],
        }
        if route.role:
            operation["description"] = f"Needs the role {route.role} or a greater one."
        parameters = [_parameter(name, "path") for name in _PLACE.findall(route.path)]
        parameters += [_parameter(name, "query") for name in route.query]
        if parameters:
            operation["parameters"] = parameters
        if route.body is not None:
            content = {route.takes: {"schema": route.body}}
            operation["requestBody"] = {"required": True, "content": content}
        self.paths.setdefault(route.path, {})[route.method.lower()] = operation


def openapi() -> dict[str, Any]:
    """The whole document."""
    found = Description()
    for route in ROUTES:
        found.add(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SFTA Edge API",
            "version": __version__,
            "description": "Answers from documents on this device, with quotes and pages.",
        },
        "paths": found.paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "sfta_session"},
            },
        },
    }


def add_openapi(app: Flask) -> None:
    """Serve the document; it tells nothing of what the device holds."""
    document = openapi()

    def view() -> Response:
        return jsonify(document)

    app.add_url_rule("/openapi.json", endpoint="openapi", view_func=view)


def _responses(route: Route) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "As asked."}
    if route.gives is not None:
        good["content"] = {route.form: {"schema": route.gives}}
    if route.streams:
        good["content"]["text/event-stream"] = {"schema": TEXT}
    problem = {
        "description": "A problem, with what to do.",
        "content": {_PROBLEM: {"schema": named("Problem")}},
    }
    return {str(route.status): good, "default": problem}


def _parameter(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": TEXT}


def _identifier(route: Route) -> str:
    words = re.findall(r"\w+", route.path.removeprefix("/v1"))
    return "_".join([route.method.lower(), *words]) or route.method.lower()
