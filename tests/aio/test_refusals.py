"""Datagrams that nobody takes, over real sockets and on both event loops."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

import pytest
import uvloop

from siprecord.aio import Refusals

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
ROUNDS = 50


class Sender(asyncio.DatagramProtocol):
    def __init__(self, sock: socket.socket) -> None:
        self.refusals = Refusals(sock)
        self.refused: list[tuple[str, int]] = []
        self.told = asyncio.Event()

    def error_received(self, exc: Exception) -> None:
        self.refused += self.refusals.take()
        self.told.set()


def bound(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


async def tell(host: str) -> None:
    loop = asyncio.get_running_loop()
    sock, taker, gone = bound(host), bound(host), bound(host)
    sender = Sender(sock)
    transport, _ = await loop.create_datagram_endpoint(lambda: sender, sock=sock)
    nobody, somebody = gone.getsockname(), taker.getsockname()
    gone.close()
    arrived = 0
    for _ in range(ROUNDS):
        sender.refusals.send(lambda: transport.sendto(b"lost", nobody))
        sender.refusals.send(lambda: transport.sendto(b"kept", somebody))
        async with asyncio.timeout(10):
            arrived += await loop.sock_recv(taker, 100) == b"kept"
            await sender.told.wait()
    assert arrived == ROUNDS
    assert set(sender.refused) == {nobody[:2]}
    assert len(sender.refused) == ROUNDS
    transport.close()
    taker.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_TP_17_what_nobody_takes_is_told_and_costs_no_other_datagram(
    loop: Callable[[], asyncio.AbstractEventLoop], host: str
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(tell(host))


def test_an_error_of_our_own_is_no_refusal() -> None:
    with bound("127.0.0.1") as sock:
        refusals = Refusals(sock)
        with pytest.raises(OSError, match="too long"):
            sock.sendto(b"x" * 70_000, ("127.0.0.1", 9))
        assert refusals.take() == []
        sent: list[int] = []
        refusals.send(lambda: sent.append(1))
        assert sent == [1]


def test_what_an_earlier_life_left_is_forgotten() -> None:
    with bound("127.0.0.1") as sock, bound("127.0.0.1") as gone:
        Refusals(sock)
        nobody = gone.getsockname()
        gone.close()
        sock.sendto(b"x", nobody)
        assert Refusals(sock).take() == []
        with pytest.raises(BlockingIOError):
            sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
