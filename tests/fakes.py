"""Stand-ins that several tests share: a chat-completions server and a clock."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(text, reason="stop", *, tokens=(7, 3), **message):
    return {
        "choices": [{"message": {"content": text, **message}, "finish_reason": reason}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]},
    }


class CompletionServer:
    """Answers with what the test has queued, else by `reply`; keeps what it was sent."""

    def __init__(self, reply=None):
        self.answers = []
        self.seen, self.headers, self.paths, self.times = [], [], [], []
        self.lock = threading.Lock()
        self.reply = reply or (lambda _body, number: completion(f"reply {number}"))
        self.latency = 0.0
        self.refuses_keys = False
        self.flying = self.most_flying = 0

    def take(self, path, body, headers):
        with self.lock:
            self.times.append(time.monotonic())
            self.seen.append(body)
            self.headers.append(dict(headers))
            self.paths.append(path)
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
            queued = self.answers.pop(0) if self.answers else None
            number = len(self.seen)
        time.sleep(self.latency)
        with self.lock:
            self.flying -= 1
        return queued or (200, self.reply(body, number), {})

    def get(self, path, _headers):
        self.paths.append(path)
        return (401 if self.refuses_keys else 200), {}


class Disconnect(bytes):
    """A body that ends before its announced length."""


@contextmanager
def serving(server):
    """The address of a running server, up to and with /v1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, payload, extra = server.take(self.path, body, self.headers)
            raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            lost = isinstance(payload, Disconnect)
            self.send_header("Content-Length", str(len(raw) + 100 * lost))
            self.end_headers()
            self.wfile.write(raw)
            self.close_connection = self.close_connection or lost

        def do_GET(self):
            status, payload = server.get(self.path, self.headers)
            raw = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_):
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_):
            """A client that was killed is no news."""

    httpd = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/v1"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


class FakeClock:
    """Time that passes only where somebody waits for it; `naps` lists the waits."""

    def __init__(self, wall=1_000_000.0):
        self.time, self.started_at, self.naps = 0.0, wall, []

    def now(self):
        return self.time

    def wall(self):
        return self.started_at + self.time

    async def sleep(self, seconds):
        self.naps.append(seconds)
        until = self.time + seconds
        await asyncio.sleep(0)
        self.time = max(self.time, until)
