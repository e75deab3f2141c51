"""TCP connections that outlive this process: how a new one is held, and those of an earlier life go on."""

from __future__ import annotations

import socket

from siprecord.protocol import Flow
from siprecord.transport.exchange import Exchange
from siprecord.transport.held import HeldTransport
from siprecord.transport.keeping import SocketKeeper
from siprecord.transport.sockets import address_of
from siprecord.transport.stream import StreamConnection


def hold(keeper: SocketKeeper, connection: StreamConnection, sock: socket.socket) -> None:
    """Run an accepted connection so that another process can continue it. Raises OSError."""
    number = connection.flow.connection

    def on_safe(safe: bool) -> None:
        if safe:
            keeper.keep_connection(number, sock)
        else:
            keeper.drop_connection(number)

    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    HeldTransport(sock, connection, on_safe).start()


def adopt(exchange: Exchange, keeper: SocketKeeper) -> None:
    """Go on with the connections of an earlier life; those whose peers have gone meanwhile are dropped."""
    for number, sock in keeper.connections():
        try:
            local, remote = address_of(sock.getsockname()), address_of(sock.getpeername())
            if not exchange.connections.admit(remote[0]):
                raise OSError("too many connections")
            connection = StreamConnection(exchange, Flow("tcp", local, remote, number), outgoing=False)
            connection.proven = True
            exchange.accepted(connection)
            hold(keeper, connection, sock)
        except OSError:
            keeper.drop_connection(number)
            sock.close()
