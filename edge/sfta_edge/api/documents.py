"""The documents of the Edge API: listing, adding, showing, moving and removing them.

Rules this module upholds:

- What a caller's view does not hold is not found, whatever the request.
- A file goes to disk piece by piece; the length a client announces is a promise, not a fact.
- An editor gives a document to groups of their own only; an admin to any. Groups that have it
  already may keep it.
- A file that is handed out is never run by the browser as a page of this device.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from flask import Flask, Response, jsonify, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Conflict, NotFound, UnsupportedMediaType

from sfta_edge.api.calls import current_caller, require
from sfta_edge.api.library_refusals import refusals
from sfta_edge.api.places import place_of, require_groups
from sfta_edge.caller import EVERYTHING, Caller, View, groups_of
from sfta_edge.documents.media import DOCX, PDF
from sfta_edge.errors import IntegrityError
from sfta_edge.found import DocumentFacts, Page
from sfta_edge.guard import json_body
from sfta_edge.library.job import Job
from sfta_edge.library.library import Library
from sfta_edge.library.page_images import WIDTHS, PageImages
from sfta_edge.library.refusals import NotFoundError

ViewFunction = Callable[..., ResponseReturnValue]
_DEFAULT_WIDTH = 960
_NO_DOCUMENT = "there is no such document"
_NO_JOB = "there is no such job"
_INERT = frozenset({PDF, DOCX})
"""Kinds that a browser never runs as a page."""
_BYTES = "application/octet-stream"
_WRAPPER = "wsgi.file_wrapper"


class Reader(Protocol):
    """What can be found, with its pages; `retriever.Retriever` is one."""

    def documents(self, view: View, /) -> Sequence[DocumentFacts]: ...

    def document(self, document_id: str, view: View, /) -> DocumentFacts: ...

    def page(self, document_id: str, number: int, view: View, /) -> Page: ...


def add_documents(
    app: Flask, library: Library, reader: Reader, images: PageImages, *, file_bytes: int
) -> None:
    """Register the routes.

    Args:
        app: other routes keep their own limit on bodies.
        library: the documents of the device.
        reader: those and the documents of the bundle.
        images: pictures and originals of both.
        file_bytes: longest body of an upload.
    """
    made = _Documents(library, reader, images, file_bytes)
    rules: dict[str, dict[str, ViewFunction]] = {
        "/v1/documents": {"GET": made.listing, "POST": made.upload},
        "/v1/documents/<identity>": {
            "GET": made.one,
            "PATCH": made.move,
            "DELETE": made.remove,
        },
        "/v1/documents/<identity>/file": {"GET": made.file},
        "/v1/documents/<identity>/pages/<int(max=1000000):number>": {"GET": made.page},
        "/v1/documents/<identity>/pages/<int(max=1000000):number>/image": {"GET": made.image},
        "/v1/collections": {"GET": made.collections},
        "/v1/jobs": {"GET": made.jobs},
        "/v1/jobs/<identity>": {"GET": made.job, "DELETE": made.cancel},
    }
    for rule, views in rules.items():
        for method, view in views.items():
            endpoint = f"documents {method} {rule}"
            app.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=[method])


class _Documents:
    """The endpoints; one for each application."""

    def __init__(
        self, library: Library, reader: Reader, images: PageImages, file_bytes: int
    ) -> None:
        self._library = library
        self._reader = reader
        self._images = images
        self._file_bytes = file_bytes

    def listing(self) -> Response:
        found = self._reader.documents(current_caller().view())
        own = {job.document_id: job for job in self._library.documents()}
        shown = [self._shown(facts, own.get(facts.id)) for facts in found]
        return jsonify({"documents": shown})

    def one(self, identity: str) -> Response:
        facts = self._facts(identity)
        return jsonify(self._shown(facts, self._own(identity)))

    def upload(self) -> tuple[Response, int]:
        caller = require("editor")
        request.max_content_length = self._file_bytes
        if request.mimetype == "multipart/form-data" or request.headers.get("Content-Encoding"):
            raise UnsupportedMediaType(
                "send the file itself as the body, not packed in another"
            )
        access = request.args.get("access", "")
        require_groups(caller, groups_of(access))
        with refusals():
            submitted = self._library.submit(
                request.stream,
                request.args.get("name", ""),
                collection=request.args.get("collection", ""),
                access=access,
                owner=caller.name,
                expected=request.content_length,
            )
        status = 202 if submitted.new else 200
        return jsonify({"job": submitted.job.to_json()}), status

    def move(self, identity: str) -> Response:
        caller = require("editor")
        place = place_of(json_body())
        facts = self._facts(identity)
        if self._own(identity) is None:
            raise Conflict("the document belongs to the bundle; only another bundle changes it")
        if "access" in place:
            require_groups(caller, groups_of(place["access"]) - groups_of(facts.access))
        with refusals():
            job = self._library.move(identity, **place)
        return jsonify(self._shown(self._facts(identity, EVERYTHING), job))

    def remove(self, identity: str) -> tuple[str, int]:
        require("editor")
        facts = self._facts(identity)
        if self._own(identity) is None:
            raise Conflict("the document belongs to the bundle; only another bundle removes it")
        with refusals():
            self._library.remove(identity)
        self._images.forget(facts.sha256)
        return "", 204

    def file(self, identity: str) -> Response:
        facts = self._facts(identity)
        path = self._images.original(facts.sha256)
        if path is None:
            raise NotFound("the file of this document is not on the device")
        answer = send_file(
            path,
            mimetype=facts.media_type if facts.media_type in _INERT else _BYTES,
            as_attachment=True,
            download_name=PurePosixPath(facts.name).name or "document",
            etag=facts.sha256,
        )
        return _by_the_server(answer, path)

    def page(self, identity: str, number: int) -> Response:
        facts, page = self._page(identity, number)
        return jsonify(
            {
                "document": facts.name,
                "document_id": facts.id,
                "title": facts.title,
                "number": page.number,
                "pages": page.pages,
                "text": page.text,
                "width": page.width,
                "height": page.height,
                "lines": [astuple(line) for line in page.lines],
            }
        )

    def image(self, identity: str, number: int) -> Response:
        facts, _ = self._page(identity, number)
        width = request.args.get("width", str(_DEFAULT_WIDTH))
        if not width.isascii() or not width.isdigit() or not 0 < int(width[:6]) <= WIDTHS[-1]:
            raise BadRequest(f"width is a number of pixels from 1 to {WIDTHS[-1]}")
        picture = self._images.png(facts.sha256, number, int(width))
        if picture is None:
            raise NotFound("there is no picture of this page; draw its lines")
        return Response(picture, mimetype="image/png")

    def collections(self) -> Response:
        found = self._reader.documents(current_caller().view())
        counts = Counter(facts.collection for facts in found if facts.collection)
        listed = [{"name": name, "documents": counts[name]} for name in sorted(counts)]
        return jsonify({"collections": listed})

    def jobs(self) -> Response:
        caller = require("editor")
        seen = [job for job in self._library.jobs() if _may_see(caller, job)]
        return jsonify({"jobs": [job.to_json() for job in seen]})

    def job(self, identity: str) -> Response:
        return jsonify(self._job(identity).to_json())

    def cancel(self, identity: str) -> tuple[str, int]:
        job = self._job(identity)
        with refusals():
            self._library.cancel(job.id)
        return "", 204

    def _job(self, identity: str) -> Job:
        caller = require("editor")
        try:
            job = self._library.job(identity)
        except NotFoundError as error:
            raise NotFound(_NO_JOB) from error
        if not _may_see(caller, job):
            raise NotFound(_NO_JOB)
        return job

    def _facts(self, identity: str, view: View | None = None) -> DocumentFacts:
        """A document that the caller sees, or that a view holds."""
        try:
            return self._reader.document(identity, view or current_caller().view())
        except IntegrityError as error:
            raise NotFound(_NO_DOCUMENT) from error

    def _page(self, identity: str, number: int) -> tuple[DocumentFacts, Page]:
        facts = self._facts(identity)
        try:
            return facts, self._reader.page(identity, number, current_caller().view())
        except IntegrityError as error:
            raise NotFound("the document has no such page") from error

    def _own(self, identity: str) -> Job | None:
        try:
            return self._library.document(identity)
        except NotFoundError:
            return None

    def _shown(self, facts: DocumentFacts, own: Job | None) -> dict[str, Any]:
        known = asdict(facts)
        original = self._images.original(facts.sha256)
        shown = {name: known[name] for name in ("id", "name", "title", "pages", "chunks")}
        return shown | {
            "collection": facts.collection,
            "access": sorted(groups_of(facts.access)),
            "origin": "device" if own else "bundle",
            "bytes": original.stat().st_size if original else None,
            "added": own.finished if own else None,
            "has_file": original is not None,
        }


def _by_the_server(answer: Response, path: Path) -> Response:
    """Let the server send a part of a file as it sends a whole one: then no thread waits."""
    if answer.status_code == HTTPStatus.PARTIAL_CONTENT and _WRAPPER in request.environ:
        part: Any = answer.response
        part.close()
        file = path.open("rb")
        file.seek(answer.content_range.start or 0)
        # waitress sends as many bytes as the answer is long, from where the file stands.
        answer.response = request.environ[_WRAPPER](file)
    return answer


def _may_see(caller: Caller, job: Job) -> bool:
    """A job is seen by whoever will see its document, and by whoever handed it in."""
    groups = groups_of(job.place.access)
    everybody = not groups or caller.role == "admin"
    return everybody or bool(groups & caller.groups) or job.owner == caller.name
