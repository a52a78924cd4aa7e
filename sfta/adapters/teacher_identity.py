"""Who asks: a key from the environment, or the identity that Azure gives this machine.

A key goes into one header and stands in no file, log or error.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Protocol

from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError

AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


class Identity(Protocol):
    """Gives the headers that prove who asks."""

    async def headers(self) -> dict[str, str]:
        """Headers of the next request.

        Raises:
            ConfigError: the key is not set.
            ToolError: the identity is not given out.
        """


class NoIdentity:
    """Asks without a name: an endpoint of one's own."""

    async def headers(self) -> dict[str, str]:
        return {}


class KeyIdentity:
    """A key from an environment variable."""

    def __init__(self, variable: str) -> None:
        """Read the variable.

        Raises:
            ConfigError: it is not set.
        """
        self._key = os.environ.get(variable, "").strip()
        if not self._key:
            raise ConfigError(
                f"the environment variable {variable} is not set",
                hint=f"export {variable}=... and run again.",
            )

    async def headers(self) -> dict[str, str]:
        # Azure reads the second header; others ignore it.
        return {"Authorization": f"Bearer {self._key}", "api-key": self._key}


class AzureIdentity:
    """Keyless: managed or workload identity, or whoever is signed in with the Azure CLI."""

    def __init__(self) -> None:
        """Find the identity; nothing is asked yet.

        Raises:
            MissingDependencyError: azure-identity is not installed.
        """
        try:
            from azure.core.exceptions import AzureError
            from azure.identity import DefaultAzureCredential, get_bearer_token_provider
        except ImportError as error:
            raise MissingDependencyError(
                "keyless access to Azure needs the package azure-identity",
                hint="pip install 'sfta[azure]'",
            ) from error
        self._errors: type[Exception] = AzureError
        # Keeps the token and renews it before it ends.
        self._token: Callable[[], str] = get_bearer_token_provider(
            DefaultAzureCredential(), AZURE_SCOPE
        )

    async def headers(self) -> dict[str, str]:
        try:
            token = await asyncio.to_thread(self._token)
        except self._errors as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ToolError(
                f"Azure gives this machine no identity: {first}",
                hint="Sign in with `az login`, or give the machine a managed identity with the "
                "role Cognitive Services OpenAI User.",
            ) from error
        return {"Authorization": f"Bearer {token}"}


def identity_of(*, api_key_env: str | None, azure: bool) -> Identity:
    """The identity that the settings name.

    Raises:
        ConfigError: the key's variable is not set.
        MissingDependencyError: azure-identity is not installed.
    """
    if azure:
        return AzureIdentity()
    return KeyIdentity(api_key_env) if api_key_env else NoIdentity()


def without_keys(text: str, headers: Iterable[str]) -> str:
    """The text with the keys of these header values replaced by `[key]`."""
    for value in headers:
        if secret := value.removeprefix("Bearer "):
            text = text.replace(secret, "[key]")
    return text
