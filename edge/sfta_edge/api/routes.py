"""Every request that the device answers, in one table; docs/reference/edge-api.md in words."""

from dataclasses import dataclass

from sfta_edge.api.schemas import (
    ANY_OBJECT,
    ROLE,
    TEXT,
    TEXTS,
    WHOLE,
    YES_NO,
    Schema,
    listed,
    named,
    or_null,
    shaped,
)
from sfta_edge.caller import Role

_BYTES = {"type": "string", "format": "binary"}
_FILE = "application/octet-stream"
_ACCOUNT = {"role": ROLE, "groups": TEXTS}


@dataclass(frozen=True, slots=True)
class Route:
    """One request and its answer."""

    method: str
    path: str
    role: Role | None
    """The least that a caller must be; None: anybody who reaches the device."""
    says: str
    body: Schema | None = None
    gives: Schema | None = None
    status: int = 200
    query: tuple[str, ...] = ()
    takes: str = "application/json"
    form: str = "application/json"
    streams: bool = False


_ASKED = shaped("question", question=TEXT, stream=YES_NO, strict=YES_NO, collections=TEXTS)
_CHAT = shaped(
    "messages", messages={"type": "array", "items": ANY_OBJECT}, stream=YES_NO, model=TEXT
)
_EMBED = shaped("input", input={"anyOf": [TEXT, TEXTS]}, model=TEXT, encoding_format=TEXT)
_CHANGED = shaped("", **_ACCOUNT, password=TEXT, disabled=YES_NO)

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/ask", "reader", "Ask a question", _ASKED, named("Answer"), streams=True),
    Route("POST", "/v1/chat/completions", "reader", "Ask, in OpenAI's form", _CHAT, ANY_OBJECT,
          streams=True),
    Route("GET", "/v1/models", "reader", "What answers, in OpenAI's form", None, ANY_OBJECT),
    Route("POST", "/v1/embeddings", "reader", "Vectors of texts, in OpenAI's form", _EMBED,
          ANY_OBJECT),
    Route("GET", "/v1/session", None, "Who is logged in", None, named("Session")),
    Route("POST", "/v1/setup", None, "Make the first admin",
          shaped("token name password", token=TEXT, name=TEXT, password=TEXT), named("Session"),
          201),
    Route("POST", "/v1/session", None, "Log in",
          shaped("name password", name=TEXT, password=TEXT), named("Session")),
    Route("DELETE", "/v1/session", None, "Log out", status=204),
    Route("POST", "/v1/password", "reader", "Change one's password",
          shaped("old new", old=TEXT, new=TEXT), status=204),
    Route("GET", "/v1/users", "admin", "All users", None, shaped("users", users=listed("User"))),
    Route("POST", "/v1/users", "admin", "Add a user",
          shaped("name password role", name=TEXT, password=TEXT, **_ACCOUNT), named("User"), 201),
    Route("PATCH", "/v1/users/{name}", "admin", "Change a user", _CHANGED, named("User")),
    Route("DELETE", "/v1/users/{name}", "admin", "Remove a user", status=204),
    Route("GET", "/v1/tokens", "admin", "All tokens", None,
          shaped("tokens", tokens=listed("Token"))),
    Route("POST", "/v1/tokens", "admin", "Make a token, shown this once",
          shaped("name role", name=TEXT, days=WHOLE, **_ACCOUNT), named("Token"), 201),
    Route("DELETE", "/v1/tokens/{id}", "admin", "Revoke a token", status=204),
    Route("GET", "/v1/history", "reader", "One's own questions, newest first", None,
          shaped("entries", entries={"type": "array", "items": ANY_OBJECT}),
          query=("before", "limit")),
    Route("DELETE", "/v1/history", "reader", "Forget all of one's questions", status=204),
    Route("DELETE", "/v1/history/{id}", "reader", "Forget one of one's questions", status=204),
    Route("GET", "/v1/documents", "reader", "What one may read", None,
          shaped("documents", documents=listed("Document"))),
    Route("POST", "/v1/documents", "editor", "Add a document", _BYTES,
          shaped("job", job=named("Job")), 202, ("name", "collection", "access"), takes=_FILE),
    Route("GET", "/v1/documents/{id}", "reader", "One document", None, named("Document")),
    Route("PATCH", "/v1/documents/{id}", "editor", "Change who may read a document",
          shaped("", collection=TEXT, access=TEXTS), named("Document")),
    Route("DELETE", "/v1/documents/{id}", "editor", "Remove a document", status=204),
    Route("GET", "/v1/documents/{id}/file", "reader", "The file of a document", None, _BYTES,
          form=_FILE),
    Route("GET", "/v1/documents/{id}/pages/{number}", "reader", "Text of a page", None,
          named("Page")),
    Route("GET", "/v1/documents/{id}/pages/{number}/image", "reader", "Picture of a page", None,
          _BYTES, query=("width",), form="image/png"),
    Route("GET", "/v1/collections", "reader", "Collections with something one may read", None,
          shaped("collections", collections={
              "type": "array", "items": shaped("name documents", name=TEXT, documents=WHOLE)})),
    Route("GET", "/v1/jobs", "editor", "Documents on their way in", None,
          shaped("jobs", jobs=listed("Job"))),
    Route("GET", "/v1/jobs/{id}", "editor", "One document on its way in", None, named("Job")),
    Route("DELETE", "/v1/jobs/{id}", "editor", "Stop it", status=204),
    Route("GET", "/v1/status", "admin", "How the device is", None, ANY_OBJECT),
    Route("GET", "/v1/audit", "admin", "What was done, newest first", None,
          shaped("records intact", records={"type": "array", "items": ANY_OBJECT},
                 intact=or_null(YES_NO)), query=("before", "limit")),
    Route("POST", "/v1/audit/verify", "admin", "Check the whole log", None,
          shaped("intact records", intact=YES_NO, records=WHOLE, first_bad=or_null(WHOLE))),
    Route("GET", "/v1/audit/export", "admin", "The whole log", None, TEXT,
          form="application/x-ndjson"),
    Route("POST", "/v1/audit/{id}/redact", "admin", "Take out what names a person",
          shaped("reason", reason=TEXT), status=204),
    Route("POST", "/v1/audit/{id}/replay", "admin", "Answer a question of the log again", None,
          ANY_OBJECT),
    Route("POST", "/v1/backup", "admin", "An encrypted backup", None, _BYTES, form=_FILE),
    Route("GET", "/v1/bundle/updates", "admin", "What is installed, and an update", None,
          named("Updates")),
    Route("POST", "/v1/bundle/updates", "admin", "Upload a slice of a bundle", _BYTES,
          named("Updates"), query=("name", "size", "offset"), takes=_FILE),
    Route("DELETE", "/v1/bundle/updates", "admin", "Stop the update and remove what arrived",
          status=204),
    Route("POST", "/v1/bundle/updates/install", "admin", "Check, try and install what arrived",
          None, named("Updates"), 202),
    Route("POST", "/v1/bundle/updates/restart", "admin", "Start the installed bundle", status=204),
    Route("POST", "/v1/bundle/updates/rollback", "admin", "Go back to the bundle before",
          shaped("", reason=TEXT), named("Updates"), 202),
    Route("GET", "/healthz", None, "The server runs", None, shaped("status", status=TEXT)),
    Route("GET", "/readyz", None, "The device answers", None, ANY_OBJECT),
    Route("GET", "/metrics", "reader", "Counters for Prometheus", None, TEXT, form="text/plain"),
    Route("GET", "/openapi.json", None, "This description", None, ANY_OBJECT),
)  # fmt: skip
