"""A teacher behind an OpenAI-compatible endpoint: OpenAI, Azure, vLLM, Ollama, llama.cpp.

Rules this module upholds:

- A passing failure is retried with growing pauses, and for as long as the endpoint asks no
  other request goes out; what will not pass ends the run with what the endpoint said.
- What a content filter blocks, or does not fit into the model's context, is a reply like
  another: counted, kept and not asked again.
- A reply is read up to a limit in bytes and in seconds, whatever the endpoint sends.
"""

import asyncio
import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import httpx

from sfta.adapters.teacher_asking import Messages, Request
from sfta.adapters.teacher_budget import Tokens
from sfta.adapters.teacher_dialect import Dialect
from sfta.adapters.teacher_identity import Identity, identity_of, without_keys
from sfta.adapters.teacher_pace import Clock, Pace, SystemClock, pause, retry_after
from sfta.adapters.teacher_replies import Reply
from sfta_edge.errors import SftaError, ToolError

log = logging.getLogger("sfta")
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FILTERED = re.compile(r"content_filter|ResponsibleAIPolicyViolation|content_policy_violation")
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context window"
)
_MOST_BYTES = 8 << 20
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the teacher is and how it is asked."""

    base_url: str
    model: str
    role: str = "teacher"
    """Whose endpoint it is; errors name it."""
    settings: str = "generate.teacher"
    """Where address and key are set; errors tell to look there."""
    api_version: str | None = None
    api_key_env: str | None = None
    azure_identity: bool = False
    temperature: float = 0.7
    max_output_tokens: int = 1024
    concurrency: int = 4
    attempts: int = 8
    timeout_seconds: float = 120.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def url(self, path: str) -> str:
        """Address of one of the endpoint's calls."""
        query = f"?api-version={self.api_version}" if self.api_version else ""
        return f"{self.base_url.rstrip('/')}/{path}{query}"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class _Setback:
    """Why an attempt gave no reply, and how long the endpoint asks to wait."""

    problem: str
    wait: float | None = None


def problems(endpoint: Endpoint) -> list[str]:
    """Cheap checks: there is a key or an identity, and the endpoint answers."""
    try:
        headers = asyncio.run(_identity(endpoint).headers())
        answer = httpx.get(
            endpoint.url("models"), headers=headers, timeout=10, verify=_trusted()
        )
    except SftaError as error:
        return [f"{endpoint.role}: {error}"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return [
            f"{endpoint.role}: {endpoint.base_url} does not answer ({type(error).__name__})"
        ]
    if answer.status_code in (401, 403):
        return [f"{endpoint.role}: {endpoint.base_url} does not accept the key"]
    return []


@cache
def _trusted() -> ssl.SSLContext:
    """Certificates of this machine or of httpx; reading them takes a second on a small one."""
    return httpx.create_ssl_context()


def _identity(endpoint: Endpoint) -> Identity:
    return identity_of(api_key_env=endpoint.api_key_env, azure=endpoint.azure_identity)


class EndpointTeacher:
    """Asks one endpoint; a `sfta.adapters.teacher_asking.Teacher`."""

    def __init__(self, endpoint: Endpoint, clock: Clock | None = None) -> None:
        """Prepare: no key is needed and nothing is sent yet."""
        self._endpoint = endpoint
        self._clock = clock or SystemClock()
        self._identity: Identity | None = None
        self._dialect = Dialect()
        self._pace: Pace | None = None
        self._idle: list[httpx.AsyncClient] = []
        self.concurrency = endpoint.concurrency
        self.retries = 0

    def identity(self, request: Request) -> Any:
        """What was asked, however the endpoint wants it spelled."""
        body = {**self._body(request.messages), "schema": request.schema}
        return [self._endpoint.base_url, body]

    def most(self, request: Request) -> Tokens:
        """A token is at least a byte of the request."""
        return Tokens(self._bytes(request), self._endpoint.max_output_tokens)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connections that are used again, one for each request in flight.

        Raises:
            ConfigError: the key's variable is not set.
            MissingDependencyError: azure-identity is needed and not installed.
        """
        endpoint = self._endpoint
        self._identity = _identity(endpoint)
        self._pace = Pace(
            self._clock,
            requests_per_minute=endpoint.requests_per_minute,
            tokens_per_minute=endpoint.tokens_per_minute,
        )
        # A client for each: for every request httpx looks at all connections of its client.
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        async with AsyncExitStack() as stack:
            for _ in range(self.concurrency):
                client = httpx.AsyncClient(
                    timeout=endpoint.timeout_seconds, verify=_trusted(), limits=one
                )
                self._idle.append(await stack.enter_async_context(client))
            try:
                yield
            finally:
                self._idle.clear()

    def stop(self) -> None:
        """End the waits for a retry and for a turn."""
        if self._pace:
            self._pace.stop()

    async def ask(self, request: Request) -> Reply:
        """The reply, after as many attempts as are allowed.

        Raises:
            ToolError: the endpoint failed at every attempt, or refuses the key, the model or
                the request.
        """
        pace = self._pace
        if pace is None:
            raise ToolError("the teacher is not opened")
        # As endpoints count against their limits: the prompt and all that may be written.
        size = self._bytes(request) // _BYTES_PER_TOKEN + self._endpoint.max_output_tokens
        problem = ""
        for attempt in range(self._endpoint.attempts):
            self.retries += attempt > 0
            await pace.turn(size)
            outcome = await self._attempt(request)
            if isinstance(outcome, Reply):
                return outcome
            problem = outcome.problem
            if attempt + 1 < self._endpoint.attempts:
                seconds = pause(attempt, outcome.wait)
                if outcome.wait is not None:
                    pace.hold(seconds)
                await pace.nap(seconds)
        raise ToolError(
            f"the {self._endpoint.role} failed {self._endpoint.attempts} times at one request: "
            f"{problem}",
            hint="Run again later: replies that have come in are kept.",
        )

    async def _attempt(self, request: Request) -> Reply | _Setback:
        headers = await self._identity.headers() if self._identity else {}
        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                answer = await self._post(request, headers)
        except TimeoutError:
            return _Setback(f"no reply in {self._endpoint.timeout_seconds:g} s")
        except httpx.HTTPError as error:
            return _Setback(type(error).__name__)
        if answer.status == 200:
            reply = read_reply(answer.body)
            if reply is None:
                return _Setback("HTTP 200 without a completion")
            return reply if reply.prompt_tokens else self._counted(request, reply)
        if answer.status in _RETRIED and "insufficient_quota" not in answer.text:
            wait = retry_after(answer.headers, self._clock.wall())
            return _Setback(f"HTTP {answer.status}", wait)
        if answer.status == 400 and _FILTERED.search(answer.text):
            return Reply("filtered")
        if answer.status in (400, 413) and _TOO_LONG.search(answer.text):
            return Reply("too_long")
        said = without_keys(answer.text[:500], headers.values())
        role = self._endpoint.role
        raise ToolError(
            f"the {role} answered HTTP {answer.status}: {' '.join(said.split())}",
            hint=f"Check {self._endpoint.settings}: base_url, model and the key's variable.",
        )

    async def _post(self, request: Request, headers: Mapping[str, str]) -> _Answer:
        """Send a request in the first spelling that the endpoint understands."""
        body, schema = self._body(request.messages), request.schema
        while True:
            dialect = self._dialect
            answer = await self._send(dialect.spell(body, schema), headers)
            other = dialect.after(answer.status, answer.text, schema=schema is not None)
            if answer.status == 200 or other is None:
                return answer
            # Another request may have found it out meanwhile.
            if self._dialect == dialect:
                log.info("the teacher does not take a field as it was sent; trying another way")
                self._dialect = other

    async def _send(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> _Answer:
        url, content = self._endpoint.url("chat/completions"), bytearray()
        client = self._idle.pop()
        try:
            async with client.stream("POST", url, json=body, headers=headers) as answer:
                async for block in answer.aiter_bytes():
                    content += block
                    if len(content) > _MOST_BYTES:
                        raise httpx.ReadError("the reply is longer than any completion")
        finally:
            self._idle.append(client)
        return _Answer(answer.status_code, answer.headers, bytes(content))

    def _body(self, messages: Messages) -> dict[str, Any]:
        return {
            "model": self._endpoint.model,
            "messages": [dict(message) for message in messages],
            "temperature": self._endpoint.temperature,
            "max_tokens": self._endpoint.max_output_tokens,
        }

    def _counted(self, request: Request, reply: Reply) -> Reply:
        """The reply of an endpoint that does not count: a token for a byte, so budgets hold."""
        written = min(len(reply.text.encode()), self._endpoint.max_output_tokens)
        return replace(reply, prompt_tokens=self._bytes(request), completion_tokens=written)

    def _bytes(self, request: Request) -> int:
        body = [*map(dict, request.messages), request.schema]
        return len(json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace"))


def read_reply(body: bytes) -> Reply | None:
    """The first choice of a chat completion; None if the body is none."""
    try:
        data = json.loads(body)
        choice, usage = data["choices"][0], data.get("usage") or {}
        message, reason = choice["message"], choice.get("finish_reason")
        text = message.get("content") or ""
        prompt, written = (
            max(0, int(usage.get(f"{part}_tokens") or 0)) for part in ("prompt", "completion")
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None
    if reason == "content_filter":
        return Reply("filtered", "", prompt, written)
    if message.get("refusal"):
        return Reply("refused", "", prompt, written)
    return Reply("cut" if reason == "length" else "ok", str(text), prompt, written)
