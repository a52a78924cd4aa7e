"""The Edge API over real HTTP, and the attacks a browser or a client can try."""

import http.client
import json
import threading

from scripted_answerer import INFO, PIECES, ScriptedAnswerer, ask, call
from sfta_edge.api.asking import Desk
from sfta_edge.app import ServeLimits, asking_app, bare_app, create_app


def events(raw):
    """Name and data of each server-sent event."""
    found = []
    for block in raw.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"]))
    return found


def test_a_question_is_answered_in_the_promised_form(served_app):
    response, answer = ask(served_app)
    assert response.status == 200
    assert answer["answer"] == "every 2000 hours"
    assert answer["refused"] is False
    assert answer["supported"] is True
    assert answer["bundle"] == {"name": "manuals", "counter": 3, "digest": "ab" * 32}
    (citation,) = answer["citations"]
    assert citation["document"] == "manual.pdf"
    assert (citation["page"], citation["chunk_id"]) == (4, "oil")
    assert (citation["quote"], citation["verified"]) == ("every 2000 hours", True)
    assert citation["boxes"][0]["x1"] == 3
    assert {"usage", "timings_ms"} <= set(answer)


def test_an_answer_can_be_streamed(served_app):
    response, raw = call(served_app, "POST", "/v1/ask", {"question": "When?", "stream": True})
    assert response.headers["Content-Type"].startswith("text/event-stream")
    found = events(raw)
    assert [name for name, _ in found] == ["text"] * 4 + ["answer"]
    assert "".join(json.loads(data)["text"] for _, data in found[:-1]) == "".join(PIECES)
    assert json.loads(found[-1][1]) == ask(served_app, "When?")[1]


def test_an_error_after_the_headers_is_an_event(served_app):
    body = {"question": "overflow", "stream": True}
    response, raw = call(served_app, "POST", "/v1/ask", body)
    assert response.status == 200
    ((name, data),) = events(raw)
    assert name == "error"
    assert json.loads(data)["status"] == 422
    assert json.loads(data)["hint"] == "Be brief."


def test_the_openai_form_is_answered(served_app):
    body = {
        "model": "anything",
        "temperature": 1.5,
        "messages": [{"role": "user", "content": "When?"}],
    }
    response, raw = call(served_app, "POST", "/v1/chat/completions", body)
    made = json.loads(raw)
    assert response.status == 200
    assert made["object"] == "chat.completion"
    assert made["choices"][0]["message"]["content"] == "every 2000 hours"
    assert made["usage"]["total_tokens"] == 13
    assert made["citations"][0]["page"] == 4


def test_the_openai_form_can_be_streamed(served_app):
    body = {"stream": True, "messages": [{"role": "user", "content": "When?"}]}
    _, raw = call(served_app, "POST", "/v1/chat/completions", body)
    found = events(raw)
    assert found[-1] == (None, "[DONE]")
    parts = [json.loads(data) for _, data in found[:-1]]
    deltas = [part["choices"][0]["delta"] for part in parts]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "every 2000 hours"
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"
    assert parts[-1]["citations"][0]["chunk_id"] == "oil"
    assert len({part["id"] for part in parts}) == 1


def test_models_and_health_are_told(served_app):
    _, raw = call(served_app, "GET", "/v1/models")
    assert json.loads(raw)["data"][0]["id"] == "manuals"
    assert json.loads(call(served_app, "GET", "/healthz")[1]) == {"status": "ok"}
    response, raw = call(served_app, "GET", "/readyz")
    assert response.status == 200
    assert json.loads(raw)["places"] == 2


def test_a_hanging_engine_is_not_ready(contract):
    app = bare_app(ServeLimits())
    gate = asking_app(app, Desk(ScriptedAnswerer(contract), INFO))
    gate.enter().since -= 1000
    response = app.test_client().get("/readyz", base_url="http://127.0.0.1")
    assert response.status_code == 503
    assert app.test_client().get("/healthz", base_url="http://127.0.0.1").status_code == 200


def in_background(target, *arguments):
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    return thread


def test_a_full_queue_says_when_to_come_back(served_app, scripted_answerer):
    waiting = [in_background(ask, served_app, "wait") for _ in range(2)]
    for _ in waiting:
        assert scripted_answerer.started.acquire(timeout=20)
    response, problem = ask(served_app)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) >= 1
    assert "waiting" in problem["detail"]
    # The rest of the device answers while all places are taken.
    assert call(served_app, "GET", "/healthz")[0].status == 200
    scripted_answerer.hold.set()
    for thread in waiting:
        thread.join()
    assert ask(served_app)[0].status == 200


def test_a_client_that_hangs_up_cancels_and_frees_its_place(served_app, scripted_answerer):
    for _ in range(3):
        connection = http.client.HTTPConnection(*served_app, timeout=20)
        body = json.dumps({"question": "endless", "stream": True})
        connection.request("POST", "/v1/ask", body, {"Content-Type": "application/json"})
        assert scripted_answerer.started.acquire(timeout=20)
        connection.getresponse().close()
        connection.close()
        assert scripted_answerer.ended.acquire(timeout=20)
    assert ask(served_app)[0].status == 200


def test_a_client_that_waits_for_the_whole_answer_and_leaves_cancels_it(
    served_app, scripted_answerer
):
    connection = http.client.HTTPConnection(*served_app, timeout=20)
    body = json.dumps({"question": "endless"})
    connection.request("POST", "/v1/ask", body, {"Content-Type": "application/json"})
    assert scripted_answerer.started.acquire(timeout=20)
    connection.close()
    assert scripted_answerer.ended.acquire(timeout=20)
    assert scripted_answerer.cancelled == [True]


def test_a_stream_that_never_starts_gives_its_place_back(contract):
    app = create_app(ScriptedAnswerer(contract), INFO, ServeLimits(places=1))
    for _ in range(3):
        response = app.test_client().post(
            "/v1/ask",
            json={"question": "x", "stream": True},
            base_url="http://127.0.0.1",
            buffered=False,
        )
        assert response.status_code == 200
        response.close()


def test_no_answer_in_time_is_an_error(served_app):
    response, problem = ask(served_app, "late")
    assert response.status == 503
    assert response.headers["Retry-After"] == "7"
    assert "7 seconds" in problem["detail"]
