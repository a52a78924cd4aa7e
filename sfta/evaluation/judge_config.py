"""Settings of a model that judges answers."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from sfta.core.config import Section
from sfta.core.endpoint import EndpointConfig


class _Judging(Section):
    max_output_tokens: PositiveInt = 128
    """Longest verdict; one that is cut there cannot be read, and is counted."""
    questions: PositiveInt | None = None
    """Judge the answers to only so many questions, drawn evenly over the kinds; none: all."""
    planted: Annotated[int, Field(ge=4, le=200)] = 24
    """Most questions that the judge is tried on first: with an accepted answer of each, and with
    the answer of another question."""
    self_test: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    """Share of the planted right answers that it must call correct, and of the wrong ones wrong,
    or its verdicts are not asked for."""


class EndpointJudge(_Judging, EndpointConfig):
    """A judge behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    json_schema: bool = True
    """Hold the verdict to a JSON schema."""


class FileJudge(_Judging):
    """A judge in a GGUF file that runs on this machine; its verdict is held to the schema."""

    kind: Literal["gguf"]
    model: Annotated[str, Field(min_length=1)]
    """The file, or `package://module/file.gguf` inside an installed Python package. A relative
    path starts at the recipe's folder. Another model than those that are judged."""
    context_tokens: Annotated[int, Field(ge=256)] = 4096
    """Room for chunks, answer and verdict."""


AnswerJudge = Annotated[EndpointJudge | FileJudge, Field(discriminator="kind")]
