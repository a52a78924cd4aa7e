"""Size, speed and quality of each file in one picture. Speeds are those of this machine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.core.progress import task
from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.machine import environment, processor_name
from sfta.evaluation.quality_plot import QualityPoint, quality_picture
from sfta_edge.engine import Engine
from sfta_edge.manifest import write_durably
from sfta_edge.speed import PROMPT_TOKENS, measure

SPEEDS, QUALITY = "speeds.json", "quality.png"
_CONTEXT = 1024
_METRIC = "overall_f1"


def measured_speeds(
    files: Mapping[str, Path], prompt_tokens: int = PROMPT_TOKENS
) -> dict[str, Any]:
    """How fast each file reads a prompt and writes here, with what that holds for.

    Raises:
        SftaError: a file cannot be loaded.
    """
    found, machine = {}, dict[str, str]()
    with task("speed of each file", len(files)) as progress:
        for scheme, path in files.items():
            with Engine(path, context_tokens=_CONTEXT) as engine:
                speed = measure(engine, prompt_tokens)
            found[scheme] = {
                "prefill_tokens_per_second": round(speed.prefill_tokens_per_second, 1),
                "decode_tokens_per_second": _rounded(speed.decode_tokens_per_second),
                "first_token_seconds": round(speed.first_token_seconds, 3),
                "prompt_tokens": speed.prompt_tokens,
            }
            machine = environment(speed.variant, speed.threads)
            progress.advance()
    return {"schemes": found, "environment": machine}


def write_quality(
    out: Path, found: Sequence[Mapping[str, Any]], speeds: Mapping[str, Any], ships: str
) -> None:
    """Write the speeds and the picture.

    Args:
        out: folder of the artifact.
        found: what `scheme_loss.losses` gives, one entry for each file.
        speeds: what `measured_speeds` gives.
        ships: scheme of the file that goes to the device.
    """
    points = [
        QualityPoint(
            one["scheme"],
            one["size"] / 1e6,
            one["metrics"][_METRIC]["value"] or 0.0,
            one["metrics"][_METRIC]["interval"],
            speeds["schemes"][one["scheme"]]["decode_tokens_per_second"],
            marked=bool(one["lost"]),
            chosen=one["scheme"] == ships,
        )
        for one in found
    ]
    text = json.dumps(speeds, sort_keys=True, indent=2) + "\n"
    write_durably(out / SPEEDS, text.encode())
    picture = quality_picture(points, BY_KEY[_METRIC].label, processor_name())
    write_durably(out / QUALITY, picture)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
