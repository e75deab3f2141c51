"""SIP sockets that outlive the recorder: names for them, in the store that keeps them."""

from __future__ import annotations

import socket

from siprecord.holder import FdStore

LISTEN, CONNECTION = "listen", "tcp"


class KeptSockets:
    """The `SocketKeeper` of the transport layer, over a descriptor store."""

    def __init__(self, store: FdStore) -> None:
        self._store = store
        self._listeners: list[tuple[str, str, socket.socket]] = []
        self._connections: list[tuple[int, socket.socket]] = []
        self._kept: set[int] = set()

    def inherit(self, name: str, fd: int) -> bool:
        """Take a descriptor that the store handed over; False when it is none of ours."""
        kind, _, rest = name.partition(".")
        if kind not in (LISTEN, CONNECTION) or (kind == CONNECTION and not rest.isdigit()):
            return False
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        if kind == LISTEN:
            self._listeners.append((rest.partition(".")[0], name, sock))
        else:
            self._kept.add(int(rest))
            self._connections.append((int(rest), sock))
        return True

    def listener(self, kind: str, host: str, port: int) -> socket.socket | None:
        """A kept listening socket at this address; each is given once."""
        for entry in self._listeners:
            own, _, sock = entry
            name = sock.getsockname()
            if own == kind and name[0] == host and port in (0, name[1]):
                self._listeners.remove(entry)
                return sock
        return None

    def keep_listener(self, kind: str, sock: socket.socket) -> None:
        """Keep a listening socket."""
        host, port = sock.getsockname()[:2]
        self._store.store({f"{LISTEN}.{kind}.{port}.{str(host).replace(':', '_')}": [sock.fileno()]})

    def connections(self) -> list[tuple[int, socket.socket]]:
        """The kept TCP connections; once."""
        found, self._connections = self._connections, []
        return found

    def keep_connection(self, number: int, sock: socket.socket) -> None:
        """Keep a TCP connection."""
        if number not in self._kept:
            self._kept.add(number)
            self._store.store({f"{CONNECTION}.{number}": [sock.fileno()]})

    def drop_connection(self, number: int) -> None:
        """Keep it no more."""
        if number in self._kept:
            self._kept.discard(number)
            self._store.remove(f"{CONNECTION}.{number}")

    def close_unused(self) -> None:
        """Let go of listening sockets that the configuration names no more."""
        for _, name, sock in self._listeners:
            self._store.remove(name)
            sock.close()
        self._listeners.clear()
