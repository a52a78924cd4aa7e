"""The engine and the embedder as everybody else knows them, computed in the worker.

What `engine.Engine` and `embedder.Embedder` promise holds here too, except that they may be lost:
then `WorkerLostError` or `WorkerDownError` is raised, and asking again is all that is needed. What
a lost worker had not begun to answer is asked again here, see `requests`.
"""

import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from sfta_edge.batching.following import OnPlace
from sfta_edge.context import Floats
from sfta_edge.embedder import EmbedderIdentity
from sfta_edge.errors import ConfigError
from sfta_edge.generation import (
    Generation,
    Limits,
    Prompt,
    Scored,
    as_segments,
    drain,
    require_room,
)
from sfta_edge.worker import forms
from sfta_edge.worker.failures import FrameError
from sfta_edge.worker.frames import Frame
from sfta_edge.worker.requests import Requests
from sfta_edge.worker.supervisor import Supervisor

_BATCH_CHARACTERS = 1 << 20  # of texts in one request; a character takes up to 12 bytes there
_EMBED_TEXTS = 64  # of one request, so that its time has a bound
_CACHED_CHARACTERS = 4 << 20


class TokenCache:
    """Token ids of texts that were asked for lately: a prompt's parts come again and again."""

    def __init__(self, most_characters: int = _CACHED_CHARACTERS) -> None:
        self._most, self._characters = most_characters, 0
        self._ids: OrderedDict[tuple[str, bool], list[int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str, special: bool) -> list[int] | None:  # noqa: FBT001 prompt.Tokenize
        """The ids, if they are known; a list of the caller's own."""
        with self._lock:
            ids = self._ids.get((text, special))
            if ids is None:
                return None
            self._ids.move_to_end((text, special))
            return list(ids)

    def put(self, text: str, special: bool, ids: Sequence[int]) -> None:  # noqa: FBT001 prompt.Tokenize
        """Remember the ids; what was not asked for longest makes room."""
        with self._lock:
            if (text, special) not in self._ids:
                self._characters += len(text)
            self._ids[text, special] = list(ids)
            while self._characters > self._most:
                (oldest, _), _ = self._ids.popitem(last=False)
                self._characters -= len(oldest)


class RemoteEngine:
    """A language model in the worker. Threads share it; it satisfies `answer.StreamingEngine`."""

    def __init__(self, supervisor: Supervisor) -> None:
        """The supervisor is started, and closed by whoever made it."""
        self._supervisor, self._requests = supervisor, Requests(supervisor)
        self._cache = TokenCache()

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return self._supervisor.facts().name

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer that fit."""
        return self._supervisor.facts().context_tokens

    def tokenize(self, text: str, special: bool = False) -> list[int]:  # noqa: FBT001, FBT002 prompt.Tokenize
        """Token ids of a text; satisfies `prompt.Tokenize`."""
        return self.tokenize_many([text], special)[0]

    def tokenize_many(self, texts: Sequence[str], special: bool = False) -> list[list[int]]:  # noqa: FBT001, FBT002 prompt.Tokenize
        """Token ids of each text, asked for together.

        Raises:
            ConfigError: a text of more than a million characters.
        """
        known = {text: self._cache.get(text, special) for text in texts if text}
        missing = [text for text, ids in known.items() if ids is None]
        for batch in _batches(missing):
            done = _done(self._requests.ask("tokenize", {"texts": batch, "special": special}))
            found = forms.read(forms.id_lists, done.get("ids"))
            for text, ids in _paired(batch, found):
                self._cache.put(text, special, ids)
                known[text] = ids
        return [list(known.get(text) or []) for text in texts]

    def stream(
        self, prompt: Prompt, limits: Limits, *, on_place: OnPlace | None = None
    ) -> Generator[str, None, Generation]:
        """Write, yielding text as it becomes complete; returns the generation.

        Close the generator to stop early. `on_place` is called while it waits for its turn.

        Raises:
            ContextOverflowError: prompt and answer do not fit; nothing was computed.
            ConfigError: an empty prompt, or `stop`: a function cannot cross to the worker.
            WorkerLostError, WorkerDownError: see above.
        """
        segments = self._checked(prompt, limits, limits.max_tokens)
        if reason := limits.interruption():
            return Generation("", (), reason, sum(map(len, segments)))
        facts = {"prompt": segments}
        done = yield from self._followed("stream", facts, limits, on_place)
        return forms.read(forms.generation_of, done)

    def score(
        self,
        prompt: Prompt,
        options: Sequence[Sequence[int]],
        limits: Limits,
        *,
        on_place: OnPlace | None = None,
    ) -> Scored:
        """How likely each option comes after the prompt; as `Engine.score`."""
        longest = max(map(len, options), default=0)
        segments = self._checked(prompt, limits, longest)
        if reason := limits.interruption():
            return Scored((), sum(map(len, segments)), interrupted=reason)
        wanted = [list(option) for option in options]
        facts = {"prompt": segments, "options": wanted}
        done = drain(self._followed("score", facts, limits, on_place))
        scored = forms.read(forms.scored_of, done)
        lengths = [len(option) for option in scored.options]
        if not scored.interrupted and lengths != [len(option) for option in wanted]:
            raise FrameError("the worker scored other options than it was asked about")
        return scored

    def facts(self) -> Mapping[str, Any]:
        """What is loaded, with the digest of the model file, which is computed if need be."""
        return _done(self._requests.ask("facts"))

    def stats(self) -> Mapping[str, Any]:
        """What worker and engine count."""
        return _done(self._requests.ask("stats"))

    def _followed(
        self, name: str, facts: Mapping[str, Any], limits: Limits, on_place: OnPlace | None
    ) -> Generator[str, None, Any]:
        """Text and places as they come; returns the result."""
        asked = {**facts, "places": on_place is not None}
        with closing(self._requests.follow(name, asked, limits)) as replies:
            for frame in replies:
                header = frame.header
                if "text" in header:
                    yield forms.read(forms.text, header["text"])
                elif "place" not in header:
                    return header["done"]
                elif on_place is not None:
                    on_place(forms.read(forms.count, header["place"]))
        raise FrameError("the worker ended a request without a result")

    def _checked(self, prompt: Prompt, limits: Limits, more: int) -> list[list[int]]:
        segments = as_segments(prompt)
        require_room(sum(map(len, segments)), more, self.context_tokens)
        if limits.stop is not None:
            raise ConfigError(
                "a stop condition cannot cross to the worker process",
                hint="Look at the text of the stream, and close it.",
            )
        return segments


class RemoteEmbedder:
    """An embedder in the worker. Threads share it; it satisfies `kept_vectors.TextEmbedder`."""

    def __init__(self, supervisor: Supervisor) -> None:
        """The supervisor is started, and closed by whoever made it."""
        self._supervisor, self._requests = supervisor, Requests(supervisor)

    @property
    def identity(self) -> EmbedderIdentity:
        """Which embedder it is.

        Raises:
            ConfigError: the worker has none.
        """
        identity = self._supervisor.facts().embedder
        if identity is None:
            raise ConfigError("the worker has no embedder", hint="Start it with one.")
        return identity

    @property
    def context_tokens(self) -> int:
        """Tokens of a text that count, begin and end token included."""
        return self._supervisor.facts().embedder_tokens

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors of length one, shape (texts, dimension)."""
        dimension = self.identity.dimension
        rows = [np.zeros((0, dimension), dtype=np.float32)]
        for batch in _batches(texts, _EMBED_TEXTS):
            frame = self._requests.ask("embed", {"texts": batch})
            rows.append(forms.vectors_of(frame.payload, len(batch), dimension))
        return np.concatenate(rows)

    def count_tokens(self, text: str) -> int:
        """Tokens a text takes, begin and end token included; more than fit are cut."""
        (batch,) = _batches([text])
        done = _done(self._requests.ask("count", {"texts": batch}))
        counts = forms.read(forms.token_ids, done.get("counts"))
        if len(counts) != 1:
            raise FrameError("the worker counted other texts than it was given")
        return counts[0]


def _done(frame: Frame) -> Mapping[str, Any]:
    return forms.read(forms.facts, frame.header.get("done"))


def _paired(texts: Sequence[str], found: Sequence[Any]) -> list[tuple[str, Any]]:
    if len(texts) != len(found):
        raise FrameError(f"the worker answered {len(found)} of {len(texts)} texts")
    return list(zip(texts, found, strict=True))


def _batches(texts: Sequence[str], most: int | None = None) -> Iterator[list[str]]:
    """The texts in their order, in requests of bounded length."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        if len(text) > _BATCH_CHARACTERS:
            raise ConfigError(
                f"a text of {len(text)} characters is too long for the worker",
                hint=f"Give at most {_BATCH_CHARACTERS} at once.",
            )
        if batch and (characters + len(text) > _BATCH_CHARACTERS or len(batch) == most):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch
