"""The composition root: builds the parts, joins them, and ends them in the right order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import structlog

from siprecord.aio import Wakeup, finish, spawn
from siprecord.control import HttpServer, Sources
from siprecord.errors import ConfigError
from siprecord.holder import NoStore
from siprecord.holder.process import HANDED_OVER
from siprecord.recording.listening import Patience
from siprecord.server import translation
from siprecord.server.assembly import Assembly
from siprecord.server.config import Config
from siprecord.server.continuity import Continuity
from siprecord.server.eventlog import log_event, log_notice
from siprecord.server.handler import Handler
from siprecord.server.holder_watch import WHAT_TO_DO
from siprecord.server.http_config import http_token
from siprecord.server.keeping import Keeping
from siprecord.server.lifecycle import DataDirLock, StopRequests, handing_over, raise_file_limit, reloading
from siprecord.server.listening import Listening
from siprecord.server.metrics import metrics_page
from siprecord.server.reports import Reports
from siprecord.server.sip_config import ListenerConfig, SipConfig
from siprecord.server.tls import client_context, server_context
from siprecord.transcribe import AudioCallback
from siprecord.transport import CustomSIPServer, ListenerInfo, TransportSettings
from siprecord.version import own_version

if TYPE_CHECKING:
    from siprecord.server.membership import Membership

PRIVATE = 0o027
"""No rights for others on any file that is made."""
FILES_PER_CALL = 5
"""Two streams of two sockets each, and the capture log."""

_log = structlog.stdlib.get_logger("siprecord.server")


class Application:
    """A whole recording server. Build it within a running loop; `run` may be called once.

    `on_ready` is told the listeners when all ports are open. Building opens the media engine; raises
    SiprecordError with a clear sentence when a part can't be had.
    """

    def __init__(
        self,
        config: Config,
        *,
        stt_callback: AudioCallback | None = None,
        keeping: Keeping | None = None,
        on_ready: Callable[[tuple[ListenerInfo, ...]], object] = lambda listeners: None,
    ) -> None:
        self.config = config
        self.stop = StopRequests()
        if not config.sip.sockets(tls=config.tls.certificate is not None):
            raise ConfigError("nothing to listen on: set sip.udp, sip.tcp or tls.certificate")
        self._on_ready = on_ready
        self._tls = server_context(config.tls)
        self._keeping = keeping
        self._serving = asyncio.Event()
        continuity = keeping.continuity if keeping else None
        if config.cluster.servers and continuity is None:
            continuity = Continuity(NoStore(), config.spool_dir)
        self._assembly = Assembly(config, stt_callback, continuity)
        self.membership = _membership(config, continuity)
        self._engine, self._finisher = self._assembly.engine, self._assembly.finisher
        self.handler = Handler(config, parts=self._assembly.parts)
        self.handler.subscribe(log_event)
        self.server = CustomSIPServer(
            self.handler,
            settings=transport_settings(config.sip, config.cluster.addresses),
            client_tls=client_context(config.tls),
            keeper=keeping.sockets if keeping else None,
        )
        self.reports = Reports(config, self.handler, self.server, self._engine, self._finisher)
        self.reports.keeping = keeping
        if self.membership is not None:
            self.reports.cluster = self.membership.row
            self.handler.entrance.expected = self.membership.awaits
        if self._assembly.live is not None:
            self.reports.live_delays = self._assembly.live.delays
        patience = Patience(config.recording.alarm_one_way_s, config.recording.alarm_silence_s)
        self.watch = Listening(patience, self.handler.runners)
        self.reports.watch = self.watch
        self.http = HttpServer(self._sources(), config.http.host, config.http.port)

    async def run(self) -> None:
        """Record until asked to stop. Raises SiprecordError when a port can't be opened."""
        async with AsyncExitStack() as stack:
            stack.callback(self._engine.close)
            stack.enter_context(self.stop.listening())
            if self._keeping is not None:
                beat = spawn(self._keeping.beat(), name="signs of life")
                stack.push_async_callback(finish, beat)
                stack.enter_context(handing_over(self._hand_over))
                stack.callback(self._keeping.close)
            stack.enter_context(reloading(self.reload_certificates))
            if self.membership is not None:
                await self.membership.join(self._engine)
                stack.push_async_callback(self.membership.leave)
            await self._assembly.start(self.handler.subscribe)
            stack.push_async_callback(self._assembly.stop)
            stack.enter_context(Wakeup(self._engine.fileno(), self._take_notices))
            stack.push_async_callback(finish, spawn(self.watch.run(), name="watch over streams"))
            if self.config.http.enabled:
                await self.http.start(after=self._serving)
                stack.push_async_callback(self.http.close)
            await self._serve()

    def reload_certificates(self) -> None:
        """Read the files of TLS again; what SIGHUP does. Connections that are open stay as they are.

        Files that can't be used change nothing: the error is logged, and the old ones stay.
        """
        if self._tls is None:
            _log.info("nothing to reload: TLS is off")
            return
        try:
            server, client = server_context(self.config.tls), client_context(self.config.tls)
        except ConfigError as error:
            _log.error("certificates are not reloaded, the old ones stay", reason=str(error))
            return
        assert server is not None, "TLS is on"
        self._tls = server
        self.server.use_certificates(server, client)
        _log.info("certificates reloaded", certificate=str(self.config.tls.certificate))

    async def _serve(self) -> None:
        """Keep all listeners up until the end; one that fails ends the others."""
        tasks = [spawn(work, name=name, on_failure=_raised_below) for name, work in self._listeners()]
        stopping = spawn(self.stop.drain.wait(), name="stop")
        opening = spawn(self.server.wait_listening(len(tasks)), name="open")
        try:
            await asyncio.wait([*tasks, stopping, opening], return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                self._opened(opening.result())
                await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            await self._drain()
        finally:
            await finish(*tasks, stopping, opening)

    def _listeners(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        sockets = self.config.sip.sockets(tls=self._tls is not None)
        return [(f"{one.transport} {one.host}", self._listen(one)) for one in sockets]

    def _listen(self, one: ListenerConfig) -> Coroutine[Any, Any, None]:
        server, advertised = self.server, translation.advertised(one)
        if one.transport == "udp":
            return server.listen_and_serve_udp(one.host, one.port, advertised=advertised)
        if one.transport == "tcp":
            return server.listen_and_serve_tcp(one.host, one.port, advertised=advertised)
        assert self._tls is not None, "the configuration asks for a certificate"
        return server.listen_and_serve_tls(one.host, one.port, self._tls, advertised=advertised)

    def _opened(self, listeners: tuple[ListenerInfo, ...]) -> None:
        self.reports.listening = True
        self._serving.set()
        if self._keeping is not None:
            self._keeping.serving(self.config.data_dir)
        if self.membership is not None:
            self.handler.takeover.listeners = lambda: self.server.listeners
            self.membership.start(self.handler.takeover)
        self.reports.health.forget()
        where = [f"{info.transport} {info.host}:{info.port}" for info in listeners]
        http = f"http://{self.http.host}:{self.http.port}" if self.config.http.enabled else None
        _log.info(
            "ready to record", version=own_version(), sip=where, http=http, data=str(self.config.data_dir)
        )
        self._on_ready(listeners)

    async def _drain(self) -> None:
        """Refuse new calls and let the running ones finish, until the grace time ends or a second request."""
        grace = self.config.recording.drain_grace_s
        if self._keeping is not None:
            self._keeping.stopping()
        _log.info("draining", calls=self.handler.active, grace_s=grace)
        self.handler.draining = True
        self.reports.health.forget()
        draining = spawn(self.handler.drain(grace), name="drain")
        at_once = spawn(self.stop.now.wait(), name="stop at once")
        await asyncio.wait([draining, at_once], return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            _log.warning("ending at once", calls=self.handler.active)
            await self.handler.drain(0)
        await finish(at_once, draining)

    def _hand_over(self) -> None:
        """Leave all calls to the next recorder: what was taken is written, the rest waits in the sockets."""
        assert self._keeping is not None, "the signal is taken only where somebody keeps our sockets"
        if not self._keeping.protected:
            _log.error(f"no upgrade without a holder: {WHAT_TO_DO}, then ask again")
            return
        self._engine.close()
        self._keeping.store.ending(HANDED_OVER)
        os._exit(HANDED_OVER)

    def _take_notices(self) -> None:
        for notice in self._engine.drain_notices():
            log_notice(notice)
            self.reports.notice(notice)

    def _sources(self) -> Sources:
        return Sources(
            version=own_version(),
            health=self.reports,
            recordings=self._finisher,
            status=self.reports.status,
            calls=self.reports.calls,
            connections=self.reports.connections,
            cluster=self.reports.cluster,
            metrics=metrics_page(self.reports.snapshot),
            token=http_token(self.config.http),
            steering=self.handler,
        )


def _membership(config: Config, continuity: Continuity | None) -> Membership | None:
    """What joins us to a cluster, if there is one; its library is loaded only then."""
    if not config.cluster.servers or continuity is None:
        return None
    from siprecord.server.membership import Membership

    return Membership(config, continuity)


async def serve(config: Config, keeping: Keeping | None = None) -> None:
    """`siprecord serve`: one server to a data directory, until SIGTERM or SIGINT. Raises SiprecordError.

    What it writes can be read by its user and group alone (RFC 7866 section 12.4).
    """
    os.umask(PRIVATE)
    with DataDirLock(config.data_dir):
        allow_files(FILES_PER_CALL * config.max_concurrent_calls)
        await Application(config, keeping=keeping).run()


def allow_files(wanted: int) -> None:
    """Raise our soft limit of open files as far as we may; warn where the hard one is below `wanted`."""
    files = raise_file_limit()
    if files < wanted:
        text = "few files may be open; raise the hard limit (ulimit -Hn, or LimitNOFILE= in the unit)"
        _log.warning(text, files=files, wanted=wanted)


def transport_settings(sip: SipConfig, floating: Collection[str] = ()) -> TransportSettings:
    """The limits of connections."""
    return TransportSettings(
        max_connections=sip.max_connections,
        max_connections_per_source=sip.max_connections_per_source,
        idle_timeout=sip.idle_timeout_s,
        max_age=sip.max_connection_age_s,
        first_message_timeout=sip.first_message_timeout_s,
        message_timeout=sip.message_timeout_s,
        handshake_timeout=sip.handshake_timeout_s,
        connect_timeout=sip.connect_timeout_s,
        close_timeout=sip.close_timeout_s,
        max_unsent=sip.max_unsent_bytes,
        max_partial=max(sip.max_partial_bytes, sip.max_message_bytes),
        udp_receive_buffer=sip.udp_receive_buffer,
        floating=frozenset(floating),
    )


def _raised_below(name: str, error: BaseException) -> None:
    """`_serve` raises it."""
