"""The connection that another process can continue, on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from siprecord.transport.held import HeldTransport
from tests.support.patience import PATIENCE


class Messages(asyncio.Protocol):
    """Takes messages of ten bytes."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost = asyncio.Event()
        self.news = asyncio.Event()

    @property
    def pending(self) -> int:
        return len(self.heard) % 10

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    near.setblocking(False)
    with closing(far):
        yield near, far


async def test_a_wake_up_without_news_in_the_middle_of_a_message_is_no_end(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """The kernel gives one below the low-water mark when it is short of memory (tcp_stream_is_readable)."""
    near, far = ends
    messages = Messages()
    safe: list[bool] = []
    transport = HeldTransport(near, messages, safe.append)
    transport.start()
    far.sendall(b"0123456789half")
    await asyncio.wait_for(messages.news.wait(), PATIENCE)
    assert safe == [True]
    transport._readable()
    assert safe == [True, False], "half a message is with us now"
    assert not messages.lost.is_set()
    messages.news.clear()
    far.sendall(b"-whole")
    await asyncio.wait_for(messages.news.wait(), PATIENCE)
    assert messages.heard == b"0123456789half-whole"
    assert safe == [True, False, True]
    far.close()
    await asyncio.wait_for(messages.lost.wait(), PATIENCE)


async def test_a_peer_that_closes_in_the_middle_of_a_message_is_gone(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    messages = Messages()
    HeldTransport(near, messages, lambda safe: None).start()
    far.sendall(b"half")
    await asyncio.wait_for(messages.news.wait(), PATIENCE)
    far.close()
    await asyncio.wait_for(messages.lost.wait(), PATIENCE)
    assert messages.heard == b"half"
