"""The sockets of a client: one for UDP in each address family, and connections it makes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from siprecord.aio import Refusals, spawn
from siprecord.client.report import CallError
from siprecord.client.target import local_host_towards
from siprecord.protocol import Address, Flow, Transmit, Transport
from siprecord.syntax.sip import FramingError, Keepalive, StreamFramer

CONNECT_SECONDS = 10.0
PONG = b"\r\n"

Received = Callable[[bytes, Flow], None]
Lost = Callable[[Flow], None]


class _Datagrams(asyncio.DatagramProtocol):
    """A UDP socket."""

    def __init__(self, sock: socket.socket, received: Received, refused: Lost) -> None:
        self._received = received
        self._refused = refused
        self._refusals = Refusals(sock)
        self._transport: asyncio.DatagramTransport
        self.local: Address = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.local = _address(transport, "sockname")

    def error_received(self, exc: Exception) -> None:
        for remote in self._refusals.take():
            self._refused(Flow("udp", self.local, remote))

    def send(self, data: bytes, remote: Address) -> None:
        """Send one datagram."""
        self._refusals.send(lambda: self._transport.sendto(data, remote))

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._received(data, Flow("udp", self.local, (str(addr[0]), int(addr[1]))))


class _Connection(asyncio.Protocol):
    """A TCP or TLS connection; `flow` holds once it is made."""

    def __init__(self, received: Received, lost: Lost, flow: Flow) -> None:
        self.flow = flow
        self.transport: asyncio.Transport | None = None
        self._received = received
        self._lost = lost
        self._framer = StreamFramer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.flow = replace(self.flow, local=_address(transport, "sockname"))

    def data_received(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            if isinstance(frame, bytes):
                self._received(frame, self.flow)
            elif frame is Keepalive.PING:
                self.write(PONG)
            elif isinstance(frame, FramingError):
                self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self.flow)

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone."""
        if self.transport is not None:
            self.transport.write(data)

    def close(self) -> None:
        """Close after what is left to send has been sent."""
        if self.transport is not None:
            self.transport.close()


class Wires:
    """Opens what is asked for and says what comes in.

    `lost` is told of connections that end or can't be made, `refused` of datagrams that nobody takes.
    """

    def __init__(
        self, received: Received, lost: Lost, refused: Lost, tls: ssl.SSLContext | None = None
    ) -> None:
        self._received = received
        self._lost = lost
        self._refused = refused
        self._tls = tls
        self._numbers = 0
        self._datagrams: dict[Address, _Datagrams] = {}
        self._udp_by_host: dict[str, Flow] = {}
        self._connections: dict[int, _Connection] = {}
        self._by_remote: dict[tuple[Transport, Address], _Connection] = {}
        self._pending: dict[tuple[Transport, Address], list[bytes]] = {}

    async def open(self, transport: Transport, remote: Address, name: str) -> Flow:
        """A flow to `remote`, made or used again; its certificate must be of `name`. Raises `CallError`."""
        if transport == "udp":
            return await self._open_udp(remote)
        known = self._by_remote.get((transport, remote))
        connection = known or await self._connect(transport, remote, name)
        return connection.flow

    def send(self, transmit: Transmit) -> None:
        """Send a message the endpoint gave. What can't be sent is lost, as in a network."""
        flow = transmit.flow
        if flow.transport == "udp":
            datagrams = self._datagrams.get(flow.local)
            if datagrams is not None:
                datagrams.send(transmit.data, flow.remote)
            return
        key = (flow.transport, flow.remote)
        connection = self._connections.get(flow.connection) or self._by_remote.get(key)
        if connection is not None:
            connection.write(transmit.data)
        elif key in self._pending:
            self._pending[key].append(transmit.data)
        else:
            self._pending[key] = [transmit.data]
            spawn(self._connect_and_send(flow), name=f"sip connection to {flow.remote[0]}")

    def close(self) -> None:
        """Close everything."""
        for datagrams in self._datagrams.values():
            datagrams.close()
        for connection in list(self._connections.values()):
            connection.close()

    async def _open_udp(self, remote: Address) -> Flow:
        host = local_host_towards(remote)
        flow = self._udp_by_host.get(host)
        if flow is None:
            datagrams = await self._bind(host)
            self._datagrams[datagrams.local] = datagrams
            flow = self._udp_by_host[host] = Flow("udp", datagrams.local, remote)
        return replace(flow, remote=remote)

    async def _bind(self, host: str) -> _Datagrams:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((host, 0))
        datagrams = _Datagrams(sock, self._received, self._refused)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: datagrams, sock=sock)
        return datagrams

    async def _connect(self, transport: Transport, remote: Address, name: str) -> _Connection:
        self._numbers += 1
        flow = Flow(transport, ("", 0), remote, self._numbers)
        loop = asyncio.get_running_loop()
        tls = (self._tls or ssl.create_default_context()) if transport == "tls" else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._received, self._gone, flow),
                    *remote,
                    ssl=tls,
                    server_hostname=name if tls else None,
                )
        except TimeoutError:
            raise CallError(f"{_shown(remote)} does not answer on {transport.upper()}") from None
        except OSError as error:
            raise CallError(
                f"no {transport.upper()} connection to {_shown(remote)}: {_reason(error)}"
            ) from None
        self._connections[flow.connection] = self._by_remote[(transport, remote)] = connection
        return connection

    async def _connect_and_send(self, flow: Flow) -> None:
        key = (flow.transport, flow.remote)
        try:
            connection = await self._connect(flow.transport, flow.remote, flow.remote[0])
        except CallError:
            self._pending.pop(key, None)
            self._lost(flow)
            return
        for data in self._pending.pop(key, []):
            connection.write(data)

    def _gone(self, flow: Flow) -> None:
        self._connections.pop(flow.connection, None)
        key = (flow.transport, flow.remote)
        current = self._by_remote.get(key)
        if current is not None and current.flow.connection == flow.connection:
            del self._by_remote[key]
        self._lost(flow)


def _address(transport: asyncio.BaseTransport, name: str) -> Address:
    host, port, *_ = transport.get_extra_info(name)
    return str(host), int(port)


def _shown(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "verify_message", "") or error.reason or error)
    return (error.strerror or str(error)).lower()
