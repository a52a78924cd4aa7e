"""Frames: what is sent arrives, and what is no frame ends in one typed error."""

import json
import socket
import struct
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.worker.failures import FrameError
from sfta_edge.worker.frames import (
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Frame,
    frame_bytes,
    read_frame,
    write_frame,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
HEADERS = st.dictionaries(st.text(), JSON, max_size=5)


def received(raw):
    """What a reader makes of bytes after which the other side ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=send_and_end, args=(theirs, raw))
        sender.start()
        try:
            return [*iter(lambda: read_frame(ours), None)]
        finally:
            ours.close()
            sender.join()


def send_and_end(link, raw):
    try:
        link.sendall(raw)
        link.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the reader had seen enough


def with_lengths(header, payload, content=b""):
    return struct.pack("<II", header, payload) + content


@given(st.lists(st.builds(Frame, HEADERS, st.binary(max_size=100)), max_size=4))
def test_frames_arrive_as_they_were_sent_and_in_order(frames):
    assert received(b"".join(map(frame_bytes, frames))) == frames


def test_a_frame_arrives_in_pieces_of_any_size():
    frame = Frame({"texts": ["a" * 70_000]}, bytes(range(256)) * 8000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=write_frame, args=(theirs, frame))
        sender.start()
        assert read_frame(ours) == frame
        sender.join()


def test_one_header_has_one_spelling():
    assert frame_bytes(Frame({"b": 1, "a": 2})) == frame_bytes(Frame({"a": 2, "b": 1}))


def test_halves_of_characters_survive():
    (frame,) = received(frame_bytes(Frame({"text": "\ud800 half"})))
    assert frame.header == {"text": "\ud800 half"}


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_one_error(raw):
    with suppress(FrameError):
        received(raw)


@given(HEADERS, st.binary(min_size=1, max_size=30), st.data())
def test_a_truncated_frame_is_an_error_and_never_a_shorter_message(header, payload, data):
    raw = frame_bytes(Frame(header, payload))
    cut = data.draw(st.integers(1, len(raw) - 1))
    with pytest.raises(FrameError, match="ended"):
        received(raw[:cut])


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (MAX_HEADER_BYTES + 1, 0),
        (2, MAX_PAYLOAD_BYTES + 1),
        (2**32 - 1, 2**32 - 1),
    ],
)
def test_an_oversized_length_is_refused_before_anything_is_read(header, payload):
    with pytest.raises(FrameError, match="longer than"):
        received(with_lengths(header, payload))


def test_a_promised_length_takes_no_memory_until_it_comes():
    with pytest.raises(FrameError, match="early"):
        received(with_lengths(2, MAX_PAYLOAD_BYTES, b"{}abc"))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xff"}',
        '{"a": "\u00e4"}'.encode(),
        b'{"a":' + b"[" * 50_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"\x80\x04\x95",
    ],
    ids=range(12),
)
def test_garbage_in_the_header_is_refused(header):
    with pytest.raises(FrameError):
        received(with_lengths(len(header), 0, header))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1}, b"raw"])
def test_what_is_no_json_cannot_be_sent(value):
    with pytest.raises(FrameError, match="cannot be written"):
        frame_bytes(Frame({"value": value}))


def test_too_much_cannot_be_sent():
    with pytest.raises(FrameError, match="longer than"):
        frame_bytes(Frame({"text": "x" * MAX_HEADER_BYTES}))
    with pytest.raises(FrameError, match="longer than"):
        frame_bytes(Frame({}, bytes(MAX_PAYLOAD_BYTES + 1)))


def test_the_form_is_the_documented_one():
    raw = frame_bytes(Frame({"id": 1}, b"abc"))
    assert raw == with_lengths(8, 3, b'{"id":1}abc')
    assert json.loads(raw[8:16]) == {"id": 1}
