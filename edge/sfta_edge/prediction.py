"""What a device was planned to do: read where the figures are measured, and held against them.

The factory writes it (`sfta plan export RECIPE --device NAME --json`, and the facts of a bundle
whose recipe names a device); the device reads one scheme of it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from sfta_edge.errors import ConfigError

PLAN_SCHEMA = "sfta.device-plan/1"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One model file on one kind of device."""

    device: str
    """Name of the profile."""
    scheme: str
    prompt_tokens: int
    """Of the prompt that the first token was predicted for."""
    bandwidth: float
    """Bytes per second that are read from memory."""
    memory_bytes: int
    prefill_tokens_per_second: float
    first_token_seconds: float
    decode_tokens_per_second: float
    spread: float
    """Factor within which measured speeds were found to lie."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) is not (field.type is str):
                raise ConfigError(f"prediction: {field.name} is unusable: {value!r}")
            if field.type is not str and not _is_positive(value):
                raise ConfigError(f"prediction: {field.name} must be above 0, not {value!r}")

    def to_facts(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: object) -> Self:
        """Read it from a manifest.

        Raises:
            ConfigError: a figure is missing, unknown or unusable.
        """
        known = {field.name for field in fields(cls)}
        if not isinstance(facts, Mapping) or set(facts) != known:
            raise ConfigError(
                "the prediction is not readable",
                hint=f"This version knows {', '.join(sorted(known))}.",
            )
        return cls(**facts)

    @classmethod
    def of_plan(cls, plan: object, scheme: str) -> Self:
        """Take one scheme out of a device plan.

        Raises:
            ConfigError: this is no device plan, or the scheme is not in it.
        """
        try:
            assert isinstance(plan, Mapping)
            if plan["schema"] != PLAN_SCHEMA:
                raise ConfigError(
                    f"unknown plan schema {plan['schema']!r}", hint="Update sfta-edge."
                )
            rows = {row["scheme"]: row for row in plan["schemes"]}
            device, prompt = plan["device"], plan["workload"]["prompt_tokens"]
            row = rows.get(scheme)
            if row is None:
                raise ConfigError(
                    f"the plan says nothing of {scheme}", hint=f"It has {', '.join(rows)}."
                )
            named = {field.name for field in fields(cls)} & set(row)
            return cls(
                **{name: row[name] for name in named}, prompt_tokens=prompt,
                device=device["name"], bandwidth=device["bandwidth"], spread=plan["spread"],
            )  # fmt: skip
        except (AssertionError, KeyError, TypeError) as error:
            raise ConfigError(
                "this is no device plan",
                hint="Write one with: sfta plan export RECIPE --device NAME --json",
            ) from error


def read_plan(path: Path, scheme: str) -> Prediction:
    """The prediction for a scheme in a file that `sfta plan export --json` has written.

    Raises:
        ConfigError: the file cannot be read, is no plan, or says nothing of the scheme.
    """
    try:
        plan = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"cannot read the plan {path}: {error}",
            hint="Write one with: sfta plan export RECIPE --device NAME --json",
        ) from error
    return Prediction.of_plan(plan, scheme)


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and value > 0
