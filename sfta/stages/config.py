"""Settings of merging the adapter, exporting the model and of putting the bundle together."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from sfta.core.config import Section

Scheme = Literal[
    "F16",
    "BF16",
    "F32",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q5_K_S",
    "Q5_1",
    "Q5_0",
    "Q4_K_M",
    "Q4_K_S",
    "Q4_1",
    "Q4_0",
    "IQ4_XS",
    "Q3_K_L",
    "Q3_K_M",
    "Q3_K_S",
    "Q2_K",
]
OnnxScheme = Literal["int4", "fp16", "fp32"]
OnnxEmbedderScheme = Literal["fp32", "int8"]
TaskRung = Literal["adapter", "merged", "onnx"]
_OTHER_LOSS = ("train.rows", "train.refusal_weight", "train.context_tokens")
PythonVersion = Annotated[str, Field(pattern=r"^3\.\d{1,2}$")]


class FurtherAdapter(Section):
    """An adapter that is merged beside the one that was trained."""

    path: str
    """Its folder, as PEFT saves it; relative to the recipe."""
    weight: float = 1.0
    """How much of its change is taken."""


class MergeConfig(Section):
    """How the adapter becomes part of the model."""

    base: Literal["as_trained", "original"] = "as_trained"
    """What an adapter from 4-bit training is added to, in 16 bits either way: the values that
    the base had in training, or those it had before it was quantized."""
    weight: float = 1.0
    """How much of the trained adapter's change is taken."""
    adapters: list[FurtherAdapter] = []
    """Further adapters of the same base. Their changes are added up."""
    chained: bool = False
    """Whether each adapter changes what those before it have made, the trained one last. It makes
    a difference for adapters with weight decomposition only."""


class ExportConfig(Section):
    """What is made for the device."""

    schemes: Annotated[list[Scheme], Field(min_length=1)] = ["Q8_0"]
    """Number formats of the exported model, one GGUF file for each. Q8_0 is the closest to
    16 bits, Q4_K_M half its size; schemes with a K and IQ4_XS need rows that divide by 256."""
    importance_rows: NonNegativeInt = 24
    """Training rows on which is gathered how much each input of a weight matters, so that fewer
    bits lose less. 0: all inputs count alike. Q8_0 and 16 bits do not use it."""
    adapter: bool = False
    """Also write the adapter alone, adapter.gguf: some megabytes for a device that has the base
    model as a GGUF file. An adapter of a quantized training fits that base a little less."""
    split_mb: PositiveInt | None = None
    """Also write each file in parts of so many million bytes, in the folder `split`: for media and
    file systems with a largest file. llama.cpp loads the first part. None: no parts."""
    parity_rows: PositiveInt = 12
    """Validation rows on which the adapter and each file are held against the merged model."""

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        if len(set(self.schemes)) != len(self.schemes):
            raise ValueError("a scheme is listed twice")
        return self


class OnnxConfig(Section):
    """What `sfta export-onnx` makes."""

    schemes: Annotated[list[OnnxScheme], Field(min_length=1)] = ["int4"]
    """Number formats of the model, one folder for onnxruntime-genai for each. fp16 is meant for a
    GPU and is no faster than fp32 on a CPU."""
    embedder: list[OnnxEmbedderScheme] = []
    """Number formats of the embedder of `index.embedder` as ONNX, one folder for each."""
    parity_rows: PositiveInt = 12
    """Validation rows on which each folder is held against the merged model."""

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        for named in (self.schemes, self.embedder):
            if len(set(named)) != len(named):
                raise ValueError("a scheme is listed twice")
        return self


class LadderConfig(Section):
    """What `sfta ladder` shows beside the GGUF files of `export.schemes`."""

    onnx: bool = False
    """Also the ONNX folders of `onnx.schemes`; `sfta export-onnx` runs first."""
    task_rungs: list[TaskRung] = []
    """What answers the benchmark beside the GGUF files, one question at a time and slowly on a CPU:
    `adapter`, the base in 4 or 8 bits with the adapter as they were trained; `merged`, the merged
    model in PyTorch; `onnx`, every ONNX folder."""
    task_questions: PositiveInt | None = 40
    """Questions that these answer, drawn evenly over the kinds; the 16-bit file is compared on the
    same. None: all that the GGUF files answer."""

    @model_validator(mode="after")
    def _rungs_are_there(self) -> Self:
        if len(set(self.task_rungs)) != len(self.task_rungs):
            raise ValueError("a rung is listed twice")
        if "onnx" in self.task_rungs and not self.onnx:
            raise ValueError("task_rungs: onnx needs ladder.onnx: true")
        return self


class SweepConfig(Section):
    """Settings that `sfta sweep` tries in all combinations. A run of the recipe ignores it."""

    over: dict[Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)+$")], list[Any]] = {}
    """Values by setting, as in {train.lora.rank: [8, 16], generate.context.oracle_fraction:
    [0.6, 0.8, 1.0]}."""
    until: Literal["train", "evaluate"] = "evaluate"
    """Last stage of a trial. After `train` the validation loss is compared, which tells nothing
    about trials with other rows; after `evaluate` the answers."""
    metric: str | None = None
    """What trials are compared by: a figure of the report, or validation_loss. None: overall_f1
    after `evaluate`, validation_loss after `train`."""
    trials: PositiveInt | None = None
    """Most combinations that are tried, drawn with the recipe's seed; none: all."""

    @property
    def compared(self) -> str:
        """The metric that is used."""
        usual = "overall_f1" if self.until == "evaluate" else "validation_loss"
        return self.metric or usual

    @model_validator(mode="after")
    def _losses_can_be_compared(self) -> Self:
        if empty := [key for key, values in self.over.items() if not values]:
            raise ValueError(f"over.{empty[0]} names no value")
        if self.compared == "validation_loss" and self.until == "evaluate":
            raise ValueError("metric: validation_loss needs until: train")
        if self.until == "train" and self.compared != "validation_loss":
            raise ValueError("until: train knows validation_loss only")
        others = [
            key for key in self.over if not key.startswith("train.") or key in _OTHER_LOSS
        ]
        if self.until == "train" and others:
            raise ValueError(
                f"{others[0]} changes what the validation loss measures: use until: evaluate"
            )
        return self


class BundleTarget(Section):
    """The devices that the bundle's packages are for; empty: such as the machine that builds.

    `system` stands for its Python and its C library.
    """

    machine: Literal["x86_64", "aarch64"] | None = None
    """Kind of machine, as `uname -m` says it there."""
    system: Literal["debian-12", "debian-13", "ubuntu-24.04"] | None = None
    """The devices run this system and its own Python; it takes the place of `glibc` and of
    bundle.pythons."""
    glibc: Annotated[str, Field(pattern=r"^2\.\d{1,2}$")] | None = None
    """The C library of the oldest device, such as 2.36."""


class BundleConfig(Section):
    """What goes to the device.

    How it answers there is what the report has measured: top_k, length of an answer, refusal
    threshold.
    """

    scheme: Scheme = "Q8_0"
    """Which of the exported files ships; it is the one that the report must have measured."""
    counter: PositiveInt = 1
    """Version of the bundle. A device refuses a lower one, and another bundle with the same:
    raise it for every delivery."""
    pythons: list[PythonVersion] = []
    """Python versions of the devices, such as 3.11: wheels are packed for each. Empty: the
    version that the factory runs on."""
    target: BundleTarget = BundleTarget()
    wheels: str | None = None
    """Folder of wheels for the target, relative to the recipe: they are taken from there and
    no package index is asked. Empty: they come from the package index."""
    licence_exceptions: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Parts that ship although their licence is refused (GPL, AGPL, SSPL, non-commercial, or
    none stated), with the reason: the name of a package, `base-model` or `embedder`. The reason
    stands in the bundle's licence report."""
    originals: bool = True
    """The PDFs go along, so that the device shows the page that it quotes; without them it shows
    the page's text."""
    device: str | None = None
    """Profile of the device, a name in configs/devices or a file; relative to the recipe. What is
    predicted for it goes along, and `sfta-edge doctor` compares it with what it measures."""

    @model_validator(mode="after")
    def _system_decides(self) -> Self:
        if self.target.system is not None and (self.pythons or self.target.glibc):
            raise ValueError(
                "target.system stands for a Python and a C library: leave out pythons and"
                " target.glibc"
            )
        return self
