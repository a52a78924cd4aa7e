"""Settings of the evaluation: what is asked, which arms answer, and what is good enough."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfta.core.config import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]
ArmName = Literal[
    "base_closed", "base_rag", "base_oracle", "raft_closed", "raft_rag", "raft_oracle"
]

BASELINE: ArmName = "base_rag"
CANDIDATE: ArmName = "raft_rag"


class EvaluateConfig(Section):
    """How the exported model is measured, and the least it must reach to be bundled.

    A gate that is set to null is not applied. A gate whose metric cannot be measured, because
    no question counts for it, is not passed. Two gates are no settings: the trained model must
    beat the base model with the same chunks, in token F1, and the strongest trivial system
    (refuse all, echo, top chunk), in overall F1; the 95 % interval of the gain lies above zero.
    """

    questions: str | None = None
    """Benchmark file, JSON lines; relative paths start at the recipe's folder. Without one,
    the dataset's test split is asked."""
    arms: Annotated[list[ArmName], Field(min_length=1)] = ["base_rag", "raft_rag"]
    """Systems that are compared. `base` is the base model, `raft` the trained one; `closed`
    answers without documents, `rag` from the retrieved chunks, `oracle` from the oracle
    chunks. `base_rag` and `raft_rag` are always among them: the gates compare the two."""
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

    min_token_f1: Share | None = 0.5
    """Gate: token F1 over the answerable questions."""
    min_refusal_f1: Share | None = 0.5
    """Gate: F1 of refusing where the context does not hold the answer."""
    max_over_refusal: Share | None = 0.3
    """Gate: share refused of the questions whose answer is in the context."""
    min_quote_validity: Share | None = 0.8
    """Gate: share of the quotes that stand in the chunk they name."""

    @model_validator(mode="after")
    def _arms_fit_the_gates(self) -> Self:
        if len(set(self.arms)) != len(self.arms):
            raise ValueError("arms must not name an arm twice")
        if CANDIDATE not in self.arms:
            raise ValueError(f"arms must name {CANDIDATE}: it is what the gates judge")
        if BASELINE not in self.arms:
            raise ValueError(f"arms must name {BASELINE}: it is what {CANDIDATE} has to beat")
        return self
