"""The application behind waitress: bounded threads, bounded sizes, a clean end."""

import logging
import signal
import threading
from dataclasses import dataclass
from types import FrameType
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

from sfta_edge.api.asking import ServeLimits
from sfta_edge.early_admission import admission_of
from sfta_edge.early_refusal import refuse_with_problems
from sfta_edge.errors import ConfigError
from sfta_edge.slow_clients import Patience

_SPARE_THREADS = 4  # health checks and refusals are answered while all places are taken
_HEADER_BYTES = 16 << 10
_IDLE_SECONDS = 30
_SPARE_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: any free one."""


def create_server(
    app: Flask, address: Address, limits: ServeLimits, patience: Patience | None = None
) -> Any:
    """A bound waitress server, for `run`.

    Args:
        app: asked for every request, and for an upload also before its body is read.
        address: to listen on.
        limits: on requests.
        patience: with clients that are slow.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    # One line for each request that waits for a thread; the gate and the metrics count them.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    patience = patience or Patience()
    opened: dict[int, Any] = {}
    try:
        server = waitress.create_server(
            app,
            map=opened,
            host=address.host,
            port=address.port,
            threads=limits.places + _SPARE_THREADS,
            # Not reached as long as a connection gives way; then none is accepted any more.
            connection_limit=patience.connections + _SPARE_CONNECTIONS,
            # select() ends the loop at a handle above 1023, or at one that was just closed.
            asyncore_use_poll=True,
            channel_timeout=_IDLE_SECONDS,
            max_request_body_size=limits.file_bytes,
            max_request_header_size=_HEADER_BYTES,
            # Above 0 waitress notices that a client left while its question is answered.
            channel_request_lookahead=1,
            ident=None,
        )
        refuse_with_problems(server, limits.body_bytes, admission_of(app), patience)
    except (OSError, ValueError) as error:
        wasyncore.close_all(opened)
        raise ConfigError(
            f"cannot listen on {address.host}:{address.port}: {error}",
            hint="Give another --port, or stop the program that uses this one.",
        ) from error
    return server


def listening(server: Any) -> list[tuple[str, int]]:
    """Hosts and ports a server is bound to; a name can stand for several."""
    if hasattr(server, "effective_listen"):
        return list(server.effective_listen)
    return [(server.effective_host, server.effective_port)]


def run(server: Any) -> None:
    """Serve until the process is asked to end."""
    signal.signal(signal.SIGTERM, _end)
    serve(server)


def serve(server: Any) -> None:
    """Serve until `stop` is called or the process is interrupted; leaves nothing open."""
    try:
        server.run()
    finally:
        server.task_dispatcher.shutdown()
        wasyncore.close_all(_sockets(server))


def stop(server: Any) -> None:
    """End `serve` from another thread: the loop ends when nothing is open."""
    trigger = next(s for s in _sockets(server).values() if hasattr(s, "pull_trigger"))
    # In the thread of the loop: sockets that it waits for must not be closed under it.
    trigger.pull_trigger(lambda: wasyncore.close_all(_sockets(server)))


def responds(server: Any, seconds: float = 5.0) -> bool:
    """Whether the loop that takes requests still turns; asked from another thread."""
    turned = threading.Event()
    trigger = next((s for s in _sockets(server).values() if hasattr(s, "pull_trigger")), None)
    if trigger is None:
        return False
    trigger.pull_trigger(turned.set)
    return turned.wait(seconds)


def _sockets(server: Any) -> Any:
    return server.map if hasattr(server, "map") else server._map  # noqa: SLF001 no other way


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
