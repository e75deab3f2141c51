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
        self._open: dict[str, socket.socket] = {}
        """What is kept of this life, by name."""

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
            self._open[name] = sock
            self._connections.append((int(rest), sock))
        return True

    def listener(self, kind: str, host: str, port: int) -> socket.socket | None:
        """A kept listening socket at this address; each is given once."""
        for entry in self._listeners:
            own, _, sock = entry
            name = sock.getsockname()
            if own == kind and name[0] == host and port in (0, name[1]):
                self._listeners.remove(entry)
                self._open[entry[1]] = sock
                return sock
        return None

    def keep_listener(self, kind: str, sock: socket.socket) -> None:
        """Keep a listening socket."""
        host, port = sock.getsockname()[:2]
        self._keep(f"{LISTEN}.{kind}.{port}.{str(host).replace(':', '_')}", sock)

    def connections(self) -> list[tuple[int, socket.socket]]:
        """The kept TCP connections; once."""
        found, self._connections = self._connections, []
        return found

    def keep_connection(self, number: int, sock: socket.socket) -> None:
        """Keep a TCP connection."""
        self._keep(f"{CONNECTION}.{number}", sock)

    def drop_connection(self, number: int) -> None:
        """Keep it no more."""
        name = f"{CONNECTION}.{number}"
        if self._open.pop(name, None) is not None:
            self._store.remove(name)

    def kept(self) -> dict[str, list[int]]:
        """All that is kept now, for a store that knows nothing of it."""
        return {name: [sock.fileno()] for name, sock in self._open.items() if sock.fileno() >= 0}

    def _keep(self, name: str, sock: socket.socket) -> None:
        if name not in self._open:
            self._open[name] = sock
            self._store.store({name: [sock.fileno()]})

    def close_unused(self) -> None:
        """Let go of listening sockets that the configuration names no more."""
        for _, name, sock in self._listeners:
            self._store.remove(name)
            sock.close()
        self._listeners.clear()
