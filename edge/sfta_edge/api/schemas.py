"""The objects of the Edge API, as JSON Schema; `openapi` puts them into its document."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
YES_NO: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object"}
TEXTS: Schema = {"type": "array", "items": TEXT}
TIME: Schema = {"type": "number", "description": "seconds since 1970, UTC"}
ROLE: Schema = {"type": "string", "enum": ["reader", "editor", "admin"]}


def named(name: str) -> Schema:
    """A reference to a schema of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(name: str) -> Schema:
    """A list of objects of `SCHEMAS`."""
    return {"type": "array", "items": named(name)}


def shaped(needed: str = "", /, **properties: Schema) -> Schema:
    """An object; `needed` names the properties that are always there, spaces between them."""
    found: Schema = {"type": "object", "properties": properties}
    return found | ({"required": needed.split()} if needed else {})


SCHEMAS: dict[str, Schema] = {
    "Problem": shaped(
        "title status detail", type=TEXT, title=TEXT, status=WHOLE, detail=TEXT, hint=TEXT,
        position=WHOLE, error=ANY_OBJECT,
    ),
    "Bundle": shaped("name counter digest", name=TEXT, counter=WHOLE, digest=TEXT),
    "Updates": shaped(
        "possible", possible=YES_NO, running=or_null(named("Bundle")),
        active=or_null(named("Bundle")), other=or_null(named("Bundle")), restart=YES_NO,
        supervised=YES_NO, start=TEXT, probation=YES_NO, reason=TEXT, stays=TEXT, slice_bytes=WHOLE,
        most_bytes=WHOLE, files=listed("UpdateFile"), job=or_null(named("UpdateJob")),
    ),
    "UpdateFile": shaped("name size received", name=TEXT, size=WHOLE, received=WHOLE),
    "UpdateJob": shaped(
        "kind state", kind={"type": "string", "enum": ["install", "rollback"]},
        state={"type": "string",
               "enum": ["checking", "testing", "done", "refused", "cancelled"]},
        done=WHOLE, total=WHOLE, error=TEXT, hint=TEXT,
    ),
    "Box": shaped(
        "page x0 y0 x1 y1 page_width page_height", page=WHOLE, x0=NUMBER, y0=NUMBER, x1=NUMBER,
        y1=NUMBER, page_width=NUMBER, page_height=NUMBER,
    ),
    "Citation": shaped(
        "number quote verified corrected boxes", number=WHOLE, document=or_null(TEXT),
        document_id=or_null(TEXT), title=or_null(TEXT), page=or_null(WHOLE),
        chunk_id=or_null(TEXT), quote=TEXT, boxes=listed("Box"), verified=YES_NO,
        corrected=YES_NO,
    ),
    "Sentence": shaped("start end supported", start=WHOLE, end=WHOLE, supported=YES_NO),
    "Answer": shaped(
        "answer refused supported citations finish_reason", id=or_null(WHOLE), answer=TEXT,
        refused=YES_NO, supported=YES_NO, mode={"type": "string", "enum": ["model", "extractive"]},
        degraded=TEXTS, sentences=listed("Sentence"), withheld=WHOLE, finish_reason=TEXT,
        citations=listed("Citation"), dropped_chunks=TEXTS, refusal_score=or_null(NUMBER),
        usage=ANY_OBJECT, timings_ms=ANY_OBJECT, bundle=or_null(named("Bundle")),
    ),
    "Session": shaped(
        "user accounts",
        user=or_null(shaped("name role groups", name=TEXT, role=ROLE, groups=TEXTS)),
        csrf=or_null(TEXT), setup=YES_NO, accounts=YES_NO,
    ),
    "User": shaped(
        "name role groups", name=TEXT, role=ROLE, groups=TEXTS, created=TIME,
        last_seen=or_null(TIME), disabled=YES_NO,
    ),
    "Token": shaped(
        "id name role groups", id=TEXT, name=TEXT, role=ROLE, groups=TEXTS, created=TIME,
        last_used=or_null(TIME), expires=or_null(TIME), token=TEXT,
    ),
    "Document": shaped(
        "id name title pages origin", id=TEXT, name=TEXT, title=TEXT, pages=WHOLE, chunks=WHOLE,
        collection=TEXT, access=TEXTS, origin={"type": "string", "enum": ["bundle", "device"]},
        bytes=or_null(WHOLE), added=or_null(TIME), has_file=YES_NO,
    ),
    "Page": shaped(
        "document number text width height lines", document=TEXT, number=WHOLE, pages=WHOLE,
        text=TEXT, width=NUMBER, height=NUMBER,
        lines={"type": "array", "items": {"type": "array", "items": NUMBER}},
    ),
    "Job": shaped(
        "id name state", id=TEXT, name=TEXT,
        state={"type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"]},
        step=TEXT, done=WHOLE, total=WHOLE, error=or_null(TEXT), document_id=or_null(TEXT),
        created=TIME, finished=or_null(TIME),
    ),
}  # fmt: skip
