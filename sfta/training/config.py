"""Settings of the base model and of fine-tuning."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from sfta.core.config import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Form = Literal["raft", "oracle", "closed_book", "text"]
_ADAPTER_RATE, _FULL_RATE = 4e-4, 2e-5


class ModelConfig(Section):
    """The model that learns."""

    base: str
    """Hub name, local folder, or `package://module/file.gguf` for a GGUF inside an installed
    Python package. Relative folders start at the recipe's."""


class LoraSettings(Section):
    """Low-rank update that training learns (arXiv 2106.09685)."""

    rank: PositiveInt = 16
    """Width of the update. Higher learns more and needs more memory."""
    alpha: PositiveInt = 32
    """Scale of the update, usually twice the rank."""
    dropout: Share = 0.0
    """Share of the update's inputs that is switched off at each step."""
    target_modules: list[str] = []
    """Linear layers that get an update, by name. Empty: all but the output head."""
    dora: bool = False
    """Learn length and direction of each row of a weight apart (arXiv 2402.09353). Can learn more
    at a small rank; a step takes longer."""
    rank_stabilized: bool = False
    """Scale the update by alpha / sqrt(rank) instead of alpha / rank (arXiv 2312.03732): for
    ranks of 64 and more."""


class TrackConfig(Section):
    """Where the figures of a training are shown while it runs. It changes no result."""

    to: list[Literal["mlflow", "wandb", "trackio"]] = []
    """Trackers beside TensorBoard, which is always written to `runs/tracked/tensorboard`. Each is a
    package of its own. They write to files below `runs/tracked` unless their own variables, such as
    MLFLOW_TRACKING_URI or WANDB_MODE, say otherwise."""
    project: str = "sfta"
    """What the trackers file the run under."""


class TrainConfig(Section):
    """Supervised fine-tuning, loss on the completion only."""

    method: Literal["qlora", "lora", "full"] = "qlora"
    """`qlora` trains an adapter on the quantized base (arXiv 2305.14314), `lora` one on the base
    in 16 bits, `full` trains all weights, which takes 16 bytes for each."""
    quantization: Literal["nf4", "int8"] = "nf4"
    """How `qlora` keeps the base: NF4 with quantized scales, or int8 (arXiv 2208.07339)."""
    rows: Form = "raft"
    """What a row teaches. `raft`: to answer from oracle chunks among distractors, and to refuse.
    `oracle`: to answer from the oracle chunks alone. `closed_book`: to answer without documents.
    `text`: to go on as the chunks do, with loss on every token and without questions."""
    lora: LoraSettings = LoraSettings()
    """Shape of the adapter."""
    start_from: str | None = None
    """Folder of an adapter that training goes on from, as of an earlier `train` on other rows: of
    the same base and shape. Relative paths start at the recipe's folder. None: a fresh one."""
    learning_rate: PositiveFloat | None = None
    """Peak learning rate, reached after warm-up and then lowered along a cosine. None: 4e-4 for an
    adapter, 2e-5 for all weights."""
    warmup_share: Share = 0.06
    """Share of the steps in which the learning rate rises."""
    epochs: PositiveInt = 2
    """Passes over the training rows."""
    rows_per_step: PositiveInt = 16
    """Rows that make one optimizer step, about: packs are kept whole."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """Pull of the update towards zero."""
    max_gradient_norm: PositiveFloat = 1.0
    """Longer gradients are scaled down to this."""
    refusal_weight: PositiveFloat = 1.0
    """Weight of a refusal's tokens in the loss; an answer's tokens weigh 1."""
    context_tokens: PositiveInt = 4096
    """Longest prompt with its completion. Rows that need more are listed and left out."""
    too_long_share: Share = 0.02
    """More rows than this share over the limit stop the run."""
    optimizer: Literal["adamw", "paged_adamw_8bit"] = "adamw"
    """`paged_adamw_8bit` keeps the two moments of a weight in 8 bits and moves them to the main
    memory when the GPU's is short: for `full`. It needs a GPU."""
    kernels: Literal["auto", "plain"] = "auto"
    """`auto` takes Liger's kernels for norms, rotations and gates, on a GPU and where the package
    liger-kernel is installed."""
    compile: bool = False
    """Compile the model with torch.compile, anew for every length of a batch: for long runs."""
    activation_checkpointing: bool = False
    """Keep less for the backward pass and compute it again: a third more time, a fraction of the
    memory."""
    answers: NonNegativeInt = 0
    """Validation rows that are answered at every validation, and scored as `evaluate` scores them:
    token F1, valid quotes, right refusals. 20 say early whether a model reads; they take time."""
    validations: PositiveInt = 6
    """How often the validation loss is measured, the last time at the end."""
    keep: Literal["best", "last"] = "best"
    """What is kept: the weights of the lowest validation loss, or those of the last step."""
    early_stopping: PositiveInt | None = None
    """End the run after so many validations in a row without a lower loss; none: never."""
    checkpoint_minutes: PositiveFloat = 2.0
    """Least time between two checkpoints."""

    @property
    def peak_rate(self) -> float:
        """The learning rate that is used."""
        usual = _FULL_RATE if self.method == "full" else _ADAPTER_RATE
        return usual if self.learning_rate is None else self.learning_rate

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> Self:
        if self.method == "full" and self.lora != LoraSettings():
            raise ValueError("lora has no effect with method: full")
        if self.method == "full" and self.start_from is not None:
            raise ValueError("start_from has no effect with method: full")
        if self.answers and self.rows == "text":
            raise ValueError("answers has no effect with rows: text")
        if self.method != "qlora" and self.quantization != "nf4":
            raise ValueError("quantization has an effect with method: qlora only")
        return self


class RetrieverConfig(Section):
    """Fine-tuning of the embedder: `sfta train-retriever`. Only a better one is written."""

    epochs: PositiveInt = 2
    """Passes over the questions."""
    pairs_per_step: Annotated[int, Field(ge=2)] = 32
    """Questions of a step. Each is also held against the chunks of all others."""
    learning_rate: PositiveFloat = 3e-5
    """Peak learning rate, reached after a tenth of the steps and then lowered."""
    hard_negatives: NonNegativeInt = 2
    """Chunks for each question that the search finds and that do not answer it."""
    search_depth: PositiveInt = 24
    """How many of the chunks that are found are looked through for them."""


class PreferenceConfig(Section):
    """A stage after training that prefers grounded answers to others (DPO, arXiv 2305.18290)."""

    beta: PositiveFloat = 0.1
    """How dearly the model leaves what it has learnt: higher keeps it nearer."""
    learning_rate: PositiveFloat = 2e-5
    """Peak learning rate, reached after a tenth of the steps and then lowered."""
    epochs: PositiveInt = 1
    """Passes over the pairs."""
    pairs_per_step: PositiveInt = 16
    """Pairs that make one optimizer step."""
    max_pairs: PositiveInt | None = None
    """Most pairs, drawn with the seed; none: one for every row."""
    over_refusals: Share = 0.5
    """Share of the answered rows whose worse answer is the refusal; of the others it quotes a
    chunk that does not answer. The worse answer of a refusal is always such a quote."""
