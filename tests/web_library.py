"""The documents of a scripted device, and how they get there."""

import time

from flask import Response, jsonify, request
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    NotFound,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from web_sheets import HEIGHT, WIDTH, read_in

RULES = (
    ("GET", "/v1/documents", "documents"),
    ("POST", "/v1/documents", "upload"),
    ("PATCH", "/v1/documents/<identity>", "move"),
    ("DELETE", "/v1/documents/<identity>", "delete"),
    ("GET", "/v1/documents/<identity>/file", "file"),
    ("GET", "/v1/documents/<identity>/pages/<int:number>", "page"),
    ("GET", "/v1/documents/<identity>/pages/<int:number>/image", "image"),
    ("GET", "/v1/collections", "collections"),
    ("GET", "/v1/jobs", "jobs"),
    ("GET", "/v1/jobs/<identity>", "job"),
    ("DELETE", "/v1/jobs/<identity>", "cancel"),
)
LARGEST, WIDEST = 1 << 20, 1920


class Library:
    def __init__(self, device):
        self.device = device

    def documents(self):
        return jsonify(documents=[paper.to_json() for paper in self.device.seen()])

    def collections(self):
        names = sorted({paper.collection for paper in self.device.seen()})
        return jsonify(collections=[{"name": name, "documents": 1} for name in names])

    def upload(self):
        name, content = request.args["name"], request.get_data()
        if name.endswith(".exe"):
            raise UnsupportedMediaType("programs are not read")
        if len(content) > LARGEST:
            raise RequestEntityTooLarge("at most 1 MiB")
        jobs = self.device.jobs
        identity = f"job{len(jobs) + 1}"
        jobs[identity] = {
            "id": identity, "name": name, "state": "running", "step": "chunks", "done": 3,
            "total": 10, "error": None, "document_id": None, "created": time.time(),
            "finished": None, "size": len(content),
            "collection": request.args.get("collection", ""),
            "access": [part for part in request.args.get("access", "").split(",") if part],
        }  # fmt: skip
        return jsonify(job=jobs[identity]), 202

    def jobs(self):
        return jsonify(jobs=list(self.device.jobs.values()))

    def job(self, identity):
        found = self.device.jobs[identity]
        if found["state"] == "running" and self.device.go.is_set():
            self.end(found)
        return jsonify(found)

    def end(self, job):
        if "broken" in job["name"]:
            job.update(state="failed", error="the file has no pages")
            return
        job.update(state="done", document_id=f"new-{job['id']}")
        paper = read_in(job["document_id"], job["name"], job["size"])
        paper.collection, paper.access = job["collection"], job["access"]
        kept = [other for other in self.device.papers if other.name != paper.name]
        self.device.papers[:] = [*kept, paper]

    def cancel(self, identity):
        self.device.jobs[identity]["state"] = "cancelled"
        return "", 204

    def move(self, identity):
        paper, place = self.device.paper(identity), request.get_json()
        if "taken" in place["collection"]:
            raise Conflict("a document of this name or content is there already")
        paper.collection, paper.access = place["collection"], place["access"]
        return jsonify(paper.to_json())

    def delete(self, identity):
        paper = self.device.paper(identity)
        if paper.origin == "bundle":
            raise Conflict("a document of the bundle stays")
        self.device.papers.remove(paper)
        return "", 204

    def file(self, identity):
        return Response(
            self.device.paper(identity).sheets[0].drawing, mimetype="application/pdf"
        )

    def page(self, identity, number):
        paper = self.device.paper(identity)
        sheet = paper.sheets[number - 1]
        place = {"document": paper.id, "number": number, "pages": len(paper.sheets)}
        shape = {"width": WIDTH, "height": HEIGHT, "lines": sheet.lines}
        return jsonify(text=sheet.text, **place, **shape)

    def image(self, identity, number):
        paper = self.device.paper(identity)
        if not paper.pictures:
            raise NotFound("there is no picture of this page")
        width = int(request.args["width"])
        if width > WIDEST:
            raise BadRequest(f"width is a number of pixels from 1 to {WIDEST}")
        picture = paper.sheets[number - 1].picture(width)
        return Response(picture, mimetype="image/png")
