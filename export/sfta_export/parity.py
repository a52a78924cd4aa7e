"""Is the exported file still the same model: token ids, then probabilities.

Two rungs of one ladder, each against the Hugging Face folder on the product's own prompts:

- token ids are equal, text by text, with and without parsing of special tokens;
- KL(folder || file) per position, and how often both name the same next token.

Parity says that a file works as converted; how good the answers are, evaluation says.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import IntegrityError
from sfta_edge.model import Model
from sfta_edge.prompt import PromptContract, Tokenize, segment_ids
from sfta_export.probes import CHUNKS, QUESTIONS, TEXTS

Floats = NDArray[np.float32]
POSITIONS = 96
"""Positions compared at the end of each prompt; they lie in question and answer."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a file may be from its folder."""

    mean_kl: float
    """Nats per position."""
    top1: float
    """Least share of positions with the same most probable token."""


# A broken conversion (rotary order, norms, tokenizer) is nats away from its folder. Small models
# suffer most from few bits; measured on SmolLM2-135M, which was Q4_1 before: Q8_0 0.004 and
# 95 %, Q4_0 0.24 and 71 %, Q2_K 0.36 and 67 %.
TOLERANCES = {
    "F32": Tolerance(0.001, 0.98),
    "F16": Tolerance(0.002, 0.97),
    "BF16": Tolerance(0.01, 0.95),
    "Q8": Tolerance(0.05, 0.88),
    "Q6": Tolerance(0.10, 0.85),
    "Q5": Tolerance(0.30, 0.70),
    "Q4": Tolerance(0.80, 0.50),
    "Q3": Tolerance(1.50, 0.35),
    "Q2": Tolerance(3.00, 0.20),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One file against the folder."""

    scheme: str
    mean_kl: float
    max_kl: float
    top1: float
    """Share of positions with the same most probable token."""
    positions: int

    def within(self, tolerance: Tolerance) -> bool:
        """Whether the file may ship."""
        return self.mean_kl <= tolerance.mean_kl and self.top1 >= tolerance.top1


@dataclass(frozen=True, slots=True)
class Reference:
    """Logits of the folder on the probe prompts."""

    prompts: tuple[tuple[int, ...], ...]
    logits: tuple[Floats, ...]
    """For each prompt, shape (positions, vocabulary): the last positions of the prompt."""


def tolerance(scheme: str) -> Tolerance:
    """The limit of a scheme; schemes of one width share one."""
    return TOLERANCES.get(scheme) or TOLERANCES[scheme[:2]]


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


def probe_prompts(contract: PromptContract, tokenize: Tokenize) -> tuple[tuple[int, ...], ...]:
    """Token ids of whole prompts with their answers."""
    prompts = []
    for question, number, quote, answer in QUESTIONS:
        ids = [
            token
            for segment in contract.segments(CHUNKS, question)
            for token in segment_ids(segment, tokenize)
        ]
        completion = contract.completion([(number, quote)], answer)
        prompts.append((*ids, *contract.completion_ids(completion, tokenize)))
    return tuple(prompts)


def reference(
    model_dir: Path, prompts: Sequence[Sequence[int]], scratch: Path, *, device: str = "cpu"
) -> Reference:
    """Run the folder's model on the prompts, in float32 where that fits in memory.

    Args:
        model_dir: Model in Hugging Face form.
        prompts: Token ids.
        scratch: Folder for the logits, which stay on disk.
        device: `cpu` or `cuda`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if _fits_in_float32(model_dir) else "auto"
    model = AutoModelForCausalLM.from_pretrained(
        model_dir, dtype=dtype, local_files_only=True, trust_remote_code=False
    )
    model.eval().to(torch.device(device))  # type: ignore[no-untyped-call]
    kept = []
    with torch.inference_mode():
        for index, prompt in enumerate(prompts):
            ids = torch.tensor([list(prompt)], device=device)
            logits = model(input_ids=ids, use_cache=False).logits[0, -POSITIONS:]
            path = scratch / f"logits-{index}.npy"
            np.save(path, logits.float().cpu().numpy())
            kept.append(np.load(path, mmap_mode="r"))
    return Reference(tuple(tuple(prompt) for prompt in prompts), tuple(kept))


def measure(path: Path, scheme: str, expected: Reference) -> Rung:
    """Compare one GGUF file with the folder's logits."""
    longest = max(map(len, expected.prompts))
    model = Model(path)
    context = Context(model, Shape(longest, longest, 1, physical_cores()))
    divergences: list[float] = []
    same = 0
    try:
        for prompt, rows in zip(expected.prompts, expected.logits, strict=True):
            for row, other in zip(rows, _last_rows(context, prompt, len(rows)), strict=True):
                divergences.append(_divergence(row, other))
                same += int(np.argmax(row)) == int(np.argmax(other))
    finally:
        context.close()
        model.close()
    count = len(divergences)
    mean = float(f"{sum(divergences) / count:.3g}")
    return Rung(scheme, mean, float(f"{max(divergences):.3g}"), round(same / count, 4), count)


def check_ladder(
    model_dir: Path,
    files: dict[str, Path],
    contract: PromptContract,
    tokenize: Tokenize,
    *,
    device: str = "cpu",
) -> dict[str, Any]:
    """Climb every rung; return the figures for the record.

    Args:
        model_dir: The folder the files were made from.
        files: GGUF files by scheme.
        contract: How the product prompts.
        tokenize: The folder's own tokenizer.
        device: Where the folder's model runs.

    Raises:
        IntegrityError: names the rung that is outside its tolerance.
    """
    texts = 0
    for path in files.values():
        model = Model(path)
        try:
            texts = check_tokens(model, tokenize, contract)
        finally:
            model.close()
    with tempfile.TemporaryDirectory(dir=next(iter(files.values())).parent) as scratch:
        prompts = probe_prompts(contract, tokenize)
        expected = reference(model_dir, prompts, Path(scratch), device=device)
        rungs = [measure(path, scheme, expected) for scheme, path in files.items()]
    for rung in rungs:
        if not rung.within(tolerance(rung.scheme)):
            limit = tolerance(rung.scheme)
            raise IntegrityError(
                f"parity of {rung.scheme} fails: mean KL {rung.mean_kl} (limit {limit.mean_kl}), "
                f"same next token {rung.top1:.0%} (limit {limit.top1:.0%})",
                hint="Choose a scheme with more bits, or report the model's architecture.",
            )
    return {
        "token_texts": texts,
        "rungs": [asdict(r) | {"tolerance": asdict(tolerance(r.scheme))} for r in rungs],
    }


def _last_rows(context: Context, prompt: Sequence[int], count: int) -> Iterator[Floats]:
    """Logits at the last positions: the prompt in one batch, then token by token, as served."""
    first = len(prompt) - count
    entries = [Entry(token, at, wanted=at >= first) for at, token in enumerate(prompt)]
    context.forget(0)
    if first:
        context.decode(entries[:first])
    for entry in entries[first:]:
        context.decode([entry])
        yield context.logits(0)


def _divergence(folder: Floats, file: Floats) -> float:
    """KL divergence of two rows of logits in nats, in float64; never negative by rounding."""
    p, q = _log_softmax(folder), _log_softmax(file)
    return max(0.0, float(np.sum(np.exp(p) * (p - q))))


def _log_softmax(row: Floats) -> NDArray[np.float64]:
    wide = row.astype(np.float64)
    wide -= wide.max()
    result: NDArray[np.float64] = wide - np.log(np.exp(wide).sum())
    return result


def _fits_in_float32(model_dir: Path) -> bool:
    from sfta_export.tensors import list_tensors

    values = sum(
        np.prod(info.shape, dtype=np.int64) for info in list_tensors(model_dir).values()
    )
    return int(values) * 4 < _free_memory() * 0.7


def _free_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
