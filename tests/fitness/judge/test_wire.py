"""Frames: whatever is sent arrives, and what is no frame is said to be none."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.judge import wire
from fitness.judge.wire import HEADER, LARGEST_FRAME, BrokenFrame, framed, receive, receive_soon


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_payloads_arrive_whole_and_in_order(payloads: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for each in payloads:
            ours.sendall(framed(each))
        ours.shutdown(socket.SHUT_WR)
        assert [receive(theirs) for _ in payloads] == payloads
        assert receive(theirs) is None


def test_a_payload_larger_than_any_buffer() -> None:
    payload = bytes(range(256)) * (1 << 14)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        sender = threading.Thread(target=theirs.sendall, args=(framed(payload),))
        sender.start()
        assert asyncio.run(receive_soon(ours)) == payload
        sender.join()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"\1\2", "begins with 8 bytes, got 2"),
        (HEADER.pack(10) + b"half", "cut off after 4 of 10"),
        (HEADER.pack(10), "cut off after 0 of 10"),
        (HEADER.pack(LARGEST_FRAME + 1), "at most"),
    ],
)
def test_what_is_no_frame(sent: bytes, told: str) -> None:
    for soon in (False, True):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(sent)
            theirs.shutdown(socket.SHUT_WR)
            ours.setblocking(not soon)
            with pytest.raises(BrokenFrame, match=told):
                asyncio.run(receive_soon(ours)) if soon else receive(ours)


def test_a_payload_that_no_frame_holds() -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return LARGEST_FRAME + 1

    with pytest.raises(ValueError, match="at most"):
        wire.framed(Long())
