"""Settings of the robustness: which variants of the questions are asked, and of whom."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfta.core.config import Section

ProbeName = Literal[
    "distractors",
    "position",
    "wrong_documents",
    "contradictions",
    "paraphrase",
    "typos",
    "injections",
    "languages",
]
ProbedArm = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,30}_(rag|few_shot)$")]
"""An arm that reads the chunks it is given: what is done to them, it can show."""
Count = Annotated[int, Field(ge=0, le=50)]


class RobustnessConfig(Section):
    """What `sfta robustness` asks. A run of the recipe ignores it, and no gate reads it."""

    probes: Annotated[list[ProbeName], Field(min_length=1)] = [
        "distractors",
        "position",
        "wrong_documents",
        "contradictions",
        "paraphrase",
        "typos",
        "injections",
        "languages",
    ]
    """What is done to the questions and their documents. `distractors`: more and more chunks beside
    the oracle chunk; `position`: the oracle chunk at each place; `wrong_documents`: only chunks
    without the answer; `contradictions`: a chunk that states another value; `paraphrase`: the
    benchmark's `variants`, for want of them rewording by rule; `typos`; `injections`: instructions
    planted in a chunk; `languages`: those `variants` whose name is a language code."""
    arms: Annotated[list[ProbedArm], Field(min_length=1)] = ["raft_rag"]
    """Who is asked: the trained model, the base model (`base_rag`, `base_few_shot`), or a file of
    `evaluate.models`; `rag` or `few_shot`, as in `evaluate.arms`, which need not name them."""
    questions: PositiveInt = 20
    """Answerable questions with a known oracle chunk that are asked, drawn evenly over the kinds.
    Each is asked some thirty times by every arm."""
    distractors: Annotated[list[Count], Field(min_length=1)] = [0, 1, 2, 3, 5, 7, 10]
    """Numbers of distractors; the first is what the others are compared with."""
    position_chunks: Annotated[int, Field(ge=2, le=20)] = 5
    """Chunks among which the oracle chunk takes every place."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in ("probes", "arms"):
            if len(set(getattr(self, name))) != len(getattr(self, name)):
                raise ValueError(f"{name} must not name the same twice")
        if self.distractors != sorted(set(self.distractors)):
            raise ValueError("distractors must grow")
        return self
