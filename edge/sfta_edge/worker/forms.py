"""What crosses between the processes, as plain data and back.

Rules this module upholds:

- ``read(written(value)) == value`` for generations, scores and identities; for limits, all but
  what cannot cross: time is what is left of it, `stop` and `cancel` stay behind.
- Data of another form raises `FrameError`. The worker reads files from outside, so what it
  says is checked, not trusted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeVar, get_args

import numpy as np

from sfta_edge.context import Floats
from sfta_edge.embedder import EmbedderIdentity
from sfta_edge.errors import ConfigError
from sfta_edge.generation import FinishReason, Generation, Limits, Scored, Timings
from sfta_edge.worker.failures import FrameError

Result = TypeVar("Result")
_REASONS: Final = get_args(FinishReason)
_VECTOR = np.dtype("<f4")
_SHORTEST = 1e-3  # seconds; no time left is not a form of limits


def read(form: Callable[[Any], Result], value: object) -> Result:
    """Apply one of the readers below.

    Raises:
        FrameError: the value has another form.
    """
    try:
        return form(value)
    except (KeyError, TypeError, ValueError, OverflowError, ConfigError) as error:
        raise FrameError(f"a message has an unknown form: {error}") from error


def limits_facts(limits: Limits) -> dict[str, Any]:
    """What of limits can cross."""
    return {
        "max_tokens": limits.max_tokens,
        "seconds": limits.seconds_left,
        "bias": [[token, bias] for token, bias in limits.first_token_bias.items()],
        "caller": limits.caller,
        "grammar": limits.grammar,
        "adapter": limits.adapter,
    }


def limits_of(facts: Any) -> Limits:
    """Limits that begin to run now."""
    seconds = facts["seconds"]
    return Limits(
        _whole(facts["max_tokens"]),
        deadline=None if seconds is None else max(_SHORTEST, _real(seconds)),
        first_token_bias={_whole(token): _real(bias) for token, bias in facts["bias"]},
        caller=text(facts["caller"]),
        grammar=None if facts["grammar"] is None else text(facts["grammar"]),
        adapter=None if facts["adapter"] is None else text(facts["adapter"]),
    )


def generation_facts(generation: Generation) -> dict[str, Any]:
    """A generation as plain data."""
    return {
        "text": generation.text,
        "tokens": list(generation.token_ids),
        "reason": generation.finish_reason,
        "prompt_tokens": generation.prompt_tokens,
        "reused_tokens": generation.reused_tokens,
        "timings": [generation.timings.prefill_ms, generation.timings.decode_ms],
        "scores": [[token, score] for token, score in generation.first_token_scores.items()],
    }


def generation_of(facts: Any) -> Generation:
    """A generation from plain data."""
    prefill, decode = facts["timings"]
    return Generation(
        text(facts["text"]),
        tuple(token_ids(facts["tokens"])),
        _reason(facts["reason"]),
        _whole(facts["prompt_tokens"]),
        _whole(facts["reused_tokens"]),
        Timings(_real(prefill), _real(decode)),
        {_whole(token): _real(score) for token, score in facts["scores"]},
    )


def scored_facts(scored: Scored) -> dict[str, Any]:
    """Scores as plain data."""
    return asdict(scored)


def scored_of(facts: Any) -> Scored:
    """Scores from plain data."""
    interrupted = facts["interrupted"]
    return Scored(
        tuple(tuple(map(_real, option)) for option in facts["options"]),
        _whole(facts["prompt_tokens"]),
        _whole(facts["reused_tokens"]),
        _real(facts["milliseconds"]),
        None if interrupted is None else _reason(interrupted),
    )


def identity_of(facts: Any) -> EmbedderIdentity:
    """An embedder's identity from ``asdict`` of one."""
    return EmbedderIdentity(
        text(facts["name"]),
        text(facts["sha256"]),
        _whole(facts["dimension"]),
        text(facts["pooling"]),
        text(facts["prefix"]),
    )


def vector_bytes(vectors: Floats) -> bytes:
    """Rows of numbers, little-endian, 32 bits each."""
    return vectors.astype(_VECTOR, copy=False).tobytes()


def vectors_of(payload: bytes, rows: int, dimension: int) -> Floats:
    """The rows again.

    Raises:
        FrameError: too few, too many, or a value that is no number.
    """
    if len(payload) != rows * dimension * _VECTOR.itemsize:
        raise FrameError(f"{len(payload)} bytes are not {rows} vectors of {dimension} numbers")
    vectors = np.frombuffer(payload, _VECTOR).astype(np.float32).reshape(rows, dimension)
    if not np.isfinite(vectors).all():
        raise FrameError("a vector from the worker holds a value that is no number")
    return vectors


def token_ids(value: Any) -> list[int]:
    """One list of token ids."""
    return [_whole(token) for token in _items(value)]


def id_lists(value: Any) -> list[list[int]]:
    """Lists of token ids."""
    return [token_ids(each) for each in _items(value)]


def count(value: Any) -> int:
    """A number of things."""
    return _whole(value)


def texts(value: Any) -> list[str]:
    """A list of texts."""
    return [text(each) for each in _items(value)]


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value


def facts(value: Any) -> Mapping[str, Any]:
    """An object of further facts."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} is no object")
    return value


def _items(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} is no list")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise TypeError(f"{value!r:.40} is no whole number")
    return value


def _real(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no number")
    return float(value)


def _reason(value: Any) -> FinishReason:
    if value not in _REASONS:
        raise ValueError(f"{value!r:.40} is no reason to finish")
    reason: FinishReason = value
    return reason
