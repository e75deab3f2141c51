"""An HTTP server within our own loop and process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from siprecord.aio import finish, spawn
from siprecord.control.ports import Sources
from siprecord.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn

BACKLOG = 128
GRACE_SECONDS = 3


class HttpServer:
    """The HTTP API on one port, from `start` to `close`. `port` is the one really bound."""

    def __init__(self, sources: Sources, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._sources = sources
        self._server: uvicorn.Server | None = None
        self._sock: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, after: asyncio.Event | None = None) -> None:
        """Bind, and serve in the background; raises ConfigError when the port can't be opened.

        Requests that come at once are answered as soon as the libraries are loaded, which takes a second of
        CPU and is not begun before `after` is set.
        """
        self._sock = _bind(self.host, self.port)
        self.port = self._sock.getsockname()[1]
        self._task = spawn(self._serve(self._sock, after), name="http")

    async def close(self) -> None:
        """Finish the running requests and stop."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task], timeout=GRACE_SECONDS + 1)
        if self._task is not None:
            await finish(self._task)
        if self._sock is not None:
            self._sock.close()

    async def _serve(self, sock: socket.socket, after: asyncio.Event | None) -> None:
        if after is not None:
            await after.wait()
        self._server = await asyncio.to_thread(_uvicorn, self._sources)
        await self._server.serve(sockets=[sock])


def _uvicorn(sources: Sources) -> uvicorn.Server:
    """A server that leaves signals and logging to us. The imports take a second, hence here."""
    import uvicorn

    from siprecord.control.api import build_api

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(
        uvicorn.Config(
            build_api(sources),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind)
    except OSError as error:
        raise ConfigError(f"{host} can't be used for HTTP ({error.strerror}); set http.host") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            what = "is taken by another program; stop it, set http.port, or set http.enabled = false"
        else:
            what = f"can't be opened: {error.strerror}; set http.host or http.port"
        raise ConfigError(f"HTTP port {port} on {host} {what}") from error
    return sock
