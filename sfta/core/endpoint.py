"""Settings of a model behind an OpenAI-compatible endpoint: where it is, and how it is asked."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from sfta.core.config import Section
from sfta.core.url import secret_in


def _without_secret(address: str) -> str:
    if secret := secret_in(address):
        raise ValueError(f"holds {secret}; name the key's variable in api_key_env")
    return address


Address = Annotated[str, Field(pattern=r"^https?://[^?#\s]+$"), AfterValidator(_without_secret)]
"""Where a model is asked; never with a key in it."""


class EndpointConfig(Section):
    """What every model behind an endpoint has."""

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


class TokenPrice(Section):
    """What a model costs."""

    prompt: Annotated[float, Field(ge=0.0)]
    """Price of a million prompt tokens."""
    completion: Annotated[float, Field(ge=0.0)]
    """Price of a million reply tokens."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """ISO 4217 code."""
