"""The description of the Edge API is valid, and says who may do what."""

import pytest
from flask import Flask
from openapi_spec_validator import validate

from sfta_edge.api.openapi import add_openapi, openapi
from sfta_edge.api.routes import ROUTES
from sfta_edge.api.schemas import SCHEMAS, or_null, shaped


def test_it_is_a_valid_description():
    validate(openapi())


def test_every_request_has_a_name_of_its_own():
    operations = [each for path in openapi()["paths"].values() for each in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_needs_somebody_says_so(route):
    operation = openapi()["paths"][route.path][route.method.lower()]
    assert bool(operation["security"]) == (route.role is not None)
    assert str(route.status) in operation["responses"]
    problem = operation["responses"]["default"]["content"]["application/problem+json"]
    assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_places_in_a_path_are_its_parameters():
    page = openapi()["paths"]["/v1/documents/{id}/pages/{number}/image"]["get"]
    found = [(each["name"], each["in"], each["required"]) for each in page["parameters"]]
    assert found == [("id", "path", True), ("number", "path", True), ("width", "query", False)]


def test_an_answer_can_be_streamed():
    content = openapi()["paths"]["/v1/ask"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}


def test_every_schema_is_used():
    text = str(openapi())
    assert all(f"#/components/schemas/{name}'" in text for name in SCHEMAS)


def test_schemas_are_put_together():
    assert or_null({"type": "string"}) == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert shaped("a", a={}) == {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    assert shaped() == {"type": "object", "properties": {}}


def test_anybody_may_read_it():
    app = Flask("described")
    add_openapi(app)
    assert app.test_client().get("/openapi.json").json["openapi"] == "3.1.0"
