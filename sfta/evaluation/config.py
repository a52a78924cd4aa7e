"""Settings of the evaluation: what is asked, which arms answer, and what is good enough."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfta.core.config import Section
from sfta.core.endpoint import EndpointConfig, TokenPrice
from sfta.evaluation.judge_config import AnswerJudge

Share = Annotated[float, Field(ge=0.0, le=1.0)]
ArmName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,30}_(closed|rag|few_shot|oracle)$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,30}$")]

BASE, TRAINED = "base", "raft"
"""Models that every recipe has."""
BASELINE = "base_rag"
CANDIDATE = "raft_rag"


class FileModel(Section):
    """A model on this machine that is compared."""

    kind: Literal["file"]
    path: str
    """A GGUF file; a folder with a model or an adapter, as transformers and PEFT save them; an
    artifact of `sfta train` or `sfta export`; or another recipe, whose exported model is meant.
    Relative paths start at the recipe's folder."""
    label: str | None = None
    """What the report calls it; none: its name."""
    choose_quotes: bool = False
    """It was trained to answer as RAFT does: its quotes are chosen, and weights and refusal
    threshold fitted on the validation rows, as for the recipe's own model."""


class EndpointModel(EndpointConfig):
    """A model behind an OpenAI-compatible endpoint that is compared."""

    kind: Literal["openai"]
    label: str | None = None
    """What the report calls it; none: its name."""
    price: TokenPrice | None = None
    """What its tokens cost; the report adds it up."""


ComparedModel = Annotated[FileModel | EndpointModel, Field(discriminator="kind")]


class EvaluateConfig(Section):
    """How the exported model is measured, and the least it must reach to be bundled.

    A gate that is set to null is not applied. A gate whose metric cannot be measured, because
    no question counts for it, is not passed. Three gates are no settings: the trained model must
    beat the base model in each form that an arm gives it but with oracle chunks, in token F1,
    and the strongest trivial system (refuse all, echo, top chunk, always yes), in overall F1;
    the 95 % interval of the gain lies above zero. And more than half of its quotes must stand
    in the chunks they name.
    """

    questions: str | None = None
    """Benchmark file, JSON lines; relative paths start at the recipe's folder. Without one,
    the dataset's test split is asked."""
    arms: Annotated[list[ArmName], Field(min_length=1)] = ["base_rag", "raft_rag"]
    """Systems that are compared, each a model and what it is given, as in `base_few_shot`. `base`
    is the base model, `raft` the trained one, others are named in `models`; `closed` answers
    without documents, `rag` from the retrieved chunks, `few_shot` from the same after some
    examples, `oracle` from the oracle chunks. `base_rag` and `raft_rag` are always among them:
    the gates compare the two."""
    models: dict[ModelName, ComparedModel] = {}
    """Further models by the name that their arms begin with, such as `sft` or `llm`."""
    few_shot: Annotated[int, Field(ge=1, le=16)] = 3
    """Examples that the arms `few_shot` see first, drawn from the training rows; from the second
    on, one of them is a refusal."""
    closed_system: Annotated[str, Field(min_length=1)] = (
        "Answer the question with as few words as possible."
    )
    """System text of a model that was not trained on the prompt and is given no documents."""
    scheme: str | None = None
    """Scheme of the model files, the same for all arms; none: the first of export.schemes."""
    choose_quotes: bool = True
    """The trained model and the embedder choose the quote among the sentences of the chunks,
    here and on the device, so that a quote cannot be garbled; otherwise the model writes its
    quotes. The base model, which has not learnt the answer form, always answers freely."""
    max_answer_tokens: Annotated[int, Field(ge=8, le=8192)] = 256
    """Longest answer, here and on the device; one that is cut there counts as
    truncated."""
    context_tokens: Annotated[int, Field(ge=256)] = 4096
    """Length of the window that prompt and answer share."""
    max_questions: PositiveInt | None = None
    """Ask only so many, drawn evenly over the kinds; none: all."""
    resamples: Annotated[int, Field(ge=1000, le=1_000_000)] = 5000
    """Bootstrap resamples behind each interval."""
    cluster: Literal["auto", "document", "page", "question"] = "auto"
    """What is drawn as one piece in a resample: questions on one document depend on one
    another, and intervals that ignore it are too narrow. `auto` takes documents if the
    answers lie in at least 15 of them, else pages, else single questions."""
    near_duplicate: Share = 0.85
    """Overlap of word sets above which a test question counts as seen in training."""
    calibration_rows: Annotated[int, Field(ge=0)] = 200
    """Validation rows on which the trained model's refusal threshold is fitted, before any
    test question is asked; 0: none, the model's own choice stands."""
    timed_questions: Annotated[int, Field(ge=0)] = 8
    """Questions that each arm is also asked alone, to measure the time of an answer."""
    examples: Annotated[int, Field(ge=0, le=500)] = 20
    """Outputs per arm shown in the report, side by side."""
    general_questions: bool = True
    """Ask base and trained model some hundred everyday questions without documents: what training
    has cost in general knowledge."""
    perplexity_questions: Annotated[int, Field(ge=0)] = 0
    """Answerable questions whose accepted answer every arm's model is scored on, drawn evenly over
    the kinds; 0: none. Each takes as long as reading its prompt. Models behind an endpoint are
    left out."""
    judge: AnswerJudge | None = None
    """A model that grades every answer beside the metrics; none: there is no judge. It decides
    no gate."""

    min_token_f1: Share | None = 0.5
    """Gate: token F1 over the answerable questions."""
    min_refusal_f1: Share | None = 0.5
    """Gate: F1 of refusing where the context does not hold the answer."""
    max_over_refusal: Share | None = 0.3
    """Gate: share refused of the questions whose answer is in the context."""
    min_quote_validity: Share | None = 0.8
    """Gate: share of the quotes that stand in the chunk they name."""

    @model_validator(mode="after")
    def _arms_name_models(self) -> Self:
        if taken := {BASE, TRAINED} & set(self.models):
            raise ValueError(f"models: {min(taken)} is the name of the recipe's own model")
        used = {arm.partition("_")[0] for arm in self.arms} - {BASE, TRAINED}
        if unknown := sorted(used - set(self.models)):
            raise ValueError(f"arms: there is no model {unknown[0]!r}; name it in models")
        if unasked := sorted(set(self.models) - used):
            raise ValueError(
                f"models: no arm asks {unasked[0]!r}; add {unasked[0]}_rag to arms"
            )
        return self

    @model_validator(mode="after")
    def _arms_fit_the_gates(self) -> Self:
        if len(set(self.arms)) != len(self.arms):
            raise ValueError("arms must not name an arm twice")
        if CANDIDATE not in self.arms:
            raise ValueError(f"arms must name {CANDIDATE}: it is what the gates judge")
        if BASELINE not in self.arms:
            raise ValueError(f"arms must name {BASELINE}: it is what {CANDIDATE} has to beat")
        return self
