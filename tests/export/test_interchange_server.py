"""llama.cpp's own server, of the same source, on the folders that are handed over to it.

It is optional: `python -m sfta_export.toolchain --server` builds it, and without it these tests
are skipped. Compared are its text, its token ids and its greedy decoding with those of SFTA.
"""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from handed_models import save_family
from sfta.core.artifact import Artifact, finished
from sfta_edge.engine import Engine
from sfta_edge.errors import IntegrityError, MissingDependencyError
from sfta_edge.prompt import PROMPT_FILE, PromptContract, segment_ids
from sfta_export.interchange import hand_over_gguf
from sfta_export.probes import TEXTS, ProbeChunk
from sfta_export.server import find_server
from sfta_export.toolchain import DEFAULT_CACHE

pytestmark = pytest.mark.slow
# Each writes its turns in another way; the others are spelled like one of these.
FAMILIES = ("smollm2", "qwen3", "llama3.2", "gemma3")
CHUNKS = (
    ProbeChunk("Operating manual", 3, "Data", "The pump weighs 12 kg and delivers 7.5 bar."),
    ProbeChunk("Service", 9, "Oil", "Change the oil every 2000 hours. Use Gearlube 46S."),
)
QUESTION = "How often is the oil changed?"
TOKENS = 24
RUNS = Path(__file__).parents[2] / "runs"


class Server:
    """A running server, asked with JSON."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as reply:
            return json.load(reply)

    def tokenize(self, text, special):
        body = {"content": text, "parse_special": special, "add_special": False}
        return self.ask("/tokenize", body)["tokens"]


@pytest.fixture(scope="module")
def program():
    try:
        return find_server(Path(os.environ.get("SFTA_CACHE", DEFAULT_CACHE)))
    except MissingDependencyError as missing:
        pytest.skip(f"{missing}. {missing.hint}")


@contextmanager
def serving(program, folder):
    """The start script of a folder, run as its README says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["/bin/sh", str(folder / "serve.sh"), "--port", str(port), "--threads", "1"]
    with (folder.parent / f"{folder.name}.log").open("w+") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"LLAMA_SERVER": str(program)},
        )
        try:
            wait_for(process, port, log)
            yield Server(port)
        finally:
            process.terminate()
            process.wait(30)


def wait_for(process, port, log):
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            Server(port).ask("/health")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    log.seek(0)
    raise AssertionError(log.read()[-3000:])


@pytest.fixture(scope="module", params=FAMILIES)
def served(request, program, packaged_gguf, cache, tmp_path_factory):
    """Server, engine and contract of one family."""
    runs = tmp_path_factory.mktemp(request.param)
    model = save_family(request.param, runs, packaged_gguf, cache)
    hand_over_gguf(model.gguf, model.contract, runs / "handed", "llama-server", context=1024)
    with (
        serving(program, runs / "handed") as server,
        Engine(model.gguf, context_tokens=1024, threads=1) as engine,
    ):
        yield server, engine, model.contract


@pytest.fixture(scope="module")
def quickstart(program, tmp_path_factory):
    """The same of the newest export of this checkout."""
    newest = next((a for a in newest_exports() if any(a.path.glob("*-Q8_0.gguf"))), None)
    if newest is None:
        pytest.skip("needs runs/export: make demo")
    contract = PromptContract.read(newest.file(PROMPT_FILE))
    gguf, out = newest.path / "model-Q8_0.gguf", tmp_path_factory.mktemp("quickstart") / "out"
    hand_over_gguf(gguf, contract, out, "llama-server")
    with serving(program, out) as server, Engine(gguf, threads=1) as engine:
        yield server, engine, contract


def newest_exports():
    found = finished(RUNS) if RUNS.is_dir() else []
    for artifact in found:
        try:
            if artifact.kind == "gguf":
                yield Artifact.open(artifact.path)
        except IntegrityError:  # another process is at work on it
            continue


def prompt_text(contract):
    """The prompt of the contract as messages, and as the text that they have to become."""
    prefix, *bodies, last = contract.segments(CHUNKS, QUESTION)
    asked = "".join(part.text for body in bodies for part in body) + last[0].text
    messages = [
        {"role": "system", "content": contract.system},
        {"role": "user", "content": asked},
    ]
    return messages, "".join(part.text for part in prefix) + asked + last[1].text


NEAR = 0.002
"""Of the range of logits: on processors with AMX a batch of another shape differs by so much."""


def check_text_and_tokens(server, engine, contract):
    messages, text = prompt_text(contract)
    rendered = server.ask("/apply-template", {"messages": messages})["prompt"]
    # The server leaves a begin token to the tokenizer where the file asks for one.
    assert rendered == text
    assert server.tokenize(rendered, True) == engine.tokenize(text, True)
    for segment in contract.segments(CHUNKS, QUESTION):
        assert segment_ids(segment, server.tokenize) == segment_ids(segment, engine.tokenize)


def check_greedy(server, engine, contract, chunks=CHUNKS):
    segments = contract.prompt_ids(chunks, QUESTION, engine.tokenize)
    body = {
        "prompt": [token for segment in segments for token in segment],
        "n_predict": TOKENS,
        "temperature": 0,
        "return_tokens": True,
        "cache_prompt": False,
    }
    reply = server.ask("/completion", body)
    ours = engine.generate(segments, max_tokens=TOKENS)
    theirs = [token for token in reply["tokens"] if not engine.model.ends(token)]
    require_same(engine, segments, list(ours.token_ids), theirs)
    assert reply["tokens_evaluated"] == len(body["prompt"])
    return ours


def require_same(engine, segments, ours, theirs):
    """The same tokens, up to one where two are as likely: batches of other shapes add otherwise."""
    parted = [
        place for place, pair in enumerate(zip(ours, theirs, strict=False)) if len({*pair}) > 1
    ]
    if not parted:
        assert ours == theirs
        return
    place = parted[0]
    row = engine.logits([*segments, ours[:place]] if place else segments)
    gap = row[ours[place]] - row[theirs[place]]
    assert 0 <= gap < NEAR * (row.max() - row.min()), (place, gap)


@pytest.mark.parametrize("special", [True, False])
def test_the_server_tokenizes_like_the_engine(served, special):
    server, engine, _ = served
    for text in TEXTS:
        assert server.tokenize(text, special) == engine.tokenize(text, special), text


def test_its_template_writes_the_prompt_of_the_contract(served):
    check_text_and_tokens(*served)


def test_a_second_question_is_written_as_in_the_model_s_own_turns(served):
    server, _, contract = served
    messages, text = prompt_text(contract)
    longer = [
        *messages,
        {"role": "assistant", "content": "Answer: now"},
        {"role": "user", "content": "Why?"},
    ]
    rendered = server.ask("/apply-template", {"messages": longer})["prompt"]
    begun = text.removesuffix(contract.tail)
    assert rendered.startswith(begun)
    assert rendered.endswith(f"Why?{contract.tail}")
    assert f"Answer: now{contract.end}" in rendered


def test_greedy_decoding_gives_the_same_tokens(served):
    check_greedy(*served)


def test_the_example_of_the_folder_is_answered(served, tmp_path):
    server, _, contract = served
    from sfta_export.interchange_text import example_request

    reply = server.ask("/v1/chat/completions", json.loads(example_request(contract)))
    assert reply["choices"][0]["finish_reason"] in ("stop", "length")


@pytest.mark.parametrize("path", ["/tools", "/slots"])
def test_what_reaches_into_the_machine_or_other_prompts_is_off(served, path):
    server, _, _ = served
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.ask(path)
    assert caught.value.code in (403, 404, 501)
    caught.value.close()


def test_the_quickstart_s_model_is_served_as_it_was_measured(quickstart):
    check_text_and_tokens(*quickstart)
    for count in (1, 2):
        assert check_greedy(*quickstart, chunks=CHUNKS[-count:]).text.strip()
