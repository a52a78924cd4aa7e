"""Whatever is sent to the device is answered, nonsense with a problem, nothing with a 500."""

import json
import os
import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfta_edge.api.routes import ROUTES
from sfta_edge.backup.keys import new_key
from whole_device import OIL, Person, app_of, opened_device, without_generator

EXAMPLES = int(os.environ.get("SFTA_FUZZ", "20"))
"""For each route."""
MAY_FAIL = {503, 507}
"""Above 499: what is out of order is said, and not a mistake of this program."""

words = st.text(max_size=40)
numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | words
    | st.sampled_from([OIL, "admin", "reader", "x" * 3000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)
digits = st.sampled_from(["0", "1", "2", "-1", "007", "1" * 30, "9" * 5000, "٣", "1.0", "%00"])
parts = (
    digits | st.text(min_size=1, max_size=30) | st.sampled_from(["manual", "ben", "..", "."])
)
queries = st.dictionaries(
    st.sampled_from(["before", "limit", "width", "name", "collection", "access", "x"]),
    digits | st.text(max_size=60) | st.sampled_from(["a.txt", "a.pdf", "b.md", "../c.txt"]),
    max_size=4,
)
types = st.sampled_from(
    [
        "application/json",
        "text/plain",
        "application/octet-stream",
        "multipart/form-data",
        "",
        "é",
    ]
)
extra = st.dictionaries(
    st.sampled_from(["Range", "If-None-Match", "Accept", "Origin", "Content-Encoding", "Cookie",
                     "Authorization", "X-CSRF-Token", "Accept-Encoding", "X-Forwarded-For"]),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
    | st.sampled_from(["bytes=0-", "bytes=-1", "bytes=9-1", "gzip", "Bearer x", "http://localhost"]),
    max_size=3,
)  # fmt: skip


@pytest.fixture(name="device", scope="module")
def _device(small_bundle, tmp_path_factory):
    root = tmp_path_factory.mktemp("fuzzed")
    with opened_device(small_bundle, root / "data") as device:
        new_key(root / "backup.pem", root / "data")
        yield without_generator(device)


@pytest.fixture(name="callers", scope="module")
def _callers(device):
    app = app_of(device)
    admin = Person(device, app)
    facts = {"name": "robot", "role": "admin", "groups": []}
    token = admin.call("POST", "/v1/tokens", json=facts).json["token"]
    admin.ask()  # so that there is a record, and an entry of the history
    return admin, app, {"Authorization": f"Bearer {token}"}


def bodies(route):
    """What the route takes, in its own words and in others."""
    if route.method in ("GET", "DELETE") or route.body is None:
        return st.just(b"") | st.binary(max_size=50)
    known = list(route.body.get("properties", {"question": 0}))
    objects = st.dictionaries(st.sampled_from(known), JSON, max_size=len(known))
    mixed = st.tuples(objects, st.dictionaries(words, JSON, max_size=2)).map(
        lambda both: json.dumps(both[0] | both[1]).encode()
    )
    return mixed | JSON.map(json.dumps).map(str.encode) | st.binary(max_size=200)


def answered(response):
    """Every answer has its form."""
    status = response.status_code
    assert status < 500 or status in MAY_FAIL, (status, response.get_data())
    if status >= 400 and response.request.method != "HEAD":
        assert response.mimetype == "application/problem+json", response.get_data()
        assert response.json["status"] == status
        assert response.json["detail"]
    content = response.get_data()
    if response.mimetype == "application/json" and response.request.method != "HEAD":
        json.loads(content)
    if response.mimetype == "text/event-stream":
        assert b'"status": 500' not in content
    return status


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nothing_that_is_sent_is_answered_with_a_defect(route, callers):
    admin, app, bearer = callers
    names = re.findall(r"\{\w+\}", route.path)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(
        who=st.sampled_from(["token", "cookie", "nobody"]),
        places=st.tuples(*(parts for _ in names)),
        body=bodies(route),
        query=queries,
        kind=types if route.takes == "application/json" else st.just(route.takes),
        headers=extra,
    )
    def sent(who, places, body, query, kind, headers):
        path = route.path
        for name, place in zip(names, places, strict=True):
            path = path.replace(name, quote(place, safe="", errors="replace"))
        client = admin.client if who == "cookie" else app.test_client()
        own = {"token": bearer, "cookie": admin.headers, "nobody": {}}[who]
        answered(
            client.open(
                path, method=route.method, data=body, query_string=query,
                content_type=kind, headers={**headers, **own}, buffered=True,
            )
        )  # fmt: skip
        if who == "cookie" and not admin.call("GET", "/v1/session").json["user"]:
            admin.enter()

    sent()


@pytest.mark.parametrize("number", ["0", "1" * 19, "9" * 19, "1" * 30, "9" * 5000, "-1"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/history/{}"),
        ("POST", "/v1/audit/{}/redact"),
        ("POST", "/v1/audit/{}/replay"),
        ("GET", "/v1/documents/manual/pages/{}"),
        ("GET", "/v1/documents/manual/pages/{}/image"),
        ("GET", "/v1/jobs/{}"),
        ("DELETE", "/v1/tokens/{}"),
    ],
)
def test_a_number_that_no_database_holds_is_not_found(callers, method, path, number):
    _, app, bearer = callers
    sent = app.test_client().open(
        path.format(number), method=method, headers=bearer, json={"reason": "none"}
    )
    assert answered(sent) == 404


@pytest.mark.slow
@settings(max_examples=10 * EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
    ),
    path=st.lists(parts | st.sampled_from(["v1", "documents", "audit"]), max_size=6),
    headers=extra,
)
def test_paths_that_nobody_knows_are_problems_too(callers, method, path, headers):
    _, app, bearer = callers
    spelt = "/" + "/".join(quote(part, safe="", errors="replace") for part in path)
    answered(app.test_client().open(spelt, method=method, headers={**headers, **bearer}))


def test_the_log_and_the_accounts_are_whole_after_all_this(callers):
    admin, _, _ = callers
    assert admin.call("POST", "/v1/audit/verify").json["intact"]
    assert admin.ask().status_code == 200
    assert "anna" in {user["name"] for user in admin.listed("/v1/users", "users")}
