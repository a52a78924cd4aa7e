"""An installed bundle measured on this device, through the processes that serve it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sfta_edge.answer import Answerer
from sfta_edge.appliance import BundleFiles
from sfta_edge.bench.asking import Asked, ask_all, bench_questions, guessed_share
from sfta_edge.bench.figures import Series
from sfta_edge.bench.machine import Machine, measure_machine, peak_resident
from sfta_edge.bench.reading import Reading, measure_reading
from sfta_edge.bench.roofline import Held, ModelWork, decode_ceiling, prefill_ceiling
from sfta_edge.device import Device, DeviceOptions
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import Manifest
from sfta_edge.model import Model
from sfta_edge.request import make_request
from sfta_edge.speed import SCHEMES, peak_memory
from sfta_edge.worker.remote import RemoteEngine

SCHEMA = "sfta.bench/1"
_STEADY = 0.25
_IDLE = 0.9
_LEAST_ANSWER = 32  # tokens; room for what is measured
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Memory:
    """Most bytes that each process held, pages of mapped files included."""

    worker: int | None
    """Of the process that computes; None if the system does not tell."""
    server: int
    """Of this one, which searches."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything `sfta-edge bench` finds out."""

    bundle: dict[str, Any]
    variant: str
    """CPU backend of llama.cpp in use."""
    scheme: str
    """Of the model's file; empty if it is an unknown one."""
    machine: Machine
    reading: Reading
    retrieve_ms: Series
    first_text_ms: Series
    """From a question to the first text that is shown."""
    answer_ms: Series
    guessed: float
    """Share of the answers' tokens that the engine found in the prompt."""
    memory: Memory
    work: ModelWork

    @property
    def prefill(self) -> Held:
        """Against the arithmetic of the machine."""
        ceiling = prefill_ceiling(self.work, self.machine.operations_per_second)
        return Held(self.reading.prefill.median, ceiling)

    @property
    def decode(self) -> Held | None:
        """Against the memory of the machine; None if it could not be measured."""
        if self.reading.decode is None:
            return None
        context = self.reading.prompt_tokens
        ceiling = decode_ceiling(self.work, self.machine.bandwidth, context)
        return Held(self.reading.decode.median, ceiling)

    @property
    def disturbances(self) -> list[str]:
        """What says that another program computed meanwhile; empty on a machine at rest."""
        taken = 1 - self.machine.core_share
        busy = f"other programs take {taken:.0%} of the cores' time"
        found = [busy] if self.machine.core_share < _IDLE else []
        steady = {"prefill": self.reading.prefill, "decode": self.reading.decode}
        found += [
            f"{name} differs by {series.spread:.0%} from run to run"
            for name, series in steady.items()
            if series is not None and series.spread > _STEADY
        ]
        return found

    def to_json(self) -> dict[str, Any]:
        """For programs; the form is that of `SCHEMA`."""
        reading = self.reading
        return {
            "schema": SCHEMA,
            "bundle": self.bundle,
            "variant": self.variant,
            "scheme": self.scheme,
            "machine": asdict(self.machine),
            "prompt_tokens": reading.prompt_tokens,
            "prefix_tokens": reading.prefix_tokens,
            "questions": len(self.answer_ms.values),
            "first_token_cold_ms": reading.cold.to_json(),
            "first_token_restored_ms": reading.restored.to_json(),
            "first_token_again_ms": reading.again.to_json(),
            "prefill_tokens_per_second": reading.prefill.to_json(),
            "decode_tokens_per_second": reading.decode.to_json() if reading.decode else None,
            "retrieve_ms": self.retrieve_ms.to_json(),
            "first_text_ms": self.first_text_ms.to_json(),
            "answer_ms": self.answer_ms.to_json(),
            "guessed_share": self.guessed,
            "memory": asdict(self.memory),
            "model": asdict(self.work),
            "roofline": {"prefill": _facts(self.prefill), "decode": _facts(self.decode)},
            "disturbances": self.disturbances,
        }


def measure_bundle(
    folder: Path, *, questions: int, rounds: int, threads: int | None = None, say: Say
) -> Measured:
    """Serve a bundle from an empty data folder and measure it.

    Args:
        folder: of the bundle; its files are checked.
        questions: most that are asked.
        rounds: how often each speed is measured.
        threads: that compute; default: one per physical core.
        say: is told what is being measured.

    Raises:
        IntegrityError: the folder is no bundle, or damaged.
        ConfigError: it holds nothing to ask about.
        ToolError: the machine's own speed cannot be measured.
        SftaError: not enough memory.
    """
    options = DeviceOptions(threads, accounts=False, history=False)
    with TemporaryDirectory(prefix="sfta-bench-") as data:
        say("starting the model's process")
        with Device.open(folder, Path(data) / "data", options) as device:
            engine = RemoteEngine(device.supervisor)
            asked = bench_questions(folder, device.retriever, questions)
            before = _counted(engine)
            say(f"asking {len(asked)} questions")
            answers = ask_all(device.answerer, asked)
            guessed = guessed_share(before, _counted(engine))
            say("reading one prompt in three ways")
            reading = measure_reading(engine, _prompt(device.answerer, asked[0]), rounds)
            memory = _memory(device)
            say("measuring the machine")
            facts = device.supervisor.facts()
            machine = measure_machine(facts.threads)
            bundle, variant = device.info.to_json(), facts.variant
    work, scheme = _looked_at(BundleFiles.of(folder, Manifest.read(folder)).model)
    return Measured(
        bundle, variant, scheme, machine, reading, *_answered(answers), guessed, memory, work
    )


def _answered(answers: list[Asked]) -> tuple[Series, Series, Series]:
    return (
        Series(tuple(each.retrieve for each in answers)),
        Series(tuple(each.first_text for each in answers)),
        Series(tuple(each.total for each in answers)),
    )


def _prompt(answerer: Answerer, question: str) -> list[list[int]]:
    """What the device would ask its model for this question."""
    settings = answerer.settings
    settings = replace(settings, max_tokens=max(settings.max_tokens, _LEAST_ANSWER))
    chunks = [hit.chunk for hit in answerer.retriever.search(question, settings.top_k)]
    if answerer.engine is None:
        raise ConfigError("the bundle has no model to measure")
    return make_request(answerer.engine, answerer.contract, chunks, question, settings).prompt


def _counted(engine: RemoteEngine) -> dict[str, int]:
    return dict(engine.stats()["engine"])


def _memory(device: Device) -> Memory:
    pid = device.supervisor.state.pid
    return Memory(peak_resident(pid) if pid is not None else None, peak_memory())


def _looked_at(path: Path) -> tuple[ModelWork, str]:
    model = Model(path)
    try:
        stated = model.metadata("general.file_type")
        return ModelWork.of(model), SCHEMES.get(int(stated), "") if stated.isdigit() else ""
    finally:
        model.close()


def _facts(held: Held | None) -> dict[str, float] | None:
    return None if held is None else {**asdict(held), "share": held.share}
