"""The part of a scripted device that takes updates; a test says how each one ends."""

from flask import jsonify, request
from werkzeug.exceptions import UnprocessableEntity

RULES = (
    ("GET", "/v1/bundle/updates", "update_status"),
    ("POST", "/v1/bundle/updates", "update_upload"),
    ("DELETE", "/v1/bundle/updates", "update_cancel"),
    ("POST", "/v1/bundle/updates/install", "update_install"),
    ("POST", "/v1/bundle/updates/restart", "update_restart"),
    ("POST", "/v1/bundle/updates/rollback", "update_rollback"),
)


def bundle(counter):
    return {"name": "manuals", "counter": counter, "digest": str(counter)}


class UpdateState:
    """What the device knows; tests turn its knobs."""

    def __init__(self):
        self.facts = {
            "possible": True, "running": bundle(3), "active": bundle(3), "other": bundle(2),
            "restart": False, "supervised": True, "start": "/opt/sfta/bin/sfta-edge serve",
            "probation": False, "reason": "", "slice_bytes": 4, "most_bytes": 1000,
            "files": [], "job": None,
        }  # fmt: skip
        self.stages = []  # states of the job, the next one at each look
        self.refuse = ""  # what the upload is refused with
        self.slices = []
        self.reason = None

    def look(self):
        job = self.facts.get("job")
        if job and self.stages:
            job["state"] = self.stages.pop(0)
            if job["state"] == "done":
                self.done(job)
        return self.facts

    def done(self, job):
        counter = 4 if job["kind"] == "install" else 2
        self.facts |= {"active": bundle(counter), "other": bundle(3), "restart": True}


class Updates:
    def __init__(self, device):
        self.state = device.updates

    def update_status(self):
        return jsonify(self.state.look())

    def update_upload(self):
        if self.state.refuse:
            raise UnprocessableEntity(self.state.refuse)
        name, size = request.args["name"], int(request.args["size"])
        content = request.get_data()
        self.state.slices.append((name, int(request.args["offset"]), content))
        others = [file for file in self.state.facts["files"] if file["name"] != name]
        arrived = int(request.args["offset"]) + len(content)
        self.state.facts["files"] = [*others, {"name": name, "size": size, "received": arrived}]
        return jsonify(self.state.facts)

    def update_install(self):
        self.state.facts |= {"files": [], "job": self.job("install", done=1, total=2)}
        return jsonify(self.state.facts), 202

    def update_rollback(self):
        self.state.reason = request.get_json()["reason"]
        self.state.facts["job"] = self.job("rollback")
        return jsonify(self.state.facts), 202

    def update_restart(self):
        facts = self.state.facts
        facts |= {"running": facts["active"], "restart": False, "probation": True, "job": None}
        return "", 204

    def update_cancel(self):
        facts = self.state.facts
        if facts["job"]:
            facts["job"]["state"] = "cancelled"
        self.state.stages.clear()
        facts["files"] = []
        return "", 204

    def job(self, kind, **more):
        return {"kind": kind, "state": "checking", "done": 0, "total": 0, "error": "",
                "hint": "", **more}  # fmt: skip
