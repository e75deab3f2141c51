"""Sockets that outlive this process, for whoever has somebody to keep them."""

from __future__ import annotations

import socket
from typing import Protocol


class SocketKeeper(Protocol):
    """Keeps duplicates of sockets, and gives back those of an earlier life. No method raises or blocks."""

    def listener(self, kind: str, host: str, port: int) -> socket.socket | None:
        """A kept listening socket at this IP address and port (0: any port); each is given once."""

    def keep_listener(self, kind: str, sock: socket.socket) -> None:
        """Keep a listening socket."""

    def connections(self) -> list[tuple[int, socket.socket]]:
        """The kept TCP connections by their numbers; once."""

    def keep_connection(self, number: int, sock: socket.socket) -> None:
        """Keep a TCP connection: nothing half read or half written is on it."""

    def drop_connection(self, number: int) -> None:
        """Keep it no more: it is closed, or could not be continued."""
