"""The part of a scripted device that only an admin may see."""

from flask import Response, jsonify, request
from werkzeug.exceptions import Conflict, NotFound

from web_answers import INFO
from web_entry import account

RULES = (
    ("GET", "/v1/status", "status"),
    ("POST", "/v1/backup", "backup"),
    ("GET", "/v1/users", "users"),
    ("POST", "/v1/users", "add_user"),
    ("PATCH", "/v1/users/<name>", "change_user"),
    ("DELETE", "/v1/users/<name>", "delete_user"),
    ("GET", "/v1/tokens", "tokens"),
    ("POST", "/v1/tokens", "add_token"),
    ("DELETE", "/v1/tokens/<identity>", "revoke"),
    ("GET", "/v1/audit", "audit"),
    ("POST", "/v1/audit/verify", "verify"),
    ("GET", "/v1/audit/export", "export"),
    ("POST", "/v1/audit/<int:identity>/redact", "redact"),
    ("POST", "/v1/audit/<int:identity>/replay", "replay"),
)
ENGINE = {
    "model": "SmolLM2-135M-Instruct.Q4_1.gguf", "context_tokens": 4096, "threads": 4,
    "first_token_ms": 812.0, "working": True, "lanes": [1, 2], "trouble": None,
    "speed": {"prefill_tokens": 1234.5}, "status": "up", "since": 1_795_761_281.9, "pid": 79_270,
    "last_error": "",
}  # fmt: skip
DAY = 86_400


def shown(user):
    return {key: value for key, value in user.items() if key != "password"}


class Administration:
    def __init__(self, device):
        self.device = device

    def status(self):
        return jsonify(
            bundle=INFO,
            engine=ENGINE,
            knowledge={"documents": len(self.device.papers), "size_bytes": 18_400_000},
            disk={"total_bytes": 64_000_000_000, "free_bytes": 21_500_000_000},
            memory={"total_bytes": 8_000_000_000, "available_bytes": 600_000_000},
            offline=self.device.offline,
            degraded=self.device.degraded,
            uptime_seconds=3 * DAY + 7200,
            version="0.1.0",
        )

    def backup(self):
        disposition = {"Content-Disposition": 'attachment; filename="device.sfta-backup"'}
        return Response(b"encrypted", mimetype="application/octet-stream", headers=disposition)

    def users(self):
        return jsonify(users=[shown(user) for user in self.device.users.values()])

    def add_user(self):
        body = request.get_json()
        if body["name"] in self.device.users:
            raise Conflict("this name is taken")
        user = account(body["name"], body["role"], body["groups"], body["password"])
        self.device.users[user["name"]] = user
        return jsonify(shown(user)), 201

    def change_user(self, name):
        self.device.users[name] |= request.get_json()
        return jsonify(shown(self.device.users[name]))

    def delete_user(self, name):
        if self.device.users[name]["role"] == "admin":
            raise Conflict("the last admin stays")
        del self.device.users[name]
        return "", 204

    def tokens(self):
        return jsonify(tokens=self.device.tokens)

    def add_token(self):
        body = request.get_json()
        made = 1771000000.0
        token = {
            "id": f"t{len(self.device.tokens) + 1}", "name": body["name"], "role": body["role"],
            "groups": body["groups"], "created": made, "last_used": None,
            "expires": made + DAY * body["days"] if "days" in body else None,
        }  # fmt: skip
        self.device.tokens.append(token)
        return jsonify(token | {"token": "sfta_5up3r53cr3t"}), 201

    def revoke(self, identity):
        tokens = self.device.tokens
        tokens[:] = [token for token in tokens if token["id"] != identity]
        return "", 204

    def record(self, identity):
        if not 1 <= identity <= len(self.device.records):
            raise NotFound("there is no such record")
        return self.device.records[identity - 1]

    def audit(self):
        records = self.device.records
        before = request.args.get("before", default=len(records) + 1, type=int)
        found = [record for record in records[::-1] if record["id"] < before]
        page = found[: int(request.args["limit"])]
        return jsonify(records=page, intact=self.device.intact)

    def verify(self):
        bad = None if self.device.intact else 2
        why = "" if self.device.intact else "record 2 does not continue the one before"
        count = len(self.device.records)
        return jsonify(intact=self.device.intact, records=count, first_bad=bad, why=why)

    def export(self):
        return Response("{}\n", mimetype="application/x-ndjson")

    def redact(self, identity):
        found = self.record(identity)
        for name in ("user", "question", "answer"):
            found.pop(name, None)
        found["redacted"] = True
        self.device.note("redact", of=identity, reason=request.get_json()["reason"])
        return "", 204

    def replay(self, identity):
        recorded = self.record(identity)["answer"]
        same = self.device.intact
        now = recorded if same else "Something else."
        differences = [] if same else ["answer"]
        return jsonify(same=same, answer=now, recorded=recorded, differences=differences)
