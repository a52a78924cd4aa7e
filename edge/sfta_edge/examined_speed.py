"""The speed of an installed bundle on this device, beside what was planned for it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sfta_edge.appliance import CONTEXT_TOKENS, BundleFiles
from sfta_edge.engine import Engine
from sfta_edge.manifest import Manifest
from sfta_edge.own_profile import profile_text
from sfta_edge.prediction import Prediction, read_plan
from sfta_edge.settings import AnswerSettings
from sfta_edge.speed import PROMPT_TOKENS, Compared, Speed, compare, measure, scheme_of

_MIB = 1 << 20
_IDLE = 0.9
_SHOWN = {
    "prefill_tokens_per_second": ("prefill tok/s", 1.0),
    "first_token_seconds": ("first token s", 1.0),
    "decode_tokens_per_second": ("decode tok/s", 1.0),
    "bandwidth": ("bandwidth GB/s", 1e-9),
    "memory_bytes": ("memory MiB", 1 / _MIB),
}
_COLUMNS = "{:16}  {:>10}  {:>10}  {:>8}"


@dataclass(frozen=True, slots=True)
class Examined:
    """What was measured, and planned if there is a plan."""

    speed: Speed
    prediction: Prediction | None
    profile: str
    """This device in the form of a profile."""

    @property
    def compared(self) -> list[Compared]:
        """Nothing without a plan."""
        return compare(self.speed, self.prediction) if self.prediction else []

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "speed": asdict(self.speed),
            "prediction": self.prediction.to_facts() if self.prediction else None,
            "compared": [asdict(each) | {"ratio": each.ratio} for each in self.compared],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        speed, planned = self.speed, self.prediction
        yield (
            f"\n{speed.scheme or 'model'} on {speed.threads} threads of {speed.variant}, "
            f"{speed.free_bytes / _MIB:,.0f} MiB free, prompt of {speed.prompt_tokens} tokens"
        )
        if speed.core_share < _IDLE:
            yield (
                f"busy: other programs took {1 - speed.core_share:.0%} of the cores' time; "
                "measure again when they rest"
            )
        figures = {each.figure: each for each in self.compared}
        yield _COLUMNS.format("", "predicted", "measured", "ratio").rstrip()
        for figure, (name, factor) in _SHOWN.items():
            measured = speed.peak_bytes if figure == "memory_bytes" else getattr(speed, figure)
            if measured is None:
                yield _COLUMNS.format(name, "", "none", "").rstrip()
                continue
            each = figures.get(figure)
            predicted = f"{each.predicted * factor:,.4g}" if each else ""
            ratio = f"{each.ratio:.2f}" if each else ""
            yield _COLUMNS.format(name, predicted, f"{measured * factor:,.4g}", ratio).rstrip()
        if planned is None:
            yield "no plan to compare with: sfta plan export RECIPE --device NAME --json"
            return
        missed = [_SHOWN[each.figure][0] for each in self.compared if not each.within]
        said = f"outside of it: {', '.join(missed)}" if missed else "all within it"
        yield f"planned for {planned.device}, within a factor of {planned.spread:g}: {said}"


def examine_speed(folder: Path, plan: Path | None, *, threads: int | None = None) -> Examined:
    """Measure the bundle's model; the plan is the one given, or the bundle's own.

    Raises:
        ConfigError: the plan cannot be read, or says nothing of the bundle's model.
        IntegrityError: the folder is no bundle.
    """
    manifest = Manifest.read(folder)
    files = BundleFiles.of(folder, manifest)
    settings = AnswerSettings.from_facts(manifest.facts.get("answer", {}))
    context = settings.context_tokens or CONTEXT_TOKENS
    with Engine(files.model, context_tokens=context, threads=threads) as engine:
        prediction = _prediction(manifest, plan, scheme_of(engine))
        prompt = prediction.prompt_tokens if prediction else PROMPT_TOKENS
        speed = measure(engine, prompt)
        return Examined(speed, prediction, profile_text(speed, engine))


def _prediction(manifest: Manifest, plan: Path | None, scheme: str) -> Prediction | None:
    if plan is not None:
        return read_plan(plan, scheme)
    planned = manifest.facts.get("prediction")
    return None if planned is None else Prediction.from_facts(planned)
