"""`CustomSIPServer`: SIP over UDP, TCP and TLS for one application."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import time
from collections.abc import Awaitable, Callable

from siprecord.protocol import Endpoint
from siprecord.transport.adoption import adopt
from siprecord.transport.application import SipApplication
from siprecord.transport.driver import Driver
from siprecord.transport.exchange import Exchange
from siprecord.transport.keeping import SocketKeeper
from siprecord.transport.lifetime import Lifetime
from siprecord.transport.listener import Listener, StreamListener
from siprecord.transport.settings import (
    Advertised,
    ConnectionInfo,
    ListenerInfo,
    TransportCounters,
    TransportSettings,
)
from siprecord.transport.sockets import bind, resolve
from siprecord.transport.tally import Tally
from siprecord.transport.udp import UdpListener

TOKEN_BYTES = 10
"""80 bits for tags, branches and Call-IDs: nobody guesses one (RFC 3261 section 19.3 asks for 32)."""

Opener = Callable[[Exchange], Awaitable[Listener]]


class CustomSIPServer:
    """A SIP server. Each `listen_and_serve_...` runs until it is cancelled, and may be called several times.

    The first call starts the application, the end of the last one stops it; all share one endpoint.
    A server that has stopped can't be used again. Raises ConfigError when a port can't be opened. `keeper`
    makes its sockets outlive this process.
    """

    def __init__(
        self,
        application: SipApplication,
        *,
        settings: TransportSettings | None = None,
        client_tls: ssl.SSLContext | None = None,
        on_listening: Callable[[ListenerInfo], None] | None = None,
        keeper: SocketKeeper | None = None,
    ) -> None:
        self.counters = TransportCounters()
        self._application = application
        self._settings = settings or TransportSettings()
        self._client_tls = client_tls
        self._on_listening = on_listening
        self._keeper = keeper
        self._lifetime = Lifetime(self._start, self._stop)
        self._driver: Driver | None = None
        self._exchange: Exchange | None = None
        self._listeners: list[Listener] = []
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def listeners(self) -> tuple[ListenerInfo, ...]:
        """Where it listens, with the ports it really has."""
        return tuple(listener.info for listener in self._listeners)

    @property
    def connections(self) -> list[ConnectionInfo]:
        """The TCP and TLS connections there are."""
        return [] if self._exchange is None else self._exchange.connections.infos()

    @property
    def messages_received(self) -> Tally:
        """SIP messages received, by kind."""
        return Tally() if self._driver is None else self._driver.received

    @property
    def messages_sent(self) -> Tally:
        """SIP messages sent, by kind."""
        return Tally() if self._driver is None else self._driver.sent

    @property
    def endpoint_counters(self) -> dict[str, int]:
        """What the SIP endpoint counted; see `siprecord.protocol`."""
        return {} if self._driver is None else dict(self._driver.endpoint.counters)

    async def listen_and_serve_udp(
        self, host: str, port: int, *, advertised: Advertised | None = None
    ) -> None:
        """Serve SIP over UDP; `advertised` is what peers are told of where we are."""

        async def open_listener(exchange: Exchange) -> Listener:
            return UdpListener(exchange, await self._bind("udp", host, port))

        await self._serve(open_listener, advertised)

    async def listen_and_serve_tcp(
        self, host: str, port: int, *, advertised: Advertised | None = None
    ) -> None:
        """Serve SIP over TCP."""

        async def open_listener(exchange: Exchange) -> Listener:
            return StreamListener(exchange, await self._bind("tcp", host, port), None)

        await self._serve(open_listener, advertised)

    async def listen_and_serve_tls(
        self, host: str, port: int, ssl_context: ssl.SSLContext, *, advertised: Advertised | None = None
    ) -> None:
        """Serve SIP over TLS; `ssl_context` holds the certificate and says which clients are believed."""

        async def open_listener(exchange: Exchange) -> Listener:
            return StreamListener(exchange, await self._bind("tls", host, port), ssl_context)

        await self._serve(open_listener, advertised)

    def use_certificates(self, server: ssl.SSLContext, client: ssl.SSLContext | None = None) -> None:
        """Use these contexts for TLS connections from now on; no open connection is dropped.

        `server` for all listeners for TLS, `client` for connections of our own.
        """
        for listener in self._listeners:
            if isinstance(listener, StreamListener):
                listener.use_tls(server)
        if client is not None:
            self._client_tls = client
            if self._exchange is not None:
                self._exchange.use_client_tls(client)

    async def wait_listening(self, count: int = 1) -> tuple[ListenerInfo, ...]:
        """Wait until `count` sockets are being listened on, and say which."""
        if len(self._listeners) < count:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append((count, waiter))
            await waiter
        return self.listeners

    async def _bind(self, kind: str, host: str, port: int) -> socket.socket:
        """A bound socket: that of an earlier life, whose queue is still full of what came meanwhile."""
        if self._keeper is None:
            return await bind(kind, host, port, floating=host in self._settings.floating)
        _, address = await resolve(host, port)
        kept = self._keeper.listener(kind, address[0], address[1])
        if kept is not None:
            return kept
        sock = await bind(kind, host, port, floating=host in self._settings.floating)
        self._keeper.keep_listener(kind, sock)
        return sock

    async def _serve(self, open_listener: Opener, advertised: Advertised | None) -> None:
        await self._lifetime.join()
        listener: Listener | None = None
        try:
            assert self._exchange is not None  # join has started it
            listener = await open_listener(self._exchange)
            await listener.start()
            self._opened(listener, advertised)
            await listener.run()
        finally:
            await self._lifetime.leave()
            if listener is not None:
                await self._closed(listener)

    def _opened(self, listener: Listener, advertised: Advertised | None) -> None:
        self._listeners.append(listener)
        info = listener.info
        if advertised is not None and self._driver is not None:
            self._driver.endpoint.advertise(info.transport, (info.host, info.port), advertised)
        if isinstance(listener, UdpListener) and self._exchange is not None:
            self._exchange.add_udp(listener)
        for count, waiter in self._waiting:
            if len(self._listeners) >= count and not waiter.done():
                waiter.set_result(None)
                if self._driver is not None:
                    self._driver.flush()
        if self._exchange is not None and all(waiter.done() for _, waiter in self._waiting):
            self._exchange.all_open()
        if self._on_listening is not None:
            self._on_listening(info)

    async def _closed(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
            if isinstance(listener, UdpListener) and self._exchange is not None:
                self._exchange.remove_udp(listener)
        await listener.close()

    async def _start(self) -> None:
        settings = self._application.settings()
        driver = Driver(self._application, Endpoint(settings, _token), self.counters)
        self._exchange = Exchange(self._settings, settings.limits, driver, self._client_tls)
        driver.attach(self._exchange)
        self._driver = driver
        if self._keeper is not None:
            self._exchange.keeper = self._keeper
            self._exchange.connections.number_from(time.time_ns() // 1000)
        await self._application.start(driver)
        if self._keeper is not None:
            adopt(self._exchange, self._keeper)

    async def _stop(self) -> None:
        try:
            await self._application.stop()
        finally:
            assert self._exchange is not None
            assert self._driver is not None
            await self._exchange.close()
            self._driver.stop()


def _token() -> str:
    return secrets.token_hex(TOKEN_BYTES)
