"""Is the ONNX folder still the same model: what it carries, token ids, probabilities, answers.

Measured as `parity` measures GGUF files, on onnxruntime-genai, which is what a device runs.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from sfta_edge.cores import physical_cores
from sfta_edge.errors import IntegrityError
from sfta_edge.prompt import PromptContract, Tokenize
from sfta_export.model_settings import end_ids, ends_of, read_json
from sfta_export.onnx import EXACT, FAST, SETTINGS, set_accuracy
from sfta_export.parity import Rung, Tolerance, check_tokens, compare
from sfta_export.probes import TEXTS
from sfta_export.reference import WRITTEN, Floats, Reference

log = logging.getLogger("sfta")
# Measured on the merged SmolLM2-135M of the quickstart: fp32 1e-11 and 100 %, fp16 2e-5 and 99.7 %,
# int4 0.12 and 87 %. A wrong graph is nats away; the smallest models lose most.
TOLERANCES = {
    "int4": Tolerance(0.50, 0.60),
    "fp16": Tolerance(0.002, 0.97, 0.4),
    "fp32": Tolerance(0.001, 0.98, 0.4),
}
# What the fast level may cost beside the exact one, whose weights are the same.
_DEARER, _FEWER = 1.25, 0.02


def check_model(
    folder: Path, scheme: str, model_dir: Path, expected: Reference
) -> dict[str, Any]:
    """Hold a folder against the model it was made of; return the figures for the record.

    For int4 the accuracy level is chosen here: the fast one, unless it costs more than a quarter
    of the divergence that 4-bit weights have anyway, or one in fifty next tokens.

    Raises:
        IntegrityError: names the rung that is outside its tolerance, or that does not run.
    """
    _check_settings(folder, scheme, model_dir)
    if scheme != "int4":
        return _held(measure(folder, scheme, expected), scheme)
    rungs = {}
    for level in (EXACT, FAST):
        set_accuracy(folder, level)
        rungs[level] = measure(folder, scheme, expected)
    level = FAST if is_as_good(rungs[FAST], rungs[EXACT]) else EXACT
    set_accuracy(folder, level)
    other = asdict(rungs[EXACT if level == FAST else FAST])
    record = _held(rungs[level], scheme)
    return record | {"accuracy_level": level, "other_level": other}


def is_as_good(fast: Rung, exact: Rung) -> bool:
    """Whether the fast level costs little beside the exact one."""
    return fast.mean_kl <= exact.mean_kl * _DEARER and fast.top1 >= exact.top1 - _FEWER


def measure(folder: Path, scheme: str, expected: Reference) -> Rung:
    """Compare one folder with what the model computes.

    Raises:
        IntegrityError: the runtime cannot load or run it, or it computes no numbers.
    """
    try:
        model = load_onnx(folder)
        ends = set(end_ids(read_json(folder / SETTINGS)["model"]))
        pairs, written = [], []
        for probe, rows in zip(expected.probes, expected.logits, strict=True):
            found = _last_rows(model, probe.ids, len(rows))
            if not np.isfinite(found).all():
                _fail(scheme, "it computes what is no number")
            pairs += list(zip(rows, found, strict=True))
            written.append(_write(model, probe.prompt, ends))
    except (RuntimeError, ValueError) as error:
        _fail(scheme, f"onnxruntime-genai does not run it: {str(error).splitlines()[0]}")
    return compare(scheme, pairs, list(zip(expected.written, written, strict=True)))


def check_texts(
    folder: Path, scheme: str, tokenize: Tokenize, carried: Tokenize, contract: PromptContract
) -> dict[str, Any]:
    """Compare token ids of the model's tokenizer with those of the one that the folder carries.

    The runtime's own reading of the same file is compared too, and only reported: it knows no
    text in which spellings of control tokens are text, and splits some vocabularies otherwise.

    Args:
        folder: As `model_onnx` made it.
        scheme: Its scheme.
        tokenize: The model's tokenizer.
        carried: The tokenizer that the folder carries, read by the same rules.
        contract: How the product prompts.

    Raises:
        IntegrityError: the folder's tokenizer gives other ids; the message names the rung.
    """
    held: Any = SimpleNamespace(tokenize=carried)
    try:
        texts = check_tokens(held, tokenize, contract)
    except IntegrityError as error:
        raise IntegrityError(f"ONNX {scheme}: {error}", hint=error.hint) from error
    read = _runtime_tokenize(folder)
    other = [text for text in TEXTS if tokenize(text, True) != read(text)]
    if other:
        log.warning(
            "ONNX %s: the tokenizer of onnxruntime-genai reads %d of %d texts otherwise, first "
            "%r; give the runtime ids made with tokenizer.json, not text",
            *(scheme, len(other), len(TEXTS), other[0][:40]),
        )
    return {"token_texts": texts, "runtime_reads_otherwise": len(other)}


def _check_settings(folder: Path, scheme: str, model_dir: Path) -> None:
    carried = read_json(folder / SETTINGS).get("model", {})
    config = read_json(model_dir / "config.json")
    problems = [
        f"{name} {carried.get(name)} instead of {config[there]}"
        for name, there in (
            ("context_length", "max_position_embeddings"),
            ("vocab_size", "vocab_size"),
        )
        if config.get(there) and carried.get(name) != config[there]
    ]
    wanted = ends_of(model_dir)
    if wanted and not set(wanted) & set(end_ids(carried)):
        problems.append(f"generation does not end at {wanted}")
    if problems:
        _fail(scheme, f"it does not carry what the model holds: {'; '.join(problems)}")


def _held(rung: Rung, scheme: str) -> dict[str, Any]:
    """The record of a rung that is within its limit."""
    limit = TOLERANCES[scheme]
    log.info(
        "parity of ONNX %s: mean KL %.3g, same next token %.1f %%, same answer up to %.0f %%",
        *(scheme, rung.mean_kl, rung.top1 * 100, rung.greedy * 100),
    )
    if not rung.within(limit):
        _fail(
            scheme,
            f"mean KL {rung.mean_kl} (limit {limit.mean_kl}), same next token {rung.top1:.0%} "
            f"(limit {limit.top1:.0%}), same answer {rung.greedy:.0%} "
            f"(limit {limit.greedy:.0%})",
        )
    return asdict(rung) | {"tolerance": asdict(limit)}


def _fail(scheme: str, why: str) -> NoReturn:
    raise IntegrityError(
        f"parity of ONNX {scheme} fails: {why}",
        hint="Do not ship it. Choose a scheme with more bits, or GGUF.",
    )


def load_onnx(folder: Path) -> Any:
    """The model on the CPU, with as many threads as the other files are measured with."""
    import onnxruntime_genai as genai

    config = genai.Config(str(folder))
    config.clear_providers()
    threads = f'{{"intra_op_num_threads": {physical_cores()}}}'
    config.overlay(f'{{"model": {{"decoder": {{"session_options": {threads}}}}}}}')
    return genai.Model(config)


def make_generator(model: Any, most_tokens: int) -> Any:
    """What reads and writes one text of at most so many tokens."""
    import onnxruntime_genai as genai

    params = genai.GeneratorParams(model)
    # Whatever the model's own settings say: the most probable token, and nothing else.
    params.set_search_options(
        max_length=most_tokens,
        do_sample=False,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
    )
    return genai.Generator(model, params)


def _reading(model: Any, ids: Sequence[int]) -> Any:
    generator = make_generator(model, len(ids) + WRITTEN + 1)
    generator.append_tokens(np.asarray(ids, dtype=np.int32))
    return generator


def _last_rows(model: Any, ids: Sequence[int], count: int) -> Floats:
    # The runtime's memory is used again: what is kept is a copy.
    logits = _reading(model, ids).get_output("logits")[0, -count:]
    return np.array(logits, dtype=np.float32)


def _write(model: Any, prompt: Sequence[int], ends: set[int]) -> list[int]:
    """The most probable answer, token by token, as served."""
    generator = _reading(model, prompt)
    written: list[int] = []
    while len(written) < WRITTEN and not generator.is_done():
        generator.generate_next_token()
        token = int(generator.get_next_tokens()[0])
        if token in ends:
            break
        written.append(token)
    return written


def _runtime_tokenize(folder: Path) -> Any:
    import onnxruntime_genai as genai

    tokenizer = genai.Tokenizer(genai.Model(str(folder)))
    return lambda text: [int(token) for token in tokenizer.encode(text)]
