"""Which number format a device can hold and how fast it answers, told from bytes and operations.

    memory      = weights + KV of the context + buffers + program
    decode      = the longer of: reading weights and KV from memory, computing one token
    prefill     = the longer of: computing the prompt, reading the weights once for each piece
    first token = prefill of the prompt + one token

Sources: the roofline model (doi 10.1145/1498765.1498785); what llama.cpp allocates, and how near
the speeds come, was measured: docs/how-to/choose-a-device.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sfta_edge.errors import ConfigError
from sfta_edge.prefill import PIECE
from sfta_edge.scoring import SCORED
from sfta_export.device import Device, kernel_of
from sfta_export.model_shape import ModelShape
from sfta_export.number_formats import Quantizer, Tensor, stored_bytes

SPREAD = 2.0
"""Measured speeds lie within predicted / SPREAD and predicted * SPREAD."""
_STEP = 256  # tokens by which llama.cpp grows a context
_PROGRAM = 160 << 20  # Python, libraries and an embedder of 45 MB with its context, measured
_BUFFERS = 1 << 20
# Numbers of a token that are in memory at once: six hidden states, two of the feed-forward.
_OF_HIDDEN, _OF_INNER = 6, 2


@dataclass(frozen=True, slots=True)
class Workload:
    """What the device is asked to do."""

    prompt_tokens: int
    """Of a usual question with its chunks."""
    answer_tokens: int
    """Of the longest answer."""
    context_tokens: int
    """Room for prompt and answer."""
    importance: bool = False
    """Whether files are made with an importance matrix."""

    def __post_init__(self) -> None:
        if min(self.prompt_tokens, self.answer_tokens, self.context_tokens) < 1:
            raise ConfigError(
                "a plan needs a prompt, an answer and a context of 1 token or more"
            )


@dataclass(frozen=True, slots=True)
class Forecast:
    """One scheme on one device."""

    scheme: str
    bits_per_weight: float
    file_bytes: int
    memory_bytes: int
    """At the context of the workload."""
    kv_bytes: int
    """Of them for keys and values."""
    missing_bytes: int
    """By how much the memory is too small; 0 if it fits."""
    longest_context: int
    """Tokens; 0 if not even the shortest context fits."""
    prefill_tokens_per_second: float
    first_token_seconds: float
    decode_tokens_per_second: float

    @property
    def fits(self) -> bool:
        """Whether the memory holds it at the context of the workload."""
        return self.missing_bytes == 0


@dataclass(frozen=True, slots=True)
class Floor:
    """The slowest that is still of use."""

    tokens_per_second: float = 5.0
    """About as fast as people read."""
    first_token_seconds: float = 30.0

    def excess(self, forecast: Forecast) -> float:
        """How many times too slow a forecast is, by the worse of the two; at most 1 is enough."""
        writing = self.tokens_per_second / forecast.decode_tokens_per_second
        waiting = forecast.first_token_seconds / max(self.first_token_seconds, 1e-9)
        return max(writing, waiting)

    def problem(self, forecast: Forecast) -> str:
        """What of a forecast is too slow; empty if nothing is."""
        if forecast.decode_tokens_per_second < self.tokens_per_second:
            return (
                f"writes {forecast.decode_tokens_per_second:.1f} tokens/s, "
                f"{self.tokens_per_second:g} are wanted"
            )
        if forecast.first_token_seconds > self.first_token_seconds:
            return (
                f"first token after {forecast.first_token_seconds:.0f} s, "
                f"{self.first_token_seconds:g} s are allowed"
            )
        return ""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The tensors of one file, with what they cost."""

    shape: ModelShape
    device: Device
    formats: tuple[tuple[Tensor, str], ...]

    @property
    def weight_bytes(self) -> int:
        return sum(stored_bytes(tensor, kind) for tensor, kind in self.formats)

    @property
    def read_bytes(self) -> int:
        """Weights that one token needs: of an embedding that is no output, one row."""
        vectors = (pair for pair in self.formats if pair[0].role == "vector")
        return sum(stored_bytes(*pair) for pair in (*self.multiplied, *vectors))

    @property
    def multiplied(self) -> list[tuple[Tensor, str]]:
        """What a token is multiplied with."""
        passed_by = () if self.shape.tied else ("embedding",)
        return [pair for pair in self.formats if pair[0].role not in ("vector", *passed_by)]

    def prompt_seconds(self, tokens: int) -> float:
        """Of multiplying a prompt with the weights; logits are needed of its last token only."""
        return sum(
            2.0
            * tensor.weights
            * (1 if tensor.role in ("output", "embedding") else tokens)
            / self.device.operations(kernel_of(kind))
            for tensor, kind in self.multiplied
        )

    def token_seconds(self) -> float:
        """Of multiplying one token with the weights."""
        weights = sum(tensor.weights for tensor, _ in self.multiplied)
        return 2.0 * weights / self.device.operations("vector")

    def attention_seconds(self, pairs: float) -> float:
        """Of the given number of pairs of tokens, in all layers: scores and weighted sum."""
        shape = self.shape
        operations = 4.0 * shape.layers * shape.heads * shape.head_size * pairs
        return operations / self.device.operations("attention")


def forecast(
    shape: ModelShape, device: Device, workload: Workload, schemes: Sequence[str]
) -> list[Forecast]:
    """What to expect of each scheme, in the order given.

    Raises:
        ConfigError: an unknown scheme, or the model was not trained for prompt and answer.
    """
    needed = workload.prompt_tokens + workload.answer_tokens
    room = min(workload.context_tokens, shape.trained_context)
    if needed > room:
        raise ConfigError(
            f"a prompt of {workload.prompt_tokens} tokens and an answer of "
            f"{workload.answer_tokens} do not fit into a context of {room}",
            hint="Lower retrieval.top_k or chunk.max_tokens, or raise evaluate.context_tokens.",
        )
    return [_forecast(shape, device, workload, scheme) for scheme in schemes]


def recommended(forecasts: Sequence[Forecast], floor: Floor) -> Forecast | None:
    """The scheme with the most bits that fits and is fast enough; None if there is none."""
    good = [each for each in forecasts if each.fits and not floor.problem(each)]
    return max(good, key=lambda each: each.bits_per_weight, default=None)


def why_none(forecasts: Sequence[Forecast], floor: Floor) -> str:
    """What is in the way of every scheme, with the numbers of the one that comes nearest."""
    fitting = [each for each in forecasts if each.fits]
    if not fitting:
        least = min(forecasts, key=lambda each: each.missing_bytes)
        return (
            f"nothing fits: {least.scheme} needs {_mib(least.memory_bytes)} MiB, "
            f"{_mib(least.missing_bytes)} MiB more than there are"
        )
    nearest = min(fitting, key=floor.excess)
    return f"nothing is fast enough: {nearest.scheme} {floor.problem(nearest)}"


def memory_at(shape: ModelShape, weight_bytes: int, tokens: int) -> int:
    """Bytes in use with a context of so many tokens.

    The program and the embedder are counted; what the system keeps for itself is not.
    """
    cells = -(-tokens // _STEP) * _STEP
    batch = min(PIECE, cells)
    logits = 4 * SCORED * shape.vocabulary
    states = 4 * batch * (_OF_HIDDEN * shape.hidden + _OF_INNER * shape.inner)
    mask = 2 * batch * cells
    buffers = logits + max(logits, states) + mask + _BUFFERS
    return weight_bytes + cells * shape.kv_bytes_per_token + buffers + _PROGRAM


def longest_context(shape: ModelShape, weight_bytes: int, free: int) -> int:
    """Most tokens that fit, never more than the model was trained for; 0 if none do."""
    low, high = 0, -(-shape.trained_context // _STEP)
    while low < high:
        middle = (low + high + 1) // 2
        if memory_at(shape, weight_bytes, middle * _STEP) <= free:
            low = middle
        else:
            high = middle - 1
    return min(low * _STEP, shape.trained_context)


def _forecast(shape: ModelShape, device: Device, workload: Workload, scheme: str) -> Forecast:
    quantizer = Quantizer(
        scheme, shape.layers, shape.heads // shape.kv_heads, shape.tied, workload.importance
    )
    formats = tuple((tensor, quantizer.format_of(tensor)) for tensor in shape.tensors)
    stored = _Stored(shape, device, formats)
    weights = stored.weight_bytes
    tokens = min(workload.context_tokens, shape.trained_context)
    memory = memory_at(shape, weights, tokens)
    prompt = workload.prompt_tokens
    prefill, decode = _prefill_seconds(stored, prompt), _decode_seconds(stored, prompt)
    return Forecast(
        scheme=scheme,
        bits_per_weight=weights * 8 / shape.parameters,
        file_bytes=weights + shape.header_bytes,
        memory_bytes=memory,
        kv_bytes=-(-tokens // _STEP) * _STEP * shape.kv_bytes_per_token,
        missing_bytes=max(0, memory - device.free),
        longest_context=longest_context(shape, weights, device.free),
        prefill_tokens_per_second=prompt / prefill,
        first_token_seconds=prefill + decode,
        decode_tokens_per_second=1 / decode,
    )


def _prefill_seconds(stored: _Stored, prompt: int) -> float:
    computing = stored.prompt_seconds(prompt) + stored.attention_seconds(prompt**2 / 2)
    reading = math.ceil(prompt / PIECE) * stored.read_bytes / stored.device.bandwidth
    return max(computing, reading)


def _decode_seconds(stored: _Stored, past: int) -> float:
    moved = stored.read_bytes + past * stored.shape.kv_bytes_per_token
    computing = stored.token_seconds() + stored.attention_seconds(past)
    return max(moved / stored.device.bandwidth, computing)


def _mib(size: int) -> int:
    return -(-size // (1 << 20))
