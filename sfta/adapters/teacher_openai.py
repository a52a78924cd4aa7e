"""A teacher behind an OpenAI-compatible endpoint.

Rules this module upholds:

- The key comes from the environment, goes into one header, and stands in no file, log or error.
- A reply is on disk before the next request is made in its place: an interrupted run pays for
  no request twice.
- Requests are made in the order given, so a token budget ends at the same place every time.
"""

import logging
import os
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from sfta.adapters.teacher_replies import Reply, ReplyFolder
from sfta.core.progress import task
from sfta_edge.errors import ConfigError, ToolError

log = logging.getLogger("sfta")
_LONGEST_WAIT_SECONDS = 60.0
_SCHEMA_WORDS = re.compile(r"response_format|json_schema|json_object")
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the teacher is and how it is asked."""

    base_url: str
    model: str
    api_key_env: str | None = None
    temperature: float = 0.7
    max_output_tokens: int = 1024
    concurrency: int = 4
    attempts: int = 5
    timeout_seconds: float = 120.0
    max_total_tokens: int | None = None


@dataclass(slots=True)
class Usage:
    """What a run of requests came to."""

    requests: int = 0
    """Requests answered, from disk or by the endpoint."""
    from_disk: int = 0
    refused: int = 0
    cut: int = 0
    not_asked: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0

    @property
    def tokens(self) -> int:
        """Prompt and reply tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, reply: Reply) -> None:
        """Count one reply."""
        if reply.status == "not_asked":
            self.not_asked += 1
            return
        self.requests += 1
        self.from_disk += reply.cached
        self.refused += reply.status == "refused"
        self.cut += reply.status == "cut"
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens


def problems(endpoint: Endpoint) -> list[str]:
    """Cheap checks: the key is set and the endpoint answers."""
    if endpoint.api_key_env and not os.environ.get(endpoint.api_key_env):
        return [f"teacher: the environment variable {endpoint.api_key_env} is not set"]
    try:
        headers = _headers(endpoint)
        answer = httpx.get(
            f"{endpoint.base_url.rstrip('/')}/models", headers=headers, timeout=10
        )
    except httpx.HTTPError as error:
        return [f"teacher: {endpoint.base_url} does not answer ({type(error).__name__})"]
    if answer.status_code in (401, 403):
        return [f"teacher: {endpoint.base_url} does not accept the key"]
    return []


def ask_all(
    endpoint: Endpoint,
    prompts: Sequence[Messages],
    replies: ReplyFolder,
    *,
    schema: Mapping[str, Any] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[list[Reply], Usage]:
    """Ask every prompt; return the replies in their order.

    Args:
        endpoint: where and how.
        prompts: chat messages of each request.
        replies: replies of earlier runs; new ones are added.
        schema: JSON schema the reply must obey, if the endpoint can enforce one.
        sleep: waits before a retry.

    Raises:
        ToolError: the endpoint failed at one request more often than allowed, or refuses the
            key, the model or the request. Replies that have come in are kept.
    """
    usage, found = Usage(), list[Reply]()
    with httpx.Client(headers=_headers(endpoint), timeout=endpoint.timeout_seconds) as client:
        asker = _Asker(endpoint, client, replies, schema, sleep, usage)
        with (
            ThreadPoolExecutor(endpoint.concurrency) as pool,
            task("asking the teacher", len(prompts)) as progress,
        ):
            for start in range(0, len(prompts), endpoint.concurrency):
                wave = prompts[start : start + endpoint.concurrency]
                spent = endpoint.max_total_tokens
                if spent is not None and usage.tokens >= spent:
                    answers = [Reply("not_asked")] * len(wave)
                else:
                    answers = list(pool.map(asker.ask, wave))
                for reply in answers:
                    usage.add(reply)
                found += answers
                progress.advance(len(wave), note=f"{usage.tokens} tokens")
    return found, usage


def _headers(endpoint: Endpoint) -> dict[str, str]:
    if not endpoint.api_key_env:
        return {}
    key = os.environ.get(endpoint.api_key_env)
    if not key:
        raise ConfigError(
            f"the environment variable {endpoint.api_key_env} is not set",
            hint=f"export {endpoint.api_key_env}=... and run again.",
        )
    # Azure reads the second header; others ignore it.
    return {"Authorization": f"Bearer {key}", "api-key": key}


@dataclass(slots=True)
class _Asker:
    """Makes one request at a time per thread; remembers how the endpoint takes schemas."""

    endpoint: Endpoint
    client: httpx.Client
    replies: ReplyFolder
    schema: Mapping[str, Any] | None
    sleep: Callable[[float], None]
    usage: Usage
    spelling: int = 0
    """Index into `_spellings`: the first that the endpoint has not turned down."""

    def ask(self, messages: Messages) -> Reply:
        """The kept reply to a prompt, or a new one."""
        body = self._body(messages)
        # Kept by what was asked, however the endpoint wanted it spelled.
        kept_by = {**body, "schema": self.schema}
        if reply := self.replies.get(self.endpoint.base_url, kept_by):
            return reply
        reply = self._request(body)
        self.replies.put(self.endpoint.base_url, kept_by, reply)
        return reply

    def _body(self, messages: Messages) -> dict[str, Any]:
        return {
            "model": self.endpoint.model,
            "messages": [dict(message) for message in messages],
            "temperature": self.endpoint.temperature,
            "max_tokens": self.endpoint.max_output_tokens,
        }

    def _request(self, body: dict[str, Any]) -> Reply:
        problem = ""
        for attempt in range(self.endpoint.attempts):
            self.usage.retries += attempt > 0
            wait: float | None = None
            try:
                answer = self._post(body)
            except httpx.TransportError as error:
                problem = type(error).__name__
            else:
                if answer.status_code == 200 and (reply := read_reply(answer)) is not None:
                    return reply
                if answer.status_code not in (200, *_RETRIED):
                    return self._declined(answer)
                problem = f"HTTP {answer.status_code}" + (
                    " without a completion" if answer.status_code == 200 else ""
                )
                wait = retry_after(answer.headers.get("retry-after"))
            if attempt + 1 < self.endpoint.attempts:
                self.sleep(_pause(attempt, wait))
        raise ToolError(
            f"the teacher failed {self.endpoint.attempts} times at one request: {problem}",
            hint="Run again later: replies that have come in are kept.",
        )

    def _post(self, body: dict[str, Any]) -> httpx.Response:
        """Send a request, with the schema in the first spelling the endpoint understands."""
        url = f"{self.endpoint.base_url.rstrip('/')}/chat/completions"
        while True:
            used = self.spelling
            answer = self.client.post(url, json={**body, **_spellings(self.schema)[used]})
            turned_down = answer.status_code in (400, 422, 500) and _SCHEMA_WORDS.search(
                answer.text
            )
            if not turned_down or used + 1 >= len(_spellings(self.schema)):
                return answer
            log.info(
                "the teacher does not take a JSON schema as it was sent; trying another way"
            )
            self.spelling = max(self.spelling, used + 1)

    def _declined(self, answer: httpx.Response) -> Reply:
        """A refusal of the content filter; anything else ends the run."""
        text = answer.text[:500]
        if answer.status_code == 400 and "content_filter" in answer.text:
            return Reply("refused")
        if secret := self.client.headers.get("api-key"):
            text = text.replace(secret, "[key]")
        raise ToolError(
            f"the teacher answered HTTP {answer.status_code}: {' '.join(text.split())}",
            hint="Check generate.teacher: base_url, model and the key's variable.",
        )


def _spellings(schema: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """How endpoints take a schema: OpenAI's way, llama.cpp's older way, not at all."""
    if schema is None:
        return [{}]
    strict = {"name": "reply", "strict": True, "schema": dict(schema)}
    return [
        {"response_format": {"type": "json_schema", "json_schema": strict}},
        {"response_format": {"type": "json_object", "schema": dict(schema)}},
        {},
    ]


def read_reply(answer: httpx.Response) -> Reply | None:
    """The first choice of a chat completion; None if the body is none."""
    try:
        data = answer.json()
        choice, usage = data["choices"][0], data.get("usage") or {}
        message, reason = choice["message"], choice.get("finish_reason")
        text = message.get("content") or ""
        tokens = (int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0)))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    if reason == "content_filter" or message.get("refusal"):
        return Reply("refused", "", *tokens)
    return Reply("cut" if reason == "length" else "ok", str(text), *tokens)


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for; None if it is missing or a date."""
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None


def _pause(attempt: int, asked: float | None) -> float:
    """Exponential back-off with jitter, never shorter than the endpoint asks for."""
    # Not a secret: spreads the retries of several threads.
    own = 2.0**attempt * (0.5 + random.random() / 2)
    return min(_LONGEST_WAIT_SECONDS, max(own, asked or 0.0))
