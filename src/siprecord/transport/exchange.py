"""Between sockets and driver: which socket a message leaves by, and connections that are yet to be made."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from dataclasses import replace

from siprecord.aio import spawn
from siprecord.protocol import Address, Flow, Transmit
from siprecord.syntax.limits import Limits
from siprecord.transport.connections import SWEEP_EVERY, Connections
from siprecord.transport.driver import Driver
from siprecord.transport.identity import certificate_names
from siprecord.transport.keeping import SocketKeeper
from siprecord.transport.settings import TransportCounters, TransportSettings
from siprecord.transport.sockets import address_of
from siprecord.transport.stream import StreamConnection
from siprecord.transport.udp import UdpListener

MAX_ALIASES = 256
"""Ours: flows remembered with a connection, to be reported lost with it."""

MAX_EARLY = 4_096
"""Ours: datagrams that wait for the first listeners, of calls that go on after a restart."""

_log = logging.getLogger("siprecord.transport")


class Exchange:
    """All sockets of one server."""

    def __init__(
        self, settings: TransportSettings, limits: Limits, driver: Driver, client_tls: ssl.SSLContext | None
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.counters: TransportCounters = driver.counters
        self.keeper: SocketKeeper | None = None
        """Keeps sockets for a later life, where there is somebody to keep them."""
        self.connections = Connections(settings, self.counters)
        self._driver = driver
        self._client_tls = client_tls
        self._udp: list[UdpListener] = []
        self._early: list[tuple[Transmit, Address]] | None = []
        """What is to be sent before all listeners are open; None afterwards."""
        self._sweeping = False

    # Hub: what the sockets call

    def now(self) -> float:
        """The driver's clock."""
        return self._driver.now()

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole message goes to the endpoint."""
        self._driver.receive(data, flow)

    def unreachable(self, flow: Flow) -> None:
        """A datagram found nobody."""
        self._driver.unreachable(flow)

    def holds(self, change: int) -> None:
        """Messages that are not whole yet have grown, or shrunk."""
        self.connections.hold(change)

    def opened(self, connection: StreamConnection, transport: asyncio.BaseTransport) -> None:
        """A connection is up: its local address is known now, and whom the certificate names."""
        local = address_of(transport.get_extra_info("sockname"))
        identity = certificate_names(transport.get_extra_info("peercert"))
        connection.flow = replace(connection.flow, local=local, identity=identity)

    def closed(self, connection: StreamConnection) -> None:
        """A connection is gone: whatever went through it has to know."""
        if self.connections.remove(connection):
            for flow in (connection.flow, *connection.aliases):
                self._driver.connection_lost(flow)

    # Sender: what the driver calls

    def send(self, transmit: Transmit) -> None:
        """Hand a message to its socket; makes a connection when there is none."""
        if transmit.flow.transport != "udp":
            self._send_stream(transmit)
        elif _is_address(transmit.flow.remote[0]):
            self._send_datagram(transmit, transmit.flow.remote)
        else:
            spawn(self._resolve_and_send(transmit), name=f"resolve {transmit.flow.remote[0]}")

    def add_udp(self, listener: UdpListener) -> None:
        """From now on messages may leave through `listener`."""
        self._udp.append(listener)
        self._send_early()

    def all_open(self) -> None:
        """There will be no further listener soon: what none of them serves can't be sent."""
        early, self._early = self._early, None
        for transmit, remote in early or ():
            self._send_datagram(transmit, remote)

    def remove_udp(self, listener: UdpListener) -> None:
        """`listener` is closed."""
        self._udp.remove(listener)

    def use_client_tls(self, context: ssl.SSLContext) -> None:
        """From now on our own TLS connections are made with `context`."""
        self._client_tls = context

    def accepted(self, connection: StreamConnection) -> None:
        """Watch over a connection that has a place."""
        self.connections.add(connection)
        self._watch()

    async def close(self) -> None:
        """Close all connections, after what they still have to send."""
        self.connections.close()
        await self.connections.wait_closed(self.settings.close_timeout)

    # Within

    def _send_datagram(self, transmit: Transmit, remote: Address) -> None:
        listener = self._listener_for(transmit, remote)
        if listener is not None:
            listener.send(transmit.data, remote)
        elif self._early is not None and len(self._early) < MAX_EARLY:
            self._early.append((transmit, remote))
        else:
            self.counters.send_failures += 1
            _log.warning("no UDP socket to send to %s from", remote[0])

    def _send_early(self) -> None:
        if self._early:
            early, self._early = self._early, []
            for transmit, remote in early:
                self._send_datagram(transmit, remote)

    def _listener_for(self, transmit: Transmit, remote: Address) -> UdpListener | None:
        serving = (one for one in self._udp if one.serves(transmit.flow.local, remote[0]))
        return next(serving, None)

    async def _resolve_and_send(self, transmit: Transmit) -> None:
        host, port = transmit.flow.remote
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port)
        except OSError:
            self.counters.send_failures += 1
            _log.warning("%s can't be resolved", host)
            self._driver.connection_lost(transmit.flow)
            return
        addresses = [address_of(entry[4]) for entry in found]
        ours = (address for address in addresses if self._listener_for(transmit, address))
        self._send_datagram(transmit, next(ours, addresses[0]))

    def _send_stream(self, transmit: Transmit) -> None:
        flow = transmit.flow
        connection = self.connections.find(flow) or self._connect(flow)
        if connection is None:
            self.counters.send_failures += 1
            self._driver.connection_lost(flow)
            return
        if flow != connection.flow and len(connection.aliases) < MAX_ALIASES:
            connection.aliases.add(flow)
        connection.write(transmit.data)

    def _connect(self, flow: Flow) -> StreamConnection | None:
        """A new connection to where `flow` leads; it takes messages at once and sends them when it is up."""
        if not self.connections.admit(flow.remote[0], flow.transport):
            return None
        number = self.connections.next_number()
        connection = StreamConnection(
            self, Flow(flow.transport, flow.local, flow.remote, number), outgoing=True
        )
        self.accepted(connection)
        spawn(self._open(connection), name=f"connect {flow.remote[0]}:{flow.remote[1]}")
        return connection

    async def _open(self, connection: StreamConnection) -> None:
        host, port = connection.flow.remote
        tls = (
            (self._client_tls or ssl.create_default_context()) if connection.flow.transport == "tls" else None
        )
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                await loop.create_connection(
                    lambda: connection, host, port, ssl=tls, server_hostname=host if tls else None
                )
        except (OSError, TimeoutError) as error:
            self.counters.count("connect_failures", connection.flow.transport)
            _log.warning("no connection to %s port %s: %s", host, port, error or "it does not answer")
            connection.abort()
            connection.connection_lost(None)

    def _watch(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self._driver.set_deadline(self.now() + SWEEP_EVERY, self._sweep)

    def _sweep(self, now: float) -> None:
        self._sweeping = False
        self.connections.sweep(now)
        if len(self.connections):
            self._watch()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
