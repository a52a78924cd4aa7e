"""Settings of teachers that are models: where they are, how they are asked, what they cost."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from sfta.core.config import Section
from sfta.core.url import secret_in


def _without_secret(address: str) -> str:
    if secret := secret_in(address):
        raise ValueError(f"holds {secret}; name the key's variable in api_key_env")
    return address


Address = Annotated[str, Field(pattern=r"^https?://[^?#\s]+$"), AfterValidator(_without_secret)]
"""Where a model is asked; never with a key in it."""


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


class OpenAITeacher(ModelTeacher):
    """A model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    base_url: Address
    """Address up to and with `/v1`; of an Azure deployment up to and with its name, as in
    `https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT`."""
    model: Annotated[str, Field(min_length=1)]
    """Name of the model, as the endpoint knows it."""
    api_version: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = None
    """Version of the protocol that an Azure deployment is to speak, as in `2024-10-21`."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; never the key itself."""
    identity: Literal["azure"] | None = None
    """`azure`: no key, but the identity of this machine or of who is signed in; needs the extra
    `azure`."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.7
    """Higher varies the wording more."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Requests in flight."""
    requests_per_minute: PositiveInt | None = None
    """Most requests begun in any minute; none: no limit of ours."""
    tokens_per_minute: PositiveInt | None = None
    """Most tokens asked for in any minute, replies counted at their longest; none: no limit of
    ours."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 8
    """Tries of one request before the stage stops; finished replies are kept."""
    timeout_seconds: PositiveInt = 120
    """Longest wait for one reply; then the request is tried again."""

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.identity and self.api_key_env:
            raise ValueError("set one of api_key_env and identity")
        return self


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


class TokenPrice(Section):
    """What a model costs."""

    prompt: Annotated[float, Field(ge=0.0)]
    """Price of a million prompt tokens."""
    completion: Annotated[float, Field(ge=0.0)]
    """Price of a million reply tokens."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """ISO 4217 code."""


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
