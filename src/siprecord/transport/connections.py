"""Which stream connections there are, how many there may be, and when one has to go."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator

from siprecord.protocol import Address, Flow
from siprecord.protocol.flow import Transport
from siprecord.transport.settings import ConnectionInfo, TransportCounters, TransportSettings
from siprecord.transport.stream import StreamConnection

SWEEP_EVERY = 1.0


class Connections:
    """The registry of all stream connections of a server."""

    def __init__(self, settings: TransportSettings, counters: TransportCounters) -> None:
        self._settings = settings
        self._counters = counters
        self._by_number: dict[int, StreamConnection] = {}
        self._by_remote: dict[tuple[str, Address], StreamConnection] = {}
        self._per_source: Counter[str] = Counter()
        self._admitted = 0
        self._held = 0
        self._last_number = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def __iter__(self) -> Iterator[StreamConnection]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return self._admitted

    def admit(self, source: str, transport: Transport = "tcp") -> bool:
        """Take a place for a connection from `source`, before any work is done; `leave` gives it back."""
        full = self._admitted >= self._settings.max_connections
        if full or self._per_source[source] >= self._settings.max_connections_per_source:
            self._counters.count("connections_refused", transport)
            return False
        self._admitted += 1
        self._per_source[source] += 1
        self._empty.clear()
        return True

    def leave(self, source: str) -> None:
        """Give a place back."""
        self._admitted -= 1
        self._per_source[source] -= 1
        if self._per_source[source] <= 0:
            del self._per_source[source]
        if self._admitted == 0:
            self._empty.set()

    def number_from(self, first: int) -> None:
        """Begin with this number, above those of any earlier life whose connections may still be named."""
        self._last_number = first

    def next_number(self) -> int:
        """A number no connection of this server had before."""
        self._last_number += 1
        return self._last_number

    def add(self, connection: StreamConnection) -> None:
        """Make an admitted connection known; of two to one peer the newer is used."""
        self._by_number[connection.flow.connection] = connection
        self._by_remote[(connection.flow.transport, connection.flow.remote)] = connection

    def remove(self, connection: StreamConnection) -> bool:
        """Forget a connection that is closed, and give its place back; False when that was done."""
        if self._by_number.pop(connection.flow.connection, None) is None:
            return False
        key = (connection.flow.transport, connection.flow.remote)
        if self._by_remote.get(key) is connection:
            del self._by_remote[key]
        self.leave(connection.flow.remote[0])
        return True

    def find(self, flow: Flow) -> StreamConnection | None:
        """The open connection of `flow`, or else another one to the same address and port."""
        connection = self._by_number.get(flow.connection) or self._by_remote.get(
            (flow.transport, flow.remote)
        )
        return connection if connection is not None and connection.usable else None

    @property
    def held(self) -> int:
        """Bytes of messages that are not whole yet, on all connections."""
        return self._held

    def hold(self, change: int) -> None:
        """So many bytes more are half received. Above the bound the largest are refused.

        Those go first whose connection never brought a whole message: no call that runs came by it.
        """
        self._held += change
        while change > 0 and self._held > self._settings.max_partial:
            largest = max(self, key=lambda each: (each.usable, not each.proven, each.pending), default=None)
            if largest is None or not largest.usable or not largest.pending:
                return
            largest.refuse()

    def infos(self) -> list[ConnectionInfo]:
        """All connections, for people."""
        return [connection.info() for connection in self]

    def sweep(self, now: float) -> None:
        """Close what has been idle, half sent or not read for too long."""
        for connection in self:
            connection.check(now)

    def close(self, connections: Iterable[StreamConnection] | None = None) -> None:
        """Close these connections, or all, after what they still have to send."""
        for connection in self if connections is None else connections:
            connection.close()

    async def wait_closed(self, seconds: float) -> None:
        """Wait for all to be closed; what is left after `seconds` is cut off."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for connection in self:
                connection.abort()
