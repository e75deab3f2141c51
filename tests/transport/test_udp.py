from __future__ import annotations

import asyncio
from typing import Any

import pytest

from siprecord.protocol import Address, Flow
from siprecord.transport.sockets import bind
from siprecord.transport.stream import Hub
from siprecord.transport.udp import SHORTEST_MESSAGE, UdpListener
from tests.support.ports import HAS_IPV6
from tests.transport.fakes import options
from tests.transport.hub import FakeHub

NEEDS_IPV6 = pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 on this machine")


class Heard(FakeHub):
    def __init__(self) -> None:
        super().__init__()
        self.flows: list[Flow] = []

    def receive(self, data: bytes, flow: Flow) -> None:
        super().receive(data, flow)
        self.flows.append(flow)


class Told(FakeHub):
    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()

    def unreachable(self, flow: Flow) -> None:
        super().unreachable(flow)
        self.told.set()


class FakeDatagrams:
    def __init__(self, error: Exception | None = None, unsent: int = 0) -> None:
        self.error = error
        self.unsent = unsent
        self.sent: list[tuple[bytes, Any]] = []

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def sendto(self, data: bytes, address: Any) -> None:
        if self.error:
            raise self.error
        self.sent.append((data, address))

    def close(self) -> None: ...


async def listener(hub: Hub, host: str = "127.0.0.1") -> UdpListener:
    sock = await bind("udp", host, 0)
    made = UdpListener(hub, sock)
    sock.close()
    return made


async def test_a_socket_on_all_addresses_tells_the_address_the_peer_knows() -> None:
    hub = Heard()
    udp = await listener(hub, "0.0.0.0")
    udp.datagram_received(options(), ("127.0.0.1", 5070))
    assert hub.flows == [Flow("udp", ("127.0.0.1", udp.info.port), ("127.0.0.1", 5070))]


@pytest.mark.parametrize(
    ("host", "local", "remote", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.9", True),
        ("127.0.0.1", "127.0.0.2", "127.0.0.9", False),
        ("127.0.0.1", "", "127.0.0.9", True),
        ("127.0.0.1", "0.0.0.0", "127.0.0.9", True),
        ("0.0.0.0", "10.1.2.3", "127.0.0.9", True),
        ("127.0.0.1", "127.0.0.1", "::1", False),
        pytest.param("::1", "::1", "::1", True, marks=NEEDS_IPV6),
        pytest.param("::", "2001:db8::1", "2001:db8::2", True, marks=NEEDS_IPV6),
    ],
)
async def test_which_messages_leave_here(host: str, local: str, remote: str, expected: bool) -> None:
    udp = await listener(FakeHub(), host)
    assert udp.serves((local, udp.info.port), remote) is expected
    assert udp.serves((local, 0), remote) is expected
    assert not udp.serves((local, udp.info.port - 1), remote)


@pytest.mark.parametrize(
    "transport",
    [
        FakeDatagrams(OSError("too long")),
        FakeDatagrams(ValueError("another family")),
        FakeDatagrams(unsent=10**9),
    ],
)
async def test_what_can_not_be_sent_is_counted(transport: FakeDatagrams) -> None:
    hub = FakeHub()
    udp = await listener(hub)
    remote: Address = ("127.0.0.1", 5070)
    udp.send(b"x", remote)
    udp.connection_made(transport)  # type: ignore[arg-type]
    udp.send(b"x", remote)
    assert hub.counters.send_failures == 2
    assert transport.sent == []


async def test_icmp_errors_are_counted() -> None:
    hub = FakeHub()
    (await listener(hub)).error_received(ConnectionRefusedError())
    assert hub.counters.socket_errors == 1


async def test_TP_17_a_destination_that_refuses_is_told() -> None:
    hub = Told()
    udp = UdpListener(hub, await bind("udp", "127.0.0.1", 0))
    await udp.start()
    gone = await bind("udp", "127.0.0.1", 0)
    remote = gone.getsockname()
    gone.close()
    udp.send(options(), remote)
    async with asyncio.timeout(10):
        await hub.told.wait()
    assert hub.refused == [Flow("udp", udp.address, remote)]
    await udp.close()


async def test_datagrams_too_short_for_sip_are_ignored() -> None:
    hub = FakeHub()
    udp = await listener(hub)
    udp.datagram_received(b"x" * (SHORTEST_MESSAGE - 1), ("127.0.0.1", 5070))
    udp.datagram_received(b"x" * SHORTEST_MESSAGE, ("127.0.0.1", 5070))
    assert (hub.counters.datagrams_ignored, len(hub.messages)) == (1, 1)
