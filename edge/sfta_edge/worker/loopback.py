"""JSON over HTTP to a server on this machine, and to no other."""

import http.client
import ipaddress
import json
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from sfta_edge.errors import ConfigError, ToolError

_LONGEST_REPLY = 16 << 20
_LONGEST_LINE = 1 << 20
_SILENCE_SECONDS = 300.0


class _UnixConnection(http.client.HTTPConnection):
    """HTTP through a UNIX socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LoopbackServer:
    """Where a server listens; every request is a connection of its own, so threads share it."""

    def __init__(self, address: str) -> None:
        """``http://127.0.0.1:8081`` or ``unix:/run/llama.sock``.

        Raises:
            ConfigError: an address that leaves this machine, or none at all.
        """
        self._path = address.removeprefix("unix:") if address.startswith("unix:") else ""
        self._host, self._port = ("localhost", 80) if self._path else _loopback(address)

    def post(self, path: str, body: Mapping[str, Any], seconds: float | None = None) -> Any:
        """The answer to a request, parsed.

        Raises:
            ToolError: there is none, or it is an error or no JSON.
        """
        with self._open("POST", path, body, seconds) as response:
            return _parse(response.read(_LONGEST_REPLY))

    def get(self, path: str) -> Any:
        """As `post`, without a body."""
        with self._open("GET", path, None, None) as response:
            return _parse(response.read(_LONGEST_REPLY))

    def events(
        self, path: str, body: Mapping[str, Any], seconds: float | None = None
    ) -> Generator[Any, None, None]:
        """What a server-sent stream holds, one by one. Closing it closes the connection.

        Raises:
            ToolError: as `post`.
            TimeoutError: nothing came for so long.
        """
        with self._open("POST", path, body, seconds) as response:
            while line := response.readline(_LONGEST_LINE):
                if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
                    yield _parse(line.removeprefix(b"data: "))

    @contextmanager
    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float | None
    ) -> Generator[http.client.HTTPResponse, None, None]:
        timeout = _SILENCE_SECONDS if seconds is None else seconds
        connection = (
            _UnixConnection(self._path, timeout)
            if self._path
            else http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        )
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
            connection.request(method, path, content, {"Content-Type": "application/json"})
            # A reply that is not read to its end holds the socket; closing the connection is
            # not enough then.
            with connection.getresponse() as response:
                if response.status != http.client.OK:
                    raise ToolError(
                        f"llama-server answered {path} with {response.status}",
                        hint=_reason(response.read(_LONGEST_REPLY)),
                    )
                yield response
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise ToolError(
                f"llama-server does not answer: {error}", hint="Is it running there?"
            ) from error
        finally:
            connection.close()


def _loopback(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
        port = parts.port
    except ValueError:
        local, port = False, None
    if parts.scheme != "http" or not local or port is None or parts.path not in {"", "/"}:
        raise ConfigError(
            f"{address} is no address of a server on this machine",
            hint="Give http://127.0.0.1:PORT or unix:/path/of/socket.",
        )
    return host, port


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"llama-server sent no JSON: {error}") from error


def _reason(raw: bytes) -> str:
    try:
        return " ".join(str(json.loads(raw)["error"]["message"]).split())[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "Look at its log."
