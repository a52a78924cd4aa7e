"""The rungs that answer questions: GGUF files, and what is no GGUF file in the same way."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.record_cache import code_identity
from sfta.core.stage import Job
from sfta.evaluation.aggregate import Array
from sfta.evaluation.arms import arm_of
from sfta.evaluation.asking import Asker
from sfta.evaluation.cases import Case
from sfta.evaluation.config import CANDIDATE
from sfta.recipe import Recipe
from sfta.stages.answer_facts import answer_facts
from sfta.stages.export import torch_device
from sfta.stages.index import EMBEDDER
from sfta.stages.opened_model import OpenedModel
from sfta_edge.answer import ParallelEngine
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.kept_vectors import KeptVectors
from sfta_edge.llama import variant
from sfta_edge.manifest import sha256_file
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.retriever import similarities
from sfta_edge.settings import AnswerSettings
from sfta_export.gguf import lossless_scheme, model_gguf
from sfta_export.ladder import PARITY
from sfta_export.model_settings import CONFIG, ends_of, read_json
from sfta_export.plain_engine import PlainEngine, Stepper
from sfta_export.reference import load_folder, load_trained
from sfta_export.steppers import OnnxStepper, TorchStepper

ONNX_RUNG = "ONNX {scheme}"
_CONTEXT = 4096
_OURS = ("sfta_export.plain_engine", "sfta_export.steppers", "sfta_export.reference")
_TORCH = ("torch", "transformers", "peft", "bitsandbytes")
_GENAI = ("onnxruntime-genai",)
_Open = Callable[[int], AbstractContextManager[ParallelEngine]]


@dataclass(frozen=True, slots=True)
class AnsweringRung:
    """A model in one form."""

    name: str
    size: int
    """Bytes on the disk."""
    identity: tuple[str, str]
    """Of the model, and of what runs it."""
    open: _Open
    """Given the tokens of its context."""


def scheme_files(job: Job[Recipe]) -> dict[str, Path]:
    """GGUF files by scheme: the 16-bit one first, made again where it does not ship."""
    gguf, model = job.inputs["gguf"], job.inputs["model"].path
    exact = lossless_scheme(model)
    files = {str(s): gguf.file(f"model-{s}.gguf") for s in job.recipe.export.schemes}
    whole = files.pop(exact, None) or model_gguf(model, job.runtime.cache, exact)
    return {exact: whole, **files}


def file_rungs(files: Mapping[str, Path]) -> list[AnsweringRung]:
    """The rungs of GGUF files, in their order."""
    return [
        AnsweringRung(
            scheme, path.stat().st_size, (sha256_file(path)[0], variant()),
            partial(_file_engine, path),
        )
        for scheme, path in files.items()
    ]  # fmt: skip


def further_rungs(job: Job[Recipe]) -> list[AnsweringRung]:
    """What else the recipe wants to answer, from the adapter down."""
    makers = {"adapter": _adapter, "merged": _merged, "onnx": _onnx}
    wanted = job.recipe.ladder.task_rungs
    return [rung for name, make in makers.items() if name in wanted for rung in make(job)]


def answers_of(job: Job[Recipe], rung: AnsweringRung, cases: Sequence[Case]) -> Array:
    """Answers of one rung, judged, as the report says that a device answers.

    What the same model was asked before in the same way, for the report among others, is known.
    """
    report = json.loads(job.inputs["report"].file("report.json").read_bytes())
    facts = answer_facts(report, AnswerSettings().candidates)
    settings, arm = AnswerSettings.from_facts(facts), arm_of(CANDIDATE)
    contract = PromptContract.read(job.inputs["gguf"].file(PROMPT_FILE))
    folder = job.work / rung.name.replace(" ", "-")
    folder.mkdir(exist_ok=True)
    with (
        Embedder(job.inputs["index"].file(EMBEDDER)) as embeds,
        rung.open(settings.context_tokens or _CONTEXT) as engine,
    ):
        asker = Asker(engine, contract, settings, partial(similarities, KeptVectors(embeds)))
        model, runs = rung.identity
        identity = (model, embeds.identity.sha256, runs)
        found = OpenedModel(asker, identity, job.runtime.cache)
        return found.answer(arm, cases, folder, 0)[0].table


def _file_engine(path: Path, context_tokens: int) -> AbstractContextManager[ParallelEngine]:
    return Engine(path, context_tokens=context_tokens)


def _adapter(job: Job[Recipe]) -> list[AnsweringRung]:
    """Base and adapter as they were trained."""
    recipe, cache, adapter = job.recipe, job.runtime.cache, job.inputs["adapter"]
    base = hub.resolve_model(recipe.model.base, cache, root=recipe.root)
    name = hub.model_identity(recipe.model.base, root=recipe.root)
    device = torch_device(job.runtime.device)
    loads = partial(load_trained, base, adapter.path, device)
    size = _weights(base) + _weights(adapter.path)
    identity = (f"{name} {adapter.digest}", _runs(_TORCH, device))
    return [AnsweringRung("adapter", size, identity, _opens(job, partial(_torch, loads)))]


def _merged(job: Job[Recipe]) -> list[AnsweringRung]:
    model, device = job.inputs["model"], torch_device(job.runtime.device)
    loads = partial(load_folder, model.path, device)
    identity = (model.digest, _runs(_TORCH, device))
    opens = _opens(job, partial(_torch, loads))
    return [AnsweringRung("merged", _weights(model.path), identity, opens)]


def _onnx(job: Job[Recipe]) -> list[AnsweringRung]:
    """Every folder that the artifact holds."""
    onnx, runs = job.inputs["onnx"], _runs(_GENAI, "cpu")
    made, rungs = json.loads(onnx.file(PARITY).read_bytes())["rungs"], []
    for scheme in (rung["scheme"] for rung in made):
        folder = onnx.path / f"model-{scheme}"
        size = sum(path.stat().st_size for path in folder.iterdir())
        identity = (f"{onnx.digest} {scheme}", runs)
        opens = _opens(job, partial(OnnxStepper, folder))
        rungs.append(AnsweringRung(ONNX_RUNG.format(scheme=scheme), size, identity, opens))
    return rungs


def _torch(loads: Callable[[], Any], _context_tokens: int) -> Stepper:
    return TorchStepper(loads())


def _opens(job: Job[Recipe], make: Callable[[int], Stepper]) -> _Open:
    """An engine with tokenizer, end and length of the merged model."""
    folder, tokenizer = job.inputs["model"].path, hub.load_tokenizer(job.inputs["model"].path)
    tokenize = hub.hf_tokenize(tokenizer)
    contract = PromptContract.read(job.inputs["model"].file(PROMPT_FILE))
    ends = {*ends_of(folder), *tokenize(contract.end, True)}
    longest = _longest(folder)

    def opens(context_tokens: int) -> PlainEngine:
        room = min(context_tokens, longest)
        spell = hub.hf_spell(tokenizer)
        return PlainEngine(make(room), tokenize, spell, ends=ends, context_tokens=room)

    return opens


def _longest(folder: Path) -> int:
    """Tokens that a model can be read to and stepped back in.

    A Phi takes other frequencies beyond the length it was trained on first, for all that was read
    before as well.
    """
    config = read_json(folder / CONFIG)
    names = ("max_position_embeddings", "original_max_position_embeddings")
    return min((int(config[name]) for name in names if config.get(name)), default=_CONTEXT)


def _weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _runs(packages: Sequence[str], device: str) -> str:
    """What runs a model: our code, the versions of theirs, and where."""
    there = tuple(name for name in packages if find_spec(name.replace("-", "_")))
    return f"{device} {code_identity(_OURS, there)}"
