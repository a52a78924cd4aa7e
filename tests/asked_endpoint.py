"""An endpoint on this machine, and requests to it."""

import pytest

from fakes import CompletionServer, FakeClock, serving
from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_openai import Endpoint, EndpointTeacher
from sfta.adapters.teacher_replies import ReplyFolder

KEY = "sk-very-secret-123"
PROMPT = [{"role": "user", "content": "Ask me something."}]
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


@pytest.fixture
def server():
    return CompletionServer()


@pytest.fixture
def url(server):
    with serving(server) as address:
        yield address


@pytest.fixture
def folder(tmp_path):
    return ReplyFolder(tmp_path / "replies")


@pytest.fixture
def clock():
    return FakeClock()


def ask(url, folder, clock, prompts=(PROMPT,), *, schema=None, **settings):
    endpoint = Endpoint(base_url=url, model="m", **{"concurrency": 1, **settings})
    replies = {}
    usage = ask_all(
        EndpointTeacher(endpoint, clock),
        [Request(prompt, schema) for prompt in prompts],
        folder,
        replies.__setitem__,
    )
    return [replies[place] for place in range(len(prompts))], usage


def prompts_of(*texts):
    return [[{"role": "user", "content": text}] for text in texts]
