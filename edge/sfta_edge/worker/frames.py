"""Frames on a stream socket: a JSON header and raw bytes, both of bounded length.

Rules this module upholds:

- ``read_frame`` gives what ``write_frame`` was given, or nothing at a clean end.
- Bytes that are no frame raise `FrameError`; nothing longer than the bounds is ever allocated.
- A header is JSON and a payload is bytes: reading either runs no code of the other side.

A frame is two little-endian 32-bit lengths, of header and payload, then the two themselves.
"""

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfta_edge.worker.failures import FrameError

MAX_HEADER_BYTES = 16 << 20
"""Room for every prompt that fits into a context, and for a batch of texts to embed."""
MAX_PAYLOAD_BYTES = 64 << 20
_LENGTHS = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    header: Mapping[str, Any]
    payload: bytes = b""


def frame_bytes(frame: Frame) -> bytes:
    """The frame as it is sent; one header has one spelling.

    Raises:
        FrameError: too long, or the header is no JSON.
    """
    try:
        # Escaped, so that halves of surrogate pairs arrive as they are.
        header = json.dumps(
            frame.header, sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode("ascii")
    except (ValueError, TypeError, RecursionError) as error:
        raise FrameError(f"a message cannot be written as JSON: {error}") from error
    _check_lengths(len(header), len(frame.payload))
    return _LENGTHS.pack(len(header), len(frame.payload)) + header + frame.payload


def write_frame(link: socket.socket, frame: Frame) -> None:
    """Send a frame; callers take turns.

    Raises:
        FrameError: it cannot be spelt; nothing was sent.
        OSError: the other side is gone.
    """
    link.sendall(frame_bytes(frame))


def read_frame(link: socket.socket) -> Frame | None:
    """The next frame; None if the other side ended between two frames.

    Raises:
        FrameError: what came is no frame, or ended within one.
        OSError: the connection broke, or its time-out passed.
    """
    lengths = _read(link, _LENGTHS.size, may_end=True)
    if lengths is None:
        return None
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    _check_lengths(header_bytes, payload_bytes)
    header = _parse(_read(link, header_bytes) or b"")
    return Frame(header, _read(link, payload_bytes) or b"")


def _check_lengths(header: int, payload: int) -> None:
    if header > MAX_HEADER_BYTES or payload > MAX_PAYLOAD_BYTES:
        raise FrameError(
            f"a message of {header} and {payload} bytes is longer than "
            f"{MAX_HEADER_BYTES} and {MAX_PAYLOAD_BYTES}"
        )


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw.decode("ascii"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a message is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise FrameError("the header of a message is no object")
    return header


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _read(link: socket.socket, count: int, *, may_end: bool = False) -> bytes | None:
    """Exactly `count` bytes."""
    pieces: list[bytes] = []
    missing = count
    while missing:
        # In blocks: memory is taken for what arrives, not for what was promised.
        piece = link.recv(min(missing, 1 << 20))
        if not piece:
            if may_end and missing == count:
                return None
            raise FrameError(f"a message ended {missing} bytes early")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
