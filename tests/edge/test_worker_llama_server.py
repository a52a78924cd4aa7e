"""llama-server behind the interface of the engine: greedy, bounded, on this machine only."""

import socket
import subprocess
import threading
from contextlib import closing

import pytest

from engine_prompts import chat
from llama_servers import EOS, PROPS, FakeLlamaServer
from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError
from sfta_edge.generation import ContextOverflowError, Limits, drain
from sfta_edge.worker.llama_server import LlamaServerEngine
from watched_workers import eventually

ALLOWED = {
    "prompt", "n_predict", "temperature", "samplers", "repeat_penalty", "seed", "cache_prompt",
    "return_tokens", "stream", "n_probs", "grammar",
}  # fmt: skip


@pytest.fixture
def fake():
    with FakeLlamaServer() as server:
        yield server


@pytest.fixture
def engine(fake):
    return LlamaServerEngine(fake.address)


def test_it_knows_the_model(engine):
    assert engine.context_tokens == 256
    assert engine.name == "model.gguf"


def test_text_is_not_special_unless_asked(engine, fake):
    assert engine.tokenize("ab c") == [2, 1]
    assert engine.tokenize("ab", special=True) == [2]
    assert engine.tokenize("") == []
    fields = [fields for _, fields in fake.seen]
    assert [each["parse_special"] for each in fields] == [False, True]
    assert not any(each["add_special"] for each in fields)


def test_an_answer_is_streamed_and_whole(engine):
    steps = engine.stream([[1, 2], [3]], Limits(10))
    assert next(steps) == "Pa"
    done = drain(steps)
    assert (done.text, done.token_ids) == ("Paris!", (2, 3, 1))
    assert (done.finish_reason, done.prompt_tokens, done.reused_tokens) == ("stop", 3, 2)


def test_the_budget_ends_it(engine):
    done = drain(engine.stream([1], Limits(2)))
    assert (done.text, done.finish_reason) == ("Paris", "length")


def test_only_known_fields_are_sent(engine, fake):
    limits = Limits(4, caller="somebody", grammar='root ::= "a"')
    drain(engine.stream([1], limits))
    drain(engine.stream([1], Limits(4, first_token_bias={3: 1.0})))
    sent = fake.completions()
    assert all(set(fields) <= ALLOWED for fields in sent)
    assert all(fields["temperature"] == 0.0 for fields in sent)
    assert sent[0]["grammar"] == 'root ::= "a"'


def test_a_bias_counts_for_the_first_token_alone(engine, fake):
    done = drain(engine.stream([1], Limits(10, first_token_bias={3: 5.0})))
    first, rest = fake.completions()
    assert first["n_predict"] == 1
    assert rest["prompt"] == [1, 3]
    assert rest["n_predict"] == 9
    assert done.token_ids == (3, 2, 3, 1)
    assert done.text == "xxxParis!"


def test_the_score_of_a_first_token_is_that_of_the_engine(engine):
    done = drain(engine.stream([1], Limits(10, first_token_bias={3: 0.0})))
    # The logistic function of -3.0 + 0.1.
    assert done.first_token_scores == {3: pytest.approx(0.0522, abs=1e-4)}


def test_a_token_that_is_not_among_the_likely_ones_comes_last(engine):
    done = drain(engine.stream([1], Limits(10, first_token_bias={77: 50.0})))
    assert done.first_token_scores[77] == pytest.approx(0.0074, abs=1e-4)
    assert done.token_ids[0] == 2


def test_an_end_as_the_first_token_is_an_empty_answer(fake, engine):
    fake.stop_type, fake.likely = "first", {EOS: -0.1, 3: -3.0}
    done = drain(engine.stream([1], Limits(10, first_token_bias={3: 0.0})))
    assert (done.text, done.token_ids, done.finish_reason) == ("", (), "stop")


def test_one_token_with_a_bias_is_one_token(engine, fake):
    done = drain(engine.stream([1], Limits(1, first_token_bias={3: 5.0})))
    assert (done.token_ids, done.finish_reason) == ((3,), "length")
    assert len(fake.completions()) == 1


def test_closing_the_generator_closes_the_connection(fake, engine):
    fake.words, _ = ["word"] * 100_000, fake.hold.clear()
    with closing(engine.stream([1], Limits(200))) as steps:
        next(steps)
    fake.hold.set()
    eventually(fake.left.is_set)


def test_a_cancel_a_stop_and_a_deadline_end_it(fake, engine):
    cancel = threading.Event()
    steps = engine.stream([1], Limits(10, cancel=cancel))
    next(steps)
    cancel.set()
    assert drain(steps).finish_reason == "cancelled"
    stop = Limits(10, stop=lambda text: "ris" in text)
    assert drain(engine.stream([1], stop)).text == "Paris"
    fake.hold.clear()
    assert drain(engine.stream([1], Limits(10, deadline=0.2))).finish_reason == "deadline"


def test_what_does_not_fit_is_not_sent(fake, engine):
    with pytest.raises(ContextOverflowError):
        drain(engine.stream([1] * 250, Limits(10)))
    assert not fake.completions()


def test_what_it_cannot_do_it_says(engine):
    with pytest.raises(ConfigError, match="cannot compare") as caught:
        engine.score([1], [[2]], Limits(1))
    assert "choose_quotes" in caught.value.hint
    with pytest.raises(ConfigError, match="adapters"):
        drain(engine.stream([1], Limits(1, adapter="sales")))
    with pytest.raises(ConfigError, match="not both"):
        drain(engine.stream([1], Limits(1, grammar="root ::= [a]", first_token_bias={1: 1.0})))


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org:80",
        "http://10.0.0.1:8080",
        "https://127.0.0.1:8080",
        "http://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1.example.org:80",
        "http://127.0.0.1:80/elsewhere",
        "http://[::ffff:8.8.8.8]:80",
        "file:///etc/passwd",
        "localhost:8080",
        "",
    ],
)
def test_an_address_that_leaves_this_machine_is_refused(address):
    with pytest.raises(ConfigError, match="this machine"):
        LlamaServerEngine(address)


def test_nobody_listening_is_typed():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ToolError, match="does not answer"):
            LlamaServerEngine(f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_a_socket_of_this_machine_will_do(tmp_path):
    path = tmp_path / "llama.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def answer():
            import json

            link, _ = door.accept()
            with link:
                link.recv(10_000)
                raw = json.dumps(PROPS).encode()
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)

        thread = threading.Thread(target=answer)
        thread.start()
        assert LlamaServerEngine(f"unix:{path}").context_tokens == 256
        thread.join()


@pytest.mark.parametrize("props", [{}, [], {"default_generation_settings": {}}, "x"])
def test_another_kind_of_server_is_refused(props):
    with (
        FakeLlamaServer(props=props) as server,
        pytest.raises(ToolError, match="as llama-server"),
    ):
        LlamaServerEngine(server.address)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no json",
        b"{}",
        b"[]",
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"content": 5}\n\n',
        b'data: {"content": "a", "tokens": ["x"]}\n\n',
        b'data: {"content": "a", "stop": true, "stop_type": "none"}\n\n',
        b'data: {"content": "a", "tokens": [1], "stop": false}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_a_strange_reply_is_a_typed_error(fake, engine, raw):
    fake.raw = raw
    for ask in (
        lambda: drain(engine.stream([1], Limits(5))),
        lambda: drain(engine.stream([1], Limits(5, first_token_bias={1: 0.0}))),
        lambda: engine.tokenize("a"),
    ):
        with pytest.raises(ToolError):
            ask()


def test_an_error_of_the_server_has_its_reason(fake, engine):
    fake.status = 400
    fake.raw = b'{"error": {"code": 400, "message": "the request exceeds the context size"}}'
    with pytest.raises(ToolError, match="400") as caught:
        drain(engine.stream([1], Limits(5)))
    assert "exceeds" in caught.value.hint


@pytest.mark.tools
def test_a_real_server_writes_what_the_engine_writes(smollm2_gguf, request, tmp_path):
    server = pytest.importorskip("sfta_export.server")
    try:
        program = server.find_server()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    engine = request.getfixturevalue("local_engine")
    path = tmp_path / "llama.sock"
    line = [program, "-m", smollm2_gguf, "-c", "256", "-np", "1", "-t", "1", "--host", path]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            eventually(lambda: answers(path))
            remote = LlamaServerEngine(f"unix:{path}")
            prompt = chat(engine, "What is the capital of France? Answer with one word.")
            assert remote.tokenize("the pump") == engine.tokenize("the pump")
            limits = Limits(12, first_token_bias={3: 0.0})
            ours, theirs = (drain(each.stream(prompt, limits)) for each in (remote, engine))
            assert (ours.text, ours.token_ids) == (theirs.text, theirs.token_ids)
            assert ours.first_token_scores[3] == pytest.approx(
                theirs.first_token_scores[3], abs=0.05
            )
        finally:
            running.kill()


@pytest.fixture
def local_engine(smollm2_gguf):
    from sfta_edge.engine import Engine

    with Engine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


def answers(path):
    try:
        return LlamaServerEngine(f"unix:{path}")
    except ToolError:
        return None
