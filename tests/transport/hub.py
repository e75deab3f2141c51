"""A server's inside without a server: connections over transports that only remember."""

from __future__ import annotations

import asyncio
from typing import Any

from siprecord.protocol import Flow
from siprecord.syntax.limits import DEFAULT_LIMITS
from siprecord.transport import TransportCounters, TransportSettings
from siprecord.transport.connections import Connections
from siprecord.transport.stream import StreamConnection

SETTINGS = TransportSettings(
    idle_timeout=100,
    first_message_timeout=60,
    message_timeout=20,
    close_timeout=5,
    max_unsent=1000,
    max_partial=10_000,
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

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.state = "half closed"

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
        self.refused: list[Flow] = []
        self.connections = Connections(self.settings, self.counters)

    def now(self) -> float:
        return self.time

    def receive(self, data: bytes, flow: Flow) -> None:
        self.messages.append(data)

    def holds(self, change: int) -> None:
        self.connections.hold(change)

    def unreachable(self, flow: Flow) -> None:
        self.refused.append(flow)

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
