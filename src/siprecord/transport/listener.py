"""Accepts TCP and TLS connections, within the limits."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from typing import Protocol

from siprecord.aio import spawn
from siprecord.protocol import Flow
from siprecord.protocol.flow import Transport
from siprecord.transport.adoption import hold
from siprecord.transport.exchange import Exchange
from siprecord.transport.keeping import SocketKeeper
from siprecord.transport.settings import ListenerInfo
from siprecord.transport.sockets import address_of
from siprecord.transport.stream import StreamConnection

PAUSE_WHEN_FULL = 0.2
"""Seconds without accepting when the process has no descriptor left; the peers wait in the kernel's queue."""
MAX_AT_ONCE = 64
"""Ours: connections accepted in one turn of the loop."""
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = logging.getLogger("siprecord.transport")


class Listener(Protocol):
    """A bound socket that can be served."""

    @property
    def info(self) -> ListenerInfo:
        """Where it listens."""

    async def start(self) -> None:
        """Begin."""

    async def run(self) -> None:
        """Serve until cancelled."""

    async def close(self) -> None:
        """Close the socket. Connections that came in through it live on until the server ends."""


class StreamListener:
    """A bound TCP socket. Peers above a limit are turned away before any work is done for them."""

    def __init__(self, exchange: Exchange, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._exchange = exchange
        self._sock = sock
        self._tls = tls
        self._address = address_of(sock.getsockname())
        self._kind: Transport = "tcp" if tls is None else "tls"

    @property
    def info(self) -> ListenerInfo:
        """Where it listens."""
        return ListenerInfo(self._kind, *self._address)

    def use_tls(self, context: ssl.SSLContext) -> None:
        """From now on connections are accepted with `context`; those that are open stay as they are.

        Without effect on a listener for TCP.
        """
        if self._tls is not None:
            self._tls = context

    async def start(self) -> None:
        """The socket listens already."""

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(self._sock)
            except OSError as error:
                if error.errno in _NO_ROOM:
                    _log.error("no connection can be accepted: %s", error.strerror)
                    await asyncio.sleep(PAUSE_WHEN_FULL)
                continue
            self._take(sock, address_of(peer))
            self._take_waiting()

    def _take_waiting(self) -> None:
        """Take those who wait already, at once: a burst must not overflow the queue of the kernel."""
        for _ in range(MAX_AT_ONCE):
            try:
                sock, peer = self._sock.accept()
            except OSError:  # nobody waits, or what `run` will meet and report
                return
            sock.setblocking(False)
            self._take(sock, address_of(peer))

    async def close(self) -> None:
        """Accept no more."""
        self._sock.close()

    def _take(self, sock: socket.socket, remote: tuple[str, int]) -> None:
        connections = self._exchange.connections
        if not connections.admit(remote[0], self._kind):
            sock.close()
            return
        flow = Flow(self._kind, self._address, remote, connections.next_number())
        connection = StreamConnection(self._exchange, flow, outgoing=False)
        self._exchange.accepted(connection)
        keeper = self._exchange.keeper
        if keeper is not None and self._tls is None:
            self._hold(keeper, connection, sock)
            return
        spawn(self._adopt(connection, sock), name=f"accept {remote[0]}:{remote[1]}")

    def _hold(self, keeper: SocketKeeper, connection: StreamConnection, sock: socket.socket) -> None:
        try:
            hold(keeper, connection, sock)
        except OSError as error:
            _log.info("connection from %s came to nothing: %s", connection.flow.remote[0], error)
            sock.close()
            connection.abort()
            connection.connection_lost(None)

    async def _adopt(self, connection: StreamConnection, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        timeout = self._exchange.settings.handshake_timeout if self._tls else None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: connection, sock, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except (OSError, TimeoutError) as error:
            self._exchange.counters.count("handshake_failures", self._kind)
            _log.info("connection from %s came to nothing: %s", connection.flow.remote[0], error)
            sock.close()
            connection.abort()
            connection.connection_lost(None)
