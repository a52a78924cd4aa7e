"""The Edge API over HTTP in front of an answerer that says what a test has written."""

import http.client
import json
import threading

import pytest

from served_app import serving
from sfta_edge.app import ServeLimits, create_app
from sfta_edge.appliance import BundleInfo
from sfta_edge.errors import IntegrityError
from sfta_edge.generation import ContextOverflowError
from sfta_edge.reply import Answer, Citation
from sfta_edge.retriever import Box
from sfta_edge.server import Address, create_server
from sfta_edge.settings import AnswerSettings

INFO = BundleInfo("manuals", 3, "ab" * 32)
PIECES = ['[1] "every 2000', ' hours"\n', "Answer: every", " 2000 hours"]
CITATION = Citation(
    number=1,
    quote="every 2000 hours",
    verified=True,
    chunk_id="oil",
    document="manual.pdf",
    title="<b>Operator</b> manual",
    page=4,
    boxes=(Box(4, 1, 2, 3, 4, 595, 842),),
)


class ScriptedAnswerer:
    """Answers all questions alike; some words in a question make it behave otherwise."""

    settings = AnswerSettings(deadline_seconds=7)

    def __init__(self, contract):
        self.contract, self.hold = contract, threading.Event()
        self.reset()

    def reset(self):
        self.hold.clear()
        self.started, self.ended = threading.Semaphore(0), threading.Semaphore(0)
        self.cancelled = []

    def stream(self, question, *, cancel=None, **_asked):
        if "overflow" in question:
            raise ContextOverflowError("a prompt of 9 tokens does not fit", hint="Be brief.")
        if "damaged" in question:
            raise IntegrityError("the model is damaged")
        self.started.release()
        try:
            yield PIECES[0]
            if "wait" in question:
                self.hold.wait(20)
            for _ in range(2000 if "endless" in question else 0):
                if cancel.wait(0.01):
                    break
                yield "more "
            yield from PIECES[1:]
        finally:
            self.cancelled.append(cancel.is_set())
            self.ended.release()
        late = "late" in question
        return Answer(
            question=question,
            answer="" if late else "every 2000 hours",
            refused=False,
            well_formed=True,
            citations=() if late else (CITATION,),
            completion="" if late else "".join(PIECES),
            finish_reason="deadline" if late else "stop",
            usage={"prompt_tokens": 9, "completion_tokens": 4, "reused_tokens": 0},
            timings_ms={"total": 12.0},
        )


@pytest.fixture(scope="module")
def scripted_answerer(contract):
    return ScriptedAnswerer(contract)


@pytest.fixture(scope="module")
def app_server(scripted_answerer):
    """Host and port of a real server with two places."""
    limits = ServeLimits(places=2, body_bytes=4096, question_characters=200)
    server = create_server(create_app(scripted_answerer, INFO, limits), Address(port=0), limits)
    with serving(server) as address:
        yield address


@pytest.fixture
def served_app(app_server, scripted_answerer):
    """The server, with an answerer as new."""
    scripted_answerer.reset()
    yield app_server
    scripted_answerer.hold.set()


def call(served, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(*served, timeout=20)
    try:
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        with connection.getresponse() as response:
            return response, response.read()
    finally:
        connection.close()


def ask(served, question="When is the oil due?", **more):
    response, raw = call(served, "POST", "/v1/ask", {"question": question, **more})
    return response, json.loads(raw)
