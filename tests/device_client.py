"""A person at a device that only it can reach: each request is made by a program inside of it."""

import json
import time
from urllib.parse import quote

UPDATES = "/v1/bundle/updates"
DOCUMENT = (
    "# Jacquard loom\n\n"
    "The reed of the Jacquard loom is brushed every 17 days with a horsehair brush.\n"
)
"""The first that somebody adds, in words that no manual of the quickstart has."""
QUESTION = "How often is the reed of the Jacquard loom brushed?"
PROGRAM = """
import json, sys
from http.client import HTTPConnection
order = json.load(sys.stdin)
body = order["body"]
if isinstance(body, dict):
    body = json.dumps(body)
    order["headers"]["Content-Type"] = "application/json"
if order["file"]:
    with open(order["file"], "rb") as stream:
        stream.seek(order["offset"])
        body = stream.read(order["length"])
connection = HTTPConnection("127.0.0.1", 8080, timeout=600)
connection.request(order["method"], order["path"], body, order["headers"])
answer = connection.getresponse()
text = answer.read().decode("utf-8", "replace")
cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
print(json.dumps({"status": answer.status, "cookie": cookie, "text": text}))
"""


class DeviceClient:
    """Calls the Edge API as the person who has logged in."""

    def __init__(self, execute) -> None:
        """`execute` runs a program of Python in the device: its text and its input, its output."""
        self._execute, self._headers = execute, {}

    def call(self, method, path, body=None, *, file="", offset=0, length=-1):
        """Status, and the body: JSON or text; (0, text) where nobody answers."""
        order = {
            "method": method, "path": path, "body": body, "headers": dict(self._headers),
            "file": file, "offset": offset, "length": length,
        }  # fmt: skip
        done = self._execute(PROGRAM, json.dumps(order))
        try:
            found = json.loads(done)
        except ValueError:
            return 0, done
        if found["cookie"]:
            self._headers["Cookie"] = found["cookie"]
        try:
            content = json.loads(found["text"]) if found["text"] else None
        except ValueError:
            content = found["text"]
        if isinstance(content, dict) and content.get("csrf"):
            self._headers["X-CSRF-Token"] = content["csrf"]
        return found["status"], content

    def wait_until_ready(self, seconds=300):
        return self._waited(lambda: self.call("GET", "/readyz")[0] == 200, seconds)

    def become_admin(self, token):
        made = {"token": token, "name": "ada", "password": "correct horse battery"}
        status, _ = self.call("POST", "/v1/setup", made)
        assert status == 201
        assert self.call("GET", "/v1/session")[0] == 200

    def add(self, name, text):
        """A document, until it is in the index."""
        status, made = self.call("POST", f"/v1/documents?name={quote(name)}", text)
        assert status == 202, made
        path = f"/v1/jobs/{made['job']['id']}"
        self._waited(lambda: self.call("GET", path)[1]["state"] in ("done", "failed"), 300)
        job = self.call("GET", path)[1]
        assert job["state"] == "done", job

    def ask(self, question):
        status, answer = self.call("POST", "/v1/ask", {"question": question})
        assert status == 200, answer
        return answer

    def updates(self):
        return self.call("GET", UPDATES)[1]

    def update(self, file, size, seconds=1200):
        """Uploads an archive that lies in the device and installs it; returns how that ended."""
        most, name = self.updates()["slice_bytes"], file.rsplit("/", 1)[-1]
        for offset in range(0, size, most):
            path = f"{UPDATES}?name={name}&size={size}&offset={offset}"
            length = min(most, size - offset)
            status, told = self.call("POST", path, file=file, offset=offset, length=length)
            assert status == 200, told
        status, told = self.call("POST", f"{UPDATES}/install")
        assert status == 202, told
        return self._ended(seconds)

    def go_back(self):
        status, told = self.call("POST", f"{UPDATES}/rollback", {"reason": "it is slower"})
        assert status == 202, told
        return self._ended(120)

    def restart(self):
        assert self.call("POST", f"{UPDATES}/restart")[0] == 204

    def _ended(self, seconds):
        running = ("checking", "testing")
        self._waited(lambda: self.updates()["job"]["state"] not in running, seconds)
        return self.updates()["job"]

    def _waited(self, done, seconds):
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < seconds, "it did not end"
            time.sleep(0.5)
        return time.monotonic() - began
