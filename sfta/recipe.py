"""The recipe: everything that decides what the pipeline produces, and nothing else."""

from collections.abc import Sequence
from os.path import normpath
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PrivateAttr, model_validator

from sfta.core.config import Section, build, override, read_yaml
from sfta.documents.config import ChunkConfig, IndexConfig, IngestConfig, RetrievalConfig
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.robustness.config import RobustnessConfig
from sfta.raft.config import CardConfig, GenerateConfig, PromptConfig
from sfta.raft.intake.config import DatasetConfig
from sfta.stages.config import (
    BundleConfig,
    ExportConfig,
    LadderConfig,
    MergeConfig,
    OnnxConfig,
    SweepConfig,
)
from sfta.training.config import (
    ModelConfig,
    PreferenceConfig,
    RetrieverConfig,
    TrackConfig,
    TrainConfig,
)


class Recipe(Section):
    """A whole run, from documents to a bundle."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    """Name of the product: lower-case letters, digits, dot, dash, underscore."""
    seed: NonNegativeInt = 7
    """Decides every random choice."""
    ingest: IngestConfig
    """Which documents are read, and how."""
    chunk: ChunkConfig = ChunkConfig()
    """How documents are cut."""
    index: IndexConfig = IndexConfig()
    """How chunks are found again."""
    retrieval: RetrievalConfig = RetrievalConfig()
    """What the model is shown with a question: in training, evaluation and on the device."""
    model: ModelConfig
    """The model that learns."""
    prompt: PromptConfig = PromptConfig()
    """What the model reads and how it answers."""
    generate: GenerateConfig = GenerateConfig()
    """How training rows are made."""
    dataset: DatasetConfig = DatasetConfig()
    """Rows of your own, to train on instead of generated ones."""
    card: CardConfig = CardConfig()
    """What the data card says of rights and limits."""
    train: TrainConfig = TrainConfig()
    """How the model learns."""
    preference: PreferenceConfig | None = None
    """How the trained model learns to prefer; none: it does not, and the stage is left out."""
    retriever: RetrieverConfig = RetrieverConfig()
    """How the embedder learns, if it is to."""
    track: TrackConfig = TrackConfig()
    """Where the figures of a training are shown."""
    merge: MergeConfig = MergeConfig()
    """How the adapter becomes part of the model."""
    export: ExportConfig = ExportConfig()
    """What is made for the device."""
    onnx: OnnxConfig = OnnxConfig()
    """What is made for other runtimes, if it is asked for."""
    ladder: LadderConfig = LadderConfig()
    """What is compared when it is asked what a scheme costs."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """What is measured, and the least it takes to ship."""
    robustness: RobustnessConfig = RobustnessConfig()
    """What `sfta robustness` does to the questions and their documents."""
    bundle: BundleConfig = BundleConfig()
    """What goes to the device."""
    sweep: SweepConfig = SweepConfig()
    """What `sfta sweep` tries."""

    _root: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _answers_are_measured_as_they_are_taught(self) -> Self:
        if self.generate.answer.style == "concise" and self.evaluate.choose_quotes:
            raise ValueError(
                "evaluate.choose_quotes must be false with generate.answer.style: concise"
            )
        if self.train.rows in ("closed_book", "text") and self.evaluate.choose_quotes:
            raise ValueError(
                f"evaluate.choose_quotes must be false with train.rows: {self.train.rows}"
            )
        return self

    @model_validator(mode="after")
    def _preferences_follow_raft(self) -> Self:
        if self.preference is not None and self.train.method == "full":
            raise ValueError("preference needs an adapter: train.method lora or qlora")
        if self.preference is not None and self.train.rows != "raft":
            raise ValueError(
                "preference needs train.rows: raft, which teaches to refuse as well"
            )
        return self

    @model_validator(mode="after")
    def _adapters_are_merged_with_an_adapter(self) -> Self:
        if self.train.method == "full" and (self.merge.adapters or self.merge.weight != 1):
            raise ValueError(
                "merge.adapters and merge.weight need an adapter: train.method lora or qlora"
            )
        alone = self.train.method != "full" and not self.train.lora.dora
        if self.export.adapter and not alone:
            raise ValueError("export.adapter needs train.method lora or qlora without dora")
        whole = self.train.method != "full" and not self.merge.adapters
        if "adapter" in self.ladder.task_rungs and not (whole and self.merge.weight == 1):
            raise ValueError(
                "ladder.task_rungs: adapter needs train.method lora or qlora, and a model that "
                "was merged from this adapter alone"
            )
        return self

    @model_validator(mode="after")
    def _the_test_is_no_target(self) -> Self:
        target, measured = self.generate.target.questions, self.evaluate.questions
        if (
            target is not None
            and measured is not None
            and normpath(target) == normpath(measured)
        ):
            raise ValueError(
                "generate.target.questions must be another file than evaluate.questions: rows "
                "chosen near to the test would make the model look better than it is"
            )
        return self

    @model_validator(mode="after")
    def _the_test_is_not_taught(self) -> Self:
        taught, measured = getattr(self.generate.teacher, "file", None), self.evaluate.questions
        if taught and measured and normpath(taught) == normpath(measured):
            raise ValueError(
                "generate.teacher.file must be another file than evaluate.questions: a model "
                "knows the answers to what it was taught"
            )
        return self

    @property
    def root(self) -> Path:
        """Folder that relative paths start at: the recipe file's own."""
        return self._root


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, apply ``--set`` assignments, report every problem at once.

    Raises:
        ConfigError: one line per problem.
    """
    data = read_yaml(path)
    for assignment in overrides:
        override(data, assignment)
    recipe = build(Recipe, data, name=str(path))
    recipe._root = path.resolve().parent  # noqa: SLF001 pydantic keeps what is not a setting
    return recipe
