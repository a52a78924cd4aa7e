"""The parity ladder: from the adapter as it was trained to the smallest file, rung by rung.

    base + adapter -> merged, 16 bits -> 16-bit file -> each smaller scheme

Every rung is held against the merged model, which is what training has made in 16 bits. The first
that is outside its tolerance ends the export and is named.
"""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import IntegrityError
from sfta_edge.model import Model
from sfta_edge.prompt import PromptContract, Tokenize
from sfta_export.parity import (
    Rung,
    Tolerance,
    check_tokens,
    compare_references,
    measure,
    tolerance,
)
from sfta_export.quantized_base import QuantizedBase
from sfta_export.reference import Probe, Reference, load_folder, load_trained, reference

log = logging.getLogger("sfta")
ADAPTER = "adapter"
PARITY = "parity.json"
"""What the rungs are kept in."""
# Merged into the values it was trained on, an adapter gives the same model up to the rounding of
# 16 bits; on the base's own values it corrects an error that is not there, see decision 0030.
_AS_TRAINED = Tolerance(0.02, 0.95)
# An int8 training rounds activations as well, and a merged model does not.
_INT8 = Tolerance(0.10, 0.85)
_ON_ORIGINAL = Tolerance(0.30, 0.70)


ADAPTER_FILE = "adapter.gguf"


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """An adapter as a file of its own, and the base it is meant for."""

    path: Path
    base: Path
    """GGUF file in 16 bits."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What the merged model was made of."""

    base: Path
    adapter: Path
    as_trained: bool
    """Whether the adapter was merged into the values that it was trained on."""
    file: AdapterFile | None = None
    """The adapter as a file of its own, if there is one."""


def check_ladder(
    model_dir: Path,
    files: Mapping[str, Path],
    contract: PromptContract,
    tokenize: Tokenize,
    probes: Sequence[Probe],
    *,
    trained: Trained | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Climb every rung; return the figures for the record.

    Args:
        model_dir: The merged model that the files were made from.
        files: GGUF files by scheme, from more bits to fewer.
        contract: How the product prompts.
        tokenize: The folder's own tokenizer.
        probes: Prompts of the product with their answers.
        trained: Base and adapter; None if all weights were trained, so that nothing was merged.
        device: Where the Hugging Face models run.

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
        expected = _computed(load_folder(model_dir, device), probes, Path(scratch) / "merged")
        rungs = _adapter_rungs(trained, expected, Path(scratch), device) if trained else []
        for scheme, path in files.items():
            rungs.append(_held(measure(path, scheme, expected), tolerance(scheme)))
    return {"token_texts": texts, "probes": len(probes), "rungs": rungs}


def _adapter_rungs(
    trained: Trained, expected: Reference, scratch: Path, device: str
) -> list[dict[str, Any]]:
    model = load_trained(trained.base, trained.adapter, device)
    found = _computed(model, expected.probes, scratch / ADAPTER)
    del model
    rungs = [_held(compare_references(ADAPTER, expected, found), _limit(trained))]
    if trained.file is not None:
        base, path = trained.file.base, trained.file.path
        # On a device the base has its own values, and those of a quantized training had others.
        other = QuantizedBase.read(trained.adapter) is not None and trained.as_trained
        limit = _ON_ORIGINAL if other else _AS_TRAINED
        rungs.append(_held(measure(base, ADAPTER_FILE, expected, path), limit))
    return rungs


def _limit(trained: Trained) -> Tolerance:
    quantized = QuantizedBase.read(trained.adapter)
    if quantized is not None and not trained.as_trained:
        return _ON_ORIGINAL
    return _INT8 if quantized is not None and quantized.scheme == "int8" else _AS_TRAINED


def _computed(model: Any, probes: Sequence[Probe], scratch: Path) -> Reference:
    scratch.mkdir()
    return reference(model, probes, scratch)


def _held(rung: Rung, limit: Tolerance) -> dict[str, Any]:
    """The record of a rung that is within its limit."""
    log.info(
        "parity of %s: mean KL %.3g, same next token %.1f %%, same answer up to %.0f %%",
        *(rung.scheme, rung.mean_kl, rung.top1 * 100, rung.greedy * 100),
    )
    if not rung.within(limit):
        raise IntegrityError(
            f"parity of {rung.scheme} fails: mean KL {rung.mean_kl} (limit {limit.mean_kl}), "
            f"same next token {rung.top1:.0%} (limit {limit.top1:.0%}), "
            f"same answer {rung.greedy:.0%} (limit {limit.greedy:.0%})",
            hint="Choose a scheme with more bits, or report the model's architecture.",
        )
    return asdict(rung) | {"tolerance": asdict(limit)}
