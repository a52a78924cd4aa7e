"""Settings of teachers that are models: where they are, how they are asked, what they cost."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from sfta.core.config import Section
from sfta.core.endpoint import EndpointConfig


class ModelTeacher(Section):
    """What all models that write questions have in common."""

    model: Annotated[str, Field(min_length=1)]
    """Name of the model."""
    questions_per_chunk: Annotated[int, Field(ge=1, le=32)] = 3
    """Questions asked for per chunk."""
    unanswerable_per_chunk: Annotated[int, Field(ge=0, le=32)] = 1
    """On-topic questions per chunk which the chunk must not answer."""
    json_schema: bool = True
    """Ask for output that obeys a JSON schema. Where an endpoint cannot enforce one, it is asked
    without."""
    max_output_tokens: PositiveInt = 1024
    """Longest reply; a reply cut there is unusable and counted."""


class OpenAITeacher(EndpointConfig, ModelTeacher):
    """A model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.7
    """Higher varies the wording more."""


class GgufTeacher(ModelTeacher):
    """A model in a GGUF file that runs on this machine; its output is held to the JSON schema."""

    kind: Literal["gguf"]
    model: Annotated[str, Field(min_length=1)]
    """The file, or `package://module/file.gguf` inside an installed Python package. A relative
    path starts at the recipe's folder."""
    context_tokens: Annotated[int, Field(ge=256)] = 4096
    """Room for chunk, instructions and reply."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.3
    """Higher varies the wording more; 0 always takes the most probable token."""


class BudgetConfig(Section):
    """The most that the replies of a dataset may cost, those of earlier runs included.

    A request is only made if it fits even with the longest prompt and reply that are possible,
    so the limit is not passed. Asking ends at the first request that does not fit. What a judge
    costs is not counted.
    """

    tokens: PositiveInt | None = None
    """Prompt and reply tokens together; none: no limit."""
    money: PositiveFloat | None = None
    """In the currency of the teacher's entry in `prices`; none: no limit."""
