"""Is the exported file still the same model: token ids, probabilities, and what it writes.

Each file is held against the merged model on the product's own prompts:

- token ids are equal, text by text, with and without parsing of special tokens;
- KL(model || file) per position, and how often both name the same next token;
- how far both write the same answer, token by token as on a device.

Parity says that a file works as converted; how good the answers are, evaluation says.
"""

import ctypes
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import IntegrityError
from sfta_edge.llama import first_error
from sfta_edge.model import Model
from sfta_edge.prompt import PromptContract, Tokenize, segment_ids
from sfta_export.probes import CHUNKS, QUESTIONS, TEXTS
from sfta_export.reference import POSITIONS, WRITTEN, Floats, Probe, Reference


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a file may be from its folder."""

    mean_kl: float
    """Nats per position."""
    top1: float
    """Least share of positions with the same most probable token."""
    greedy: float = 0.0
    """Least share of an answer that is written alike before the first difference."""


# A broken conversion (rotary order, norms, tokenizer) is nats away from its folder. Small models
# suffer most from few bits; measured on SmolLM2-135M, which was Q4_1 before: Q8_0 0.004 and
# 95 %, Q4_0 0.24 and 71 %, Q2_K 0.36 and 67 %.
TOLERANCES = {
    "F32": Tolerance(0.001, 0.98, 0.4),
    "F16": Tolerance(0.002, 0.97, 0.4),
    "BF16": Tolerance(0.01, 0.95, 0.3),
    "Q8": Tolerance(0.05, 0.88),
    "Q6": Tolerance(0.10, 0.85),
    "Q5": Tolerance(0.30, 0.70),
    "Q4": Tolerance(0.80, 0.50),
    "IQ4": Tolerance(0.80, 0.50),
    "Q3": Tolerance(1.50, 0.35),
    "Q2": Tolerance(3.00, 0.20),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One file, or the adapter on its base, against the merged model."""

    scheme: str
    mean_kl: float
    max_kl: float
    top1: float
    """Share of positions with the same most probable token."""
    greedy: float
    """Mean share of an answer that both write alike before the first difference."""
    positions: int

    def within(self, tolerance: Tolerance) -> bool:
        """Whether the file may ship.

        A file whose probabilities are almost the model's own may name another token where two
        are as probable: below a tenth of the divergence, the first token is not looked at. What
        is written token by token is, since that is computed in another way.
        """
        if self.mean_kl > tolerance.mean_kl or self.greedy < tolerance.greedy:
            return False
        return self.top1 >= tolerance.top1 or self.mean_kl <= tolerance.mean_kl / 10


def tolerance(scheme: str) -> Tolerance:
    """The limit of a scheme; schemes of one width share one."""
    return TOLERANCES.get(scheme) or TOLERANCES[scheme[: 3 if scheme.startswith("I") else 2]]


def check_tokens(model: Model, tokenize: Tokenize, contract: PromptContract) -> int:
    """Compare token ids of folder and file; return how many texts were compared.

    Raises:
        IntegrityError: the first text with different ids, and how many there are.
    """
    texts = [(text, special) for text in TEXTS for special in (False, True)]
    texts += [
        (part.text, part.special)
        for question, *_ in QUESTIONS
        for segment in contract.segments(CHUNKS, question)
        for part in segment
        if part.text
    ]
    texts.append((contract.end, True))
    unequal = [
        (text, special, ours, theirs)
        for text, special in dict.fromkeys(texts)
        if (ours := tokenize(text, special)) != (theirs := model.tokenize(text, special))
    ]
    if unequal:
        text, special, ours, theirs = unequal[0]
        raise IntegrityError(
            f"parity of token ids fails for {len(unequal)} of {len(dict.fromkeys(texts))} texts; "
            f"first {text[:60]!r} (special tokens {'parsed' if special else 'as text'}): "
            f"folder {ours[:12]}, file {theirs[:12]}",
            hint="Convert with the base model's own tokenizer files.",
        )
    return len(dict.fromkeys(texts))


def probe_prompts(contract: PromptContract, tokenize: Tokenize) -> tuple[Probe, ...]:
    """Whole prompts with their answers, for a model without rows of its own."""
    probes = []
    for question, number, quote, answer in QUESTIONS:
        ids = [
            token
            for segment in contract.segments(CHUNKS, question)
            for token in segment_ids(segment, tokenize)
        ]
        completion = contract.completion([(number, quote)], answer)
        probes.append(Probe(tuple(ids), tuple(contract.completion_ids(completion, tokenize))))
    return tuple(probes)


def measure(path: Path, scheme: str, expected: Reference, adapter: Path | None = None) -> Rung:
    """Compare one GGUF file, or one with an adapter's file, with what the model computes.

    Raises:
        IntegrityError: the adapter's file does not fit the model's.
    """
    longest = max(len(probe.ids) for probe in expected.probes) + WRITTEN
    model = Model(path)
    shape = Shape(longest, longest, 1, physical_cores(), outputs=POSITIONS)
    context = Context(model, shape)
    try:
        if adapter is not None:
            _apply(model, context, adapter)
        pairs = [
            (row, other)
            for probe, rows in zip(expected.probes, expected.logits, strict=True)
            for row, other in zip(rows, _last_rows(context, probe.ids, len(rows)), strict=True)
        ]
        written = [_write(context, model, probe.prompt) for probe in expected.probes]
    finally:
        context.close()
        model.close()
    return compare(scheme, pairs, list(zip(expected.written, written, strict=True)))


def compare_references(scheme: str, expected: Reference, found: Reference) -> Rung:
    """Compare two models that were run on the same probes."""
    pairs = [
        pair
        for rows, others in zip(expected.logits, found.logits, strict=True)
        for pair in zip(rows, others, strict=True)
    ]
    return compare(scheme, pairs, list(zip(expected.written, found.written, strict=True)))


def compare(
    scheme: str,
    pairs: Sequence[tuple[Floats, Floats]],
    written: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> Rung:
    """The figures of a rung.

    Args:
        scheme: Name of the rung.
        pairs: Logits of one position each, the model's first.
        written: Answers, the model's first.
    """
    divergences = [_divergence(row, other) for row, other in pairs]
    same = sum(int(np.argmax(row)) == int(np.argmax(other)) for row, other in pairs)
    greedy = [alike(one, two) for one, two in written]
    return Rung(
        scheme,
        mean_kl=float(f"{sum(divergences) / len(divergences):.3g}"),
        max_kl=float(f"{max(divergences):.3g}"),
        top1=round(same / len(pairs), 4),
        greedy=round(sum(greedy) / len(greedy), 4),
        positions=len(pairs),
    )


def alike(one: Sequence[int], two: Sequence[int]) -> float:
    """Share of the longer answer that lies before the first difference; 1 if both are empty."""
    longest = max(len(one), len(two))
    pairs = zip(one, two, strict=False)
    first = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(two)))
    return first / longest if longest else 1.0


def _apply(model: Model, context: Context, adapter: Path) -> None:
    """Add an adapter's file; it is freed with the model."""
    native = model.native
    loaded = native.llama_adapter_lora_init(model.handle, str(adapter).encode())
    if not loaded:
        raise IntegrityError(
            f"{adapter.name} does not fit {model.path.name}: {first_error() or 'no reason given'}"
        )
    adapters = (native.llama_adapter_lora_p_ctypes * 1)(loaded)
    native.llama_set_adapters_lora(context.handle, adapters, 1, (ctypes.c_float * 1)(1.0))


def _last_rows(context: Context, ids: Sequence[int], count: int) -> Iterator[Floats]:
    """Logits at the last positions."""
    first = len(ids) - count
    entries = [Entry(token, at, wanted=at >= first) for at, token in enumerate(ids)]
    context.forget(0)
    if first:
        context.decode(entries[:first])
    context.decode(entries[first:])
    for index in range(count):
        yield context.logits(index).copy()


def _write(context: Context, model: Model, prompt: Sequence[int]) -> list[int]:
    """The most probable answer: the prompt in one batch, then token by token, as served."""
    context.forget(0)
    last = len(prompt) - 1
    context.decode([Entry(token, at, wanted=at == last) for at, token in enumerate(prompt)])
    written: list[int] = []
    row = last
    while len(written) < WRITTEN and not model.ends(token := context.best(row)):
        written.append(token)
        context.decode([Entry(token, last + len(written), wanted=True)])
        row = 0
    return written


def _divergence(folder: Floats, file: Floats) -> float:
    """KL divergence of two rows of logits in nats, in float64; never negative by rounding.

    Infinite if one of them is no row of numbers.
    """
    p, q = _log_softmax(folder), _log_softmax(file)
    found = float(np.sum(np.exp(p) * (p - q)))
    return max(0.0, found) if math.isfinite(found) else math.inf


def _log_softmax(row: Floats) -> NDArray[np.float64]:
    wide = row.astype(np.float64)
    wide -= wide.max()
    result: NDArray[np.float64] = wide - np.log(np.exp(wide).sum())
    return result
