"""What a recipe's model would do on a device, before anything is trained or exported."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.adapters.device_profile import read_profile
from sfta.core.stage import Runtime
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError
from sfta_edge.prediction import PLAN_SCHEMA, Prediction
from sfta_export.device import Device
from sfta_export.model_shape import ModelShape, read_shape
from sfta_export.number_formats import SCHEMES
from sfta_export.plan import SPREAD, Floor, Forecast, Workload, forecast, recommended, why_none

_LADDER = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_XS", "Q3_K_M", "Q2_K")
_TITLE, _HEADING = "Operating manual, second edition", "Maintenance of the oil circuit"
_QUESTION = (
    "How often does the filter have to be changed when the machine runs in a dusty room?"
)
# Where there is no tokenizer: letters of a token, and tokens of a template with two turns.
_LETTERS, _TURNS = 4.0, 40


@dataclass(frozen=True, slots=True)
class _Chunk:
    title: str = _TITLE
    page: int = 100
    heading: str = _HEADING
    text: str = ""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """The schemes of a model on one device, and which of them to take."""

    device: Device
    shape: ModelShape
    workload: Workload
    floor: Floor
    forecasts: tuple[Forecast, ...]

    @property
    def recommended(self) -> Forecast | None:
        """None if nothing fits and is fast enough."""
        return recommended(self.forecasts, self.floor)

    def problem(self, each: Forecast) -> str:
        """Why a scheme is none to take; empty if it is."""
        if not each.fits:
            return f"needs {each.missing_bytes / (1 << 20):,.0f} MiB more"
        return self.floor.problem(each)

    def to_json(self) -> dict[str, Any]:
        """For programs, and for `sfta-edge doctor --device`."""
        best = self.recommended
        device = {name: getattr(self.device, name)
                  for name in ("name", "memory", "reserved", "bandwidth", "cores", "clock",
                               "instruction_set")}  # fmt: skip
        return {
            "schema": PLAN_SCHEMA,
            "device": device,
            "model": {
                "parameters": self.shape.parameters,
                "kv_bytes_per_token": self.shape.kv_bytes_per_token,
                "trained_context": self.shape.trained_context,
            },
            "workload": asdict(self.workload),
            "floor": asdict(self.floor),
            "spread": SPREAD,
            "schemes": [
                asdict(each) | {"fits": each.fits, "problem": self.problem(each)}
                for each in self.forecasts
            ],
            "recommended": best.scheme if best else None,
            "problem": "" if best else why_none(self.forecasts, self.floor),
        }


def plan_device(
    recipe: Recipe, device: Device, runtime: Runtime, floor: Floor | None = None
) -> DevicePlan:
    """Forecasts for the recipe's schemes and for those between 16 and 3 bits.

    Only settings and tokenizer of the base model are needed, and fetched if it is on the hub.

    Raises:
        ConfigError: no such model, one that cannot be planned, or a prompt that does not fit.
        ToolError: the hub cannot be reached.
    """
    base = hub.resolve_settings(recipe.model.base, runtime.cache, root=recipe.root)
    shape = read_shape(base)
    asked = {*_LADDER, *recipe.export.schemes}
    schemes = [scheme for scheme in SCHEMES if scheme in asked]
    workload = Workload(
        prompt_tokens=_prompt_tokens(recipe, base),
        answer_tokens=recipe.evaluate.max_answer_tokens,
        context_tokens=recipe.evaluate.context_tokens,
        importance=recipe.export.importance_rows > 0,
    )
    forecasts = forecast(shape, device, workload, schemes)
    by_bits = sorted(forecasts, key=lambda each: each.bits_per_weight, reverse=True)
    return DevicePlan(device, shape, workload, floor or Floor(), tuple(by_bits))


def device_of(recipe: Recipe) -> Device | None:
    """The device that the recipe's bundle is for; None if it names none.

    Raises:
        ConfigError: there is no such profile, or it cannot be read.
    """
    named = recipe.bundle.device
    return read_profile(named, recipe.root).device() if named is not None else None


def predicted(recipe: Recipe, runtime: Runtime) -> dict[str, Any]:
    """Facts of a bundle: what is expected of its model on the recipe's device, if it names one."""
    device = device_of(recipe)
    if device is None:
        return {}
    plan = plan_device(recipe, device, runtime).to_json()
    return {"prediction": Prediction.of_plan(plan, recipe.bundle.scheme).to_facts()}


def _prompt_tokens(recipe: Recipe, base: Path) -> int:
    """Of a question with the chunks that the recipe gives it, each as long as it may be."""
    count = recipe.retrieval.top_k
    full = count * recipe.chunk.max_tokens
    try:
        tokenizer = hub.load_tokenizer(base)
        contract = make_contract(tokenizer, recipe.prompt)
        around = contract.prompt_ids([_Chunk()] * count, _QUESTION, hub.hf_tokenize(tokenizer))
        return full + sum(map(len, around))
    except ConfigError:
        texts = recipe.prompt
        letters = len(texts.system) + len(texts.question) + len(_QUESTION)
        letters += count * (len(texts.document) + len(_TITLE) + len(_HEADING))
        return full + _TURNS + round(letters / _LETTERS)
