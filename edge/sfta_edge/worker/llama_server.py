"""llama.cpp's own server as an engine: the optional second one behind the same interface.

It writes; it cannot compare texts, so `choose_quotes` has to be off. Only the fields below are
ever sent, whatever a caller asks for: sampling is greedy, and nothing names a file.

The forms are those of ``tools/server/README.md`` of llama.cpp: ``/props``, ``/tokenize`` and
``/completion``.
"""

import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from sfta_edge.errors import ConfigError, ToolError
from sfta_edge.generation import (
    FinishReason,
    Generation,
    Limits,
    Prompt,
    Scored,
    Timings,
    as_segments,
    require_room,
)
from sfta_edge.worker.loopback import LoopbackServer

_FIRST_CANDIDATES = 64
"""Tokens whose probability is asked for where the first one is chosen here."""
_REASONS: Mapping[str, FinishReason] = {"eos": "stop", "word": "stop", "limit": "length"}


class LlamaServerEngine:
    """A llama-server on this machine. Threads share it; it satisfies `answer.StreamingEngine`."""

    def __init__(self, address: str) -> None:
        """Look at the server.

        Args:
            address: ``http://127.0.0.1:8081`` or ``unix:/run/llama.sock``.

        Raises:
            ConfigError: an address that leaves this machine.
            ToolError: nothing there answers as llama-server does.
        """
        self._server = LoopbackServer(address)
        props = self._server.get("/props")
        try:
            self.context_tokens = int(props["default_generation_settings"]["n_ctx"])
            """Tokens of prompt and answer that fit into one slot."""
            self.name = str(
                props.get("model_alias") or props.get("model_path") or "llama-server"
            )
            """What the server calls its model."""
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ToolError(f"{address} does not answer as llama-server does") from error

    def tokenize(self, text: str, special: bool = False) -> list[int]:  # noqa: FBT001, FBT002 prompt.Tokenize
        """Token ids of a text; satisfies `prompt.Tokenize`."""
        if not text:
            return []
        fields = {"content": text, "add_special": False, "parse_special": special}
        return _ids(self._server.post("/tokenize", fields))

    def score(self, prompt: Prompt, options: Sequence[Sequence[int]], limits: Limits) -> Scored:  # noqa: ARG002 the interface
        """Not with this engine.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "llama-server cannot compare texts", hint="Set choose_quotes to false."
        )

    def stream(self, prompt: Prompt, limits: Limits) -> Generator[str, None, Generation]:
        """Write, yielding text as it comes; close the generator to stop early.

        Raises:
            ContextOverflowError: prompt and answer do not fit.
            ConfigError: an empty prompt, or an adapter.
            ToolError: the server does not answer, or with something else.
        """
        ids = [token for segment in as_segments(prompt) for token in segment]
        require_room(len(ids), limits.max_tokens, self.context_tokens)
        if limits.adapter is not None:
            raise ConfigError("llama-server is not asked for adapters")
        if limits.grammar is not None and limits.first_token_bias:
            raise ConfigError(
                "llama-server takes a grammar or a bias on the first token, not both"
            )
        written = _Written(len(ids))
        if reason := limits.interruption():
            return written.generation(reason)
        if limits.first_token_bias:
            yield from self._first(ids, limits, written)
        if written.reason is None:
            yield from self._rest([*ids, *written.tokens], limits, written)
        return written.generation()

    def _first(
        self, ids: Sequence[int], limits: Limits, written: "_Written"
    ) -> Generator[str, None, None]:
        """The first token, chosen here: the server would apply a bias to all of them."""
        fields = {**_fields(ids, 1, limits), "stream": False, "n_probs": _FIRST_CANDIDATES}
        try:
            reply = self._server.post("/completion", fields, limits.seconds_left)
        except TimeoutError:
            written.reason = "deadline"
            return
        found = _first_probabilities(reply)
        written.scores = {t: _score(t, found) for t in limits.first_token_bias}
        bias = limits.first_token_bias
        best = min(found, key=lambda token: (-found[token] - bias.get(token, 0.0), token))
        unbiased = min(found, key=lambda token: (-found[token], token))
        if best == unbiased and reply.get("stop_type") == "eos":
            written.take(reply)
        else:
            written.tokens.append(best)
            text = self._text(best)
            written.text += text
            if limits.max_tokens == 1:
                written.reason = "length"
            if text:
                yield text

    def _rest(
        self, ids: Sequence[int], limits: Limits, written: "_Written"
    ) -> Generator[str, None, None]:
        left = limits.max_tokens - len(written.tokens)
        fields = {**_fields(ids, left, limits), "stream": True}
        events = self._server.events("/completion", fields, limits.seconds_left)
        with closing(events):
            try:
                for event in events:
                    if text := written.take(event):
                        yield text
                    if written.reason is None:
                        written.reason = _interruption(limits, written)
                    if written.reason is not None:
                        return
            except TimeoutError:
                written.reason = "deadline"
                return
        raise ToolError("llama-server ended an answer without saying why")

    def _text(self, token: int) -> str:
        reply = self._server.post("/detokenize", {"tokens": [token]})
        content = reply.get("content") if isinstance(reply, dict) else None
        return content if isinstance(content, str) else ""


class _Written:
    """What has been written so far."""

    def __init__(self, prompt_tokens: int) -> None:
        self.prompt_tokens, self.reused = prompt_tokens, 0
        self.text, self.tokens = "", list[int]()
        self.reason: FinishReason | None = None
        self.scores: dict[int, float] = {}
        self._silent = False  # the last token brought no text
        self.began = time.monotonic()
        self.first: float | None = None

    def take(self, event: Any) -> str:
        """Add what one reply brings; the final one says why it ended."""
        if not isinstance(event, dict) or not isinstance(event.get("content"), str):
            raise ToolError("llama-server sent something else than a completion")
        self.first = self.first or time.monotonic()
        text: str = event["content"]
        self.text += text
        ids = _ids({"tokens": event.get("tokens") or []})
        self.tokens += ids
        self._silent = (self._silent or bool(ids)) and not text
        if event.get("stop"):
            self.reason = _REASONS.get(str(event.get("stop_type")))
            if self.reason is None:
                raise ToolError("llama-server ended an answer without saying why")
            if self._silent and event.get("stop_type") == "eos":
                self.tokens.pop()  # the token that ended it, which no generation holds
            cached = event.get("tokens_cached")
            self.reused = min(cached, self.prompt_tokens) if isinstance(cached, int) else 0
        return text

    def generation(self, reason: FinishReason | None = None) -> Generation:
        now = time.monotonic()
        first = self.first or now
        return Generation(
            self.text,
            tuple(self.tokens),
            reason or self.reason or "cancelled",
            self.prompt_tokens,
            self.reused,
            Timings((first - self.began) * 1000, (now - first) * 1000),
            self.scores,
        )


def _fields(ids: Sequence[int], max_tokens: int, limits: Limits) -> dict[str, Any]:
    """Everything that is ever sent with a prompt."""
    fields: dict[str, Any] = {
        "prompt": list(ids),
        "n_predict": max_tokens,
        "temperature": 0.0,
        "samplers": ["temperature"],
        "repeat_penalty": 1.0,
        "seed": 0,
        "cache_prompt": True,
        "return_tokens": True,
    }
    if limits.grammar is not None:
        fields["grammar"] = limits.grammar
    return fields


def _interruption(limits: Limits, written: _Written) -> FinishReason | None:
    if limits.stop is not None and limits.stop(written.text):
        return "stop"
    # The server may pass its budget while a character is unfinished.
    if len(written.tokens) >= limits.max_tokens:
        return "length"
    return limits.interruption()


def _first_probabilities(reply: Any) -> dict[int, float]:
    """Natural logarithm of the probability of the likeliest first tokens."""
    try:
        (first, *_) = reply["completion_probabilities"]
        found = {int(each["id"]): float(each["logprob"]) for each in first["top_logprobs"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError("llama-server gave no probabilities of the first token") from error
    if not found:
        raise ToolError("llama-server gave no probabilities of the first token")
    return found


def _score(token: int, found: Mapping[int, float]) -> float:
    """As `prefill.first_token_scores`; one that is not listed is as likely as the last that is."""
    others = [value for other, value in found.items() if other != token]
    margin = found.get(token, min(found.values())) - max(others, default=-math.inf)
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, margin))))


def _ids(reply: Any) -> list[int]:
    tokens = reply.get("tokens") if isinstance(reply, dict) else None
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        raise ToolError("llama-server sent no token ids")
    return tokens
