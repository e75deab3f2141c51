from __future__ import annotations

import asyncio
from typing import Any

from tests.transport.fakes import options

from siprecord.protocol import Flow
from siprecord.syntax.limits import DEFAULT_LIMITS
from siprecord.transport import TransportCounters, TransportSettings
from siprecord.transport.connections import Connections
from siprecord.transport.stream import StreamConnection

SETTINGS = TransportSettings(
    idle_timeout=100, first_message_timeout=60, message_timeout=20, close_timeout=5, max_unsent=1000
)


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.state = "open"
        self.unsent = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.state = "closing"

    def abort(self) -> None:
        self.state = "aborted"


class FakeHub:
    settings = SETTINGS
    limits = DEFAULT_LIMITS

    def __init__(self) -> None:
        self.counters = TransportCounters()
        self.time = 1000.0
        self.messages: list[bytes] = []
        self.connections = Connections(self.settings, self.counters)

    def now(self) -> float:
        return self.time

    def receive(self, data: bytes, flow: Flow) -> None:
        self.messages.append(data)

    def opened(self, connection: StreamConnection, transport: asyncio.BaseTransport) -> None: ...

    def closed(self, connection: StreamConnection) -> None:
        self.connections.remove(connection)

    def connection(self, remote: str = "10.0.0.1", *, outgoing: bool = False) -> StreamConnection:
        assert self.connections.admit(remote)
        flow = Flow("tcp", ("127.0.0.1", 5060), (remote, 5070), self.connections.next_number())
        connection = StreamConnection(self, flow, outgoing=outgoing)
        self.connections.add(connection)
        return connection

    def made(self, **kwargs: Any) -> tuple[StreamConnection, FakeTransport]:
        connection, transport = self.connection(**kwargs), FakeTransport()
        connection.connection_made(transport)
        return connection, transport

    def after(self, seconds: float) -> None:
        self.time += seconds
        self.connections.sweep(self.time)


async def test_TP_19_half_a_message_has_its_time_however_it_drips() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    message = options(via="TCP")
    connection.data_received(message + message[:10])
    for position in range(10, 50, 10):
        hub.after(5)
        connection.data_received(message[position : position + 10])
    assert transport.state == "open"
    hub.after(1)
    assert transport.state == "closing"
    assert len(hub.messages) == 1
    assert hub.counters.connections_timed_out == 1


async def test_each_message_has_its_own_time() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    message = options(via="TCP")
    connection.data_received(message[:50])
    for _ in range(10):
        hub.after(15)
        connection.data_received(message[50:] + message[:50])
    assert transport.state == "open"
    assert len(hub.messages) == 10


async def test_a_connection_that_says_nothing_is_closed() -> None:
    hub = FakeHub()
    _, silent = hub.made()
    pinging, transport = hub.made(remote="10.0.0.2")
    pinging.data_received(b"\r\n\r\n")
    hub.after(60.5)
    assert (silent.state, transport.state) == ("closing", "open")
    assert transport.written == b"\r\n"


async def test_KA_02_a_lone_crlf_is_no_half_message() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.data_received(options(via="TCP") + b"\r\n")
    hub.after(50)
    assert transport.state == "open"
    assert transport.written == b""


async def test_TP_14_idle_connections_stay_for_long() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.data_received(options(via="TCP"))
    hub.after(99)
    assert transport.state == "open"
    hub.after(2)
    assert transport.state == "closing"


async def test_what_does_not_close_in_time_is_cut_off() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.close()
    hub.after(5)
    assert transport.state == "closing"
    hub.after(1)
    assert transport.state == "aborted"
    connection.connection_lost(None)
    assert len(hub.connections) == 0


async def test_what_is_written_before_the_connection_is_made_waits() -> None:
    hub = FakeHub()
    connection, transport = hub.connection(outgoing=True), FakeTransport()
    connection.write(b"a")
    connection.write(b"b")
    connection.connection_made(transport)
    connection.write(b"c")
    assert transport.written == b"abc"


async def test_a_connection_given_up_while_it_is_made_is_cut_off() -> None:
    hub = FakeHub()
    connection, transport = hub.connection(outgoing=True), FakeTransport()
    connection.write(b"x" * 1001)
    assert hub.counters.connections_cut_off == 1
    connection.connection_made(transport)
    assert (transport.state, transport.written) == ("aborted", b"")


async def test_nothing_is_taken_or_sent_after_closing() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.data_received(b"OPTIONS sip:x SIP/2.0\r\nNo Length: 1\r\n\r\n" + options())
    assert transport.state == "closing"
    connection.data_received(options(via="TCP"))
    connection.write(b"x")
    assert hub.messages == []
    assert transport.written == b""


async def test_of_two_connections_to_one_peer_the_newer_is_used() -> None:
    hub = FakeHub()
    first, _ = hub.made()
    second, _ = hub.made()
    gone = Flow("tcp", ("127.0.0.1", 5060), ("10.0.0.1", 5070), 99)
    assert hub.connections.find(first.flow) is first
    assert hub.connections.find(gone) is second
    second.connection_lost(None)
    assert hub.connections.find(gone) is None
    assert hub.connections.find(Flow("tls", gone.local, gone.remote)) is None


async def test_places_are_counted_for_each_source() -> None:
    connections = Connections(
        TransportSettings(max_connections=3, max_connections_per_source=2), TransportCounters()
    )
    assert [connections.admit("a") for _ in range(3)] == [True, True, False]
    assert [connections.admit("b") for _ in range(2)] == [True, False]
    connections.leave("a")
    assert connections.admit("a")
    assert len(connections) == 3


async def test_waiting_for_connections_to_close_cuts_off_what_is_left() -> None:
    hub = FakeHub()
    _, transport = hub.made()
    hub.connections.close()
    await hub.connections.wait_closed(0)
    assert transport.state == "aborted"
