"""SIP over UDP: one socket, one message a datagram."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from siprecord.aio import Refusals
from siprecord.protocol import Address, Flow
from siprecord.transport.settings import ListenerInfo
from siprecord.transport.sockets import WILDCARDS, address_of, source_towards, widen
from siprecord.transport.stream import Hub

MAX_UNSENT = 4 * 1024 * 1024
"""Ours: what the loop may hold for a socket that takes nothing; SIP repeats what is dropped above it."""
SHORTEST_MESSAGE = 16
"""Less is a keep-alive of some kind: the shortest start line alone is longer."""


class UdpListener(asyncio.DatagramProtocol):
    """A bound UDP socket."""

    def __init__(self, hub: Hub, sock: socket.socket) -> None:
        self._hub = hub
        self._sock = sock
        self._transport: asyncio.DatagramTransport | None = None
        self.address: Address = address_of(sock.getsockname())
        self._wildcard = self.address[0] in WILDCARDS
        self._refusals = Refusals(sock)
        widen(sock, hub.settings.udp_receive_buffer)

    @property
    def info(self) -> ListenerInfo:
        """Where it listens."""
        return ListenerInfo("udp", *self.address)

    async def start(self) -> None:
        """Begin to receive."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=self._sock)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def serves(self, local: Address, remote: str) -> bool:
        """Whether messages from `local` to the address `remote` leave through this socket."""
        if (":" in self.address[0]) != (":" in remote):
            return False
        same_port = local[1] in (0, self.address[1])
        return same_port and (self._wildcard or local[0] in WILDCARDS or local[0] in ("", self.address[0]))

    def send(self, data: bytes, remote: Address) -> None:
        """Send one datagram to an IP address."""
        transport = self._transport
        counters = self._hub.counters
        if transport is None or transport.is_closing() or _unsent(transport) > MAX_UNSENT:
            counters.send_failures += 1
            return
        try:
            self._refusals.send(lambda: transport.sendto(data, remote))
            counters.datagrams_sent += 1
        except (OSError, ValueError):  # uvloop raises ValueError for an address of another family
            counters.send_failures += 1

    # From the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is in the loop."""
        # uvloop's transport is none of asyncio's classes, but has their methods.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """One datagram; what can't be SIP is dropped here, silently."""
        counters = self._hub.counters
        counters.datagrams_received += 1
        if len(data) < SHORTEST_MESSAGE or data[0] < 4:  # STUN begins with two zero bits and a small number
            counters.datagrams_ignored += 1
            return
        remote = address_of(addr)
        self._hub.receive(data, Flow("udp", self._local_towards(remote[0]), remote))

    def error_received(self, exc: Exception) -> None:
        """The kernel passes on an ICMP error, or that a datagram was too long."""
        self._hub.counters.socket_errors += 1
        for remote in self._refusals.take():
            self._hub.unreachable(Flow("udp", self._local_towards(remote[0]), remote))

    def _local_towards(self, host: str) -> Address:
        """The address the peer knows us by; a socket bound to all addresses does not tell."""
        if not self._wildcard:
            return self.address
        return (source_towards(host, int(self._hub.now() // 60)) or self.address[0], self.address[1])


def _unsent(transport: asyncio.DatagramTransport) -> int:
    size: int = transport.get_write_buffer_size()  # type: ignore[attr-defined]  # missing in typeshed
    return size
