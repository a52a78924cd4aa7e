"""A server that answers in the forms of llama-server's README, over a real model's vocabulary."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EOS = 2
PROPS = {
    "default_generation_settings": {"id": 0, "n_ctx": 256, "params": {"n_predict": -1}},
    "total_slots": 1,
    "model_path": "/models/model.gguf",
    "model_alias": "model.gguf",
}
TIMINGS = {"prompt_n": 3, "prompt_ms": 2.0, "predicted_n": 3, "predicted_ms": 3.0}


class FakeLlamaServer:
    """Writes one token for each word of `words`; a token's id is the length of its text."""

    def __init__(self, words=("Pa", "ris", "!"), likely=None, props=PROPS):
        self.words, self.props, self.seen = list(words), props, []
        self.likely = likely or {2: -0.1, 3: -3.0, 9: -5.0}
        self.raw, self.status = None, 200
        self.stop_type, self.hold = "eos", threading.Event()
        self.hold.set()
        self.left = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                fake.reply(self, fake.props)

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                fields = json.loads(raw)
                fake.seen.append((self.path, fields))
                fake.answer(self, fields)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def completions(self):
        return [fields for path, fields in self.seen if path == "/completion"]

    def answer(self, request, fields):
        if self.raw is not None:
            request.send_response(self.status)
            request.end_headers()
            request.wfile.write(self.raw)
        elif request.path == "/tokenize":
            self.reply(request, {"tokens": [len(w) for w in fields["content"].split()]})
        elif request.path == "/detokenize":
            self.reply(request, {"content": "x" * fields["tokens"][0]})
        elif fields["stream"]:
            self.stream(request, fields)
        else:
            self.reply(request, self.first(fields))

    def first(self, fields):
        likely = [
            {"id": i, "token": "", "bytes": [], "logprob": p} for i, p in self.likely.items()
        ]
        best = likely[0]["id"]
        ended = best == EOS and self.stop_type == "first"
        return {
            "content": "" if ended else "x" * best,
            "tokens": [] if ended else [best],
            "stop": True,
            "stop_type": "eos" if ended else "limit",
            "completion_probabilities": [{**likely[0], "top_logprobs": likely}],
            "tokens_cached": 1,
            "tokens_evaluated": len(fields["prompt"]),
            "timings": TIMINGS,
        }

    def stream(self, request, fields):
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        count = min(len(self.words), fields["n_predict"])
        try:
            for word in self.words[:count]:
                self.event(request, {"content": word, "tokens": [len(word)], "stop": False})
                self.hold.wait(30)
            limited = count < len(self.words)
            last = {
                "content": "",
                "tokens": [],
                "stop": True,
                "stop_type": "limit" if limited else self.stop_type,
                "tokens_cached": 2,
                "timings": TIMINGS,
            }
            self.event(request, last)
        except OSError:
            self.left.set()

    def event(self, request, data):
        request.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        request.wfile.flush()

    def reply(self, request, data):
        raw = json.dumps(data).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(raw)
