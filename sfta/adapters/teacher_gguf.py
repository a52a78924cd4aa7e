"""A teacher in a GGUF file on this machine: nothing leaves it, and every reply fits its schema.

Rules this module upholds:

- A reply depends on model, request and settings, and not on what was asked before or beside it:
  each request has a seed of its own, and one thread computes it.
- Text of documents never turns into special tokens.
- What is drawn is exactly the model's distribution over the tokens that the schema allows.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sfta.adapters.contract import turn_literals
from sfta.adapters.gguf_grammar import Grammar
from sfta.adapters.gguf_template import GgufTemplate
from sfta.adapters.teacher_asking import Messages, Request
from sfta.adapters.teacher_budget import Tokens
from sfta.adapters.teacher_pace import StoppedError
from sfta.adapters.teacher_replies import Reply, reply_key
from sfta_edge.context import Context, Entry, Floats, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import IntegrityError
from sfta_edge.generation import Limits, TextStream
from sfta_edge.manifest import sha256_file
from sfta_edge.model import Model
from sfta_edge.prefill import PIECE, PromptMemory
from sfta_edge.prompt import Part, segment_ids

_REVISION = 1  # raise it when the same request gives another reply


@dataclass(frozen=True, slots=True)
class LocalModel:
    """Which file, and how it writes."""

    path: Path
    context_tokens: int = 4096
    max_output_tokens: int = 1024
    temperature: float = 0.3


class Lane:
    """Memory in which one reply at a time is written."""

    def __init__(self, model: Model, tokens: int) -> None:
        self.context = Context(model, Shape(tokens, min(PIECE, tokens)))
        self.memory = PromptMemory(self.context)
        self.lock = threading.Lock()

    def close(self) -> None:
        with self.lock:
            self.context.close()


@dataclass(slots=True)
class _Text:
    """A reply that grows."""

    stream: TextStream = field(default_factory=TextStream)
    tokens: int = 0


class GgufModelTeacher:
    """Asks one file, a request for each core; a `sfta.adapters.teacher_asking.Teacher`."""

    retries = 0

    def __init__(self, settings: LocalModel, *, lanes: int | None = None) -> None:
        """Load the model.

        Raises:
            ConfigError: no such file, or one without a chat template.
            IntegrityError: the file is damaged.
        """
        self._settings = settings
        self._model = Model(settings.path)
        template = GgufTemplate(self._model)
        head, self._between, self._tail, _ = turn_literals(template)
        self._head = template.added + head
        self._digest = sha256_file(settings.path)[0]
        self._tokens = min(settings.context_tokens, self._model.trained_context)
        self._free: asyncio.Queue[Lane] = asyncio.Queue()
        self._cancel = threading.Event()
        self.concurrency = lanes or physical_cores()

    def identity(self, request: Request) -> Any:
        """The model's content, what it is asked and how it draws."""
        settings = self._settings
        return [
            f"gguf/{_REVISION}", self._digest, [dict(m) for m in request.messages],
            request.schema, settings.temperature, settings.max_output_tokens,
        ]  # fmt: skip

    def most(self, request: Request) -> Tokens:
        """The prompt's tokens, counted, and the longest reply."""
        count = sum(map(len, self._prompt(request.messages)))
        return Tokens(count, self._settings.max_output_tokens)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Memory for as many replies as there are cores."""
        lanes = [self.lane() for _ in range(self.concurrency)]
        self._free = asyncio.Queue()
        for lane in lanes:
            self._free.put_nowait(lane)
        try:
            yield
        finally:
            self._cancel.set()
            for lane in lanes:
                await asyncio.to_thread(lane.close)
            self._model.close()

    def lane(self) -> Lane:
        """Memory for one reply at a time."""
        return Lane(self._model, self._tokens)

    def stop(self) -> None:
        """Replies that are being written have cost nothing yet that could be kept."""
        self._cancel.set()

    async def ask(self, request: Request) -> Reply:
        """Write a reply.

        Raises:
            IntegrityError: the model computes values that are no numbers.
            StoppedError: another request has failed for good.
        """
        lane = await self._free.get()
        try:
            return await asyncio.to_thread(self.reply, lane, request)
        finally:
            self._free.put_nowait(lane)

    def _prompt(self, messages: Messages) -> list[list[int]]:
        """Token ids: what all requests begin with, and the rest."""
        system, user = (str(message["content"]) for message in messages)
        parts = (
            (Part(self._head, special=True), Part(system), Part(self._between, special=True)),
            (Part(user), Part(self._tail, special=True)),
        )
        return [segment_ids(part, self._model.tokenize) for part in parts]

    def reply(self, lane: Lane, request: Request) -> Reply:
        """Write a reply in this memory; raises as `ask` does."""
        segments = self._prompt(request.messages)
        count, most = sum(map(len, segments)), self._settings.max_output_tokens
        if count + most > self._tokens:
            return Reply("too_long")
        limits = Limits(most, cancel=self._cancel)
        rng = np.random.default_rng(int(reply_key(self.identity(request))[:16], 16))
        schema = request.schema
        grammar = closing(Grammar(self._model, schema)) if schema else nullcontext()
        with lane.lock, grammar as rules:
            read = lane.memory.prefill(segments, limits)
            if read.interrupted:
                raise StoppedError("asking was stopped")
            text = _Text()
            ended = self._write(
                lane.context, (read.row, count), limits, _Draw(rules, rng), text
            )
        text.stream.finish()
        return Reply("ok" if ended else "cut", text.stream.text, count, text.tokens)

    def _write(
        self,
        context: Context,
        start: tuple[int, int],
        limits: Limits,
        draw: "_Draw",
        text: _Text,
    ) -> bool:
        """Write until the model ends or the limit is reached; whether it has ended."""
        row, position = start
        while True:
            token = draw.token(context.logits(row), self._settings.temperature)
            if self._model.ends(token):
                return True
            draw.accept(token)
            text.tokens += 1
            text.stream.feed(self._model.piece(token))
            if text.tokens == limits.max_tokens:
                return False
            if limits.interruption():
                raise StoppedError("asking was stopped")
            context.decode([Entry(token, position, wanted=True)])
            row, position = 0, position + 1


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws tokens, within a grammar if there is one."""

    grammar: Grammar | None
    rng: np.random.Generator

    def token(self, logits: Floats, temperature: float) -> int:
        """A token drawn at a temperature; at 0 the most probable one."""
        if not np.isfinite(logits.max()):
            raise IntegrityError(
                "the teacher's model computes values that are no numbers",
                hint="The model file is damaged. Copy it again.",
            )
        scores = logits.astype(np.float32)
        if temperature > 0:
            # The highest of score plus Gumbel noise is a draw from the softmax, and among the
            # allowed tokens it is a draw from the softmax over those.
            noise = self.rng.gumbel(size=len(scores))
            scores = (scores / temperature + noise).astype(np.float32)
        if self.grammar is None:
            return int(np.argmax(scores))
        return self.grammar.choose(scores)

    def accept(self, token: int) -> None:
        """Note the token that was written."""
        if self.grammar is not None:
            self.grammar.accept(token)
