"""Frames between engine and judge: msgpack behind its length, over a stream socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

HEADER = struct.Struct("<Q")
LARGEST_FRAME = 1 << 30
_PIECE = 1 << 20


class BrokenFrame(Exception):
    """What came is no frame: the other side ended in the middle of one, or does not speak this protocol."""


def framed(payload: bytes) -> bytes:
    """Return a payload behind its length.

    Raises:
        ValueError: a payload longer than any frame.
    """
    if len(payload) > LARGEST_FRAME:
        raise ValueError(f"a frame holds at most {LARGEST_FRAME} bytes, got {len(payload)}")
    return HEADER.pack(len(payload)) + payload


def receive(stream: socket.socket) -> bytes | None:
    """Return the next payload; None if the other side has hung up.

    Raises:
        BrokenFrame: it hung up in the middle of a frame, or the length cannot be one.
    """
    header = _up_to(stream, HEADER.size)
    if not header:
        return None
    length = length_of(header)
    return _whole(_up_to(stream, length), length)


async def receive_soon(stream: socket.socket) -> bytes | None:
    """Do as `receive` on a socket that does not block.

    Raises:
        BrokenFrame: as `receive`.
    """
    header = await _up_to_soon(stream, HEADER.size)
    if not header:
        return None
    length = length_of(header)
    return _whole(await _up_to_soon(stream, length), length)


def length_of(header: bytes) -> int:
    """Return the length that a header announces.

    Raises:
        BrokenFrame: half a header, or more than any frame holds.
    """
    if len(header) < HEADER.size:
        raise BrokenFrame(f"a frame begins with {HEADER.size} bytes, got {len(header)}")
    (length,) = HEADER.unpack(header)
    if length > LARGEST_FRAME:
        raise BrokenFrame(f"a frame holds at most {LARGEST_FRAME} bytes, got one of {length}")
    return int(length)


def _up_to(stream: socket.socket, size: int) -> bytes:
    """Return `size` bytes; fewer if the other side hangs up."""
    got = bytearray()
    while len(got) < size and (piece := stream.recv(min(_PIECE, size - len(got)))):
        got += piece
    return bytes(got)


async def _up_to_soon(stream: socket.socket, size: int) -> bytes:
    """Do as `_up_to` on a socket that does not block."""
    loop = asyncio.get_running_loop()
    got = bytearray()
    with contextlib.suppress(ConnectionError):
        while len(got) < size and (piece := await loop.sock_recv(stream, min(_PIECE, size - len(got)))):
            got += piece
    return bytes(got)


def _whole(payload: bytes, length: int) -> bytes:
    if len(payload) < length:
        raise BrokenFrame(f"a frame was cut off after {len(payload)} of {length} bytes")
    return payload
