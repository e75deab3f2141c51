"""What the outside may know of the running server: status, calls, health, figures."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from siprecord.control import Row
from siprecord.media import EngineTotals, Notice
from siprecord.server.config import Config
from siprecord.server.handler import Handler
from siprecord.server.health import (
    Check,
    Health,
    Reason,
    disk_free,
    disk_low,
    file_limit,
    files_low,
    flagged,
    full,
    not_writable,
    open_files,
    stalled,
)
from siprecord.server.holder_watch import WHAT_TO_DO
from siprecord.server.keeping import Keeping
from siprecord.server.listening import Listening
from siprecord.server.metrics import MediaFigures, Snapshot, Statistics
from siprecord.transcribe import Delays
from siprecord.transport import ConnectionInfo, CustomSIPServer
from siprecord.version import own_version

ENGINE_PATIENCE = 10.0
"""Ours: the engine wakes ten times a second, so it is dead long before."""
ALONE = "the holder has died: all is recorded as before, but a crash would end the calls"


class Engine(Protocol):
    """The part of the media engine that is asked."""

    def totals(self) -> EngineTotals:
        """Work done so far."""


class Finishing(Protocol):
    """What turns closed logs into recordings."""

    @property
    def queued(self) -> int:
        """Recordings that wait or are being rendered."""

    @property
    def failed(self) -> int:
        """Recordings that could not be rendered."""

    @property
    def repaired(self) -> int:
        """Recordings of an earlier life that were closed as interrupted."""

    @property
    def gaps(self) -> Mapping[str, int]:
        """Gaps in what was rendered, by cause."""

    @property
    def gap_seconds(self) -> Mapping[str, float]:
        """How long they are together, by cause."""


class Reports:
    """Collects figures from all parts; each is read when it is asked for."""

    def __init__(
        self, config: Config, handler: Handler, server: CustomSIPServer, engine: Engine, finishing: Finishing
    ) -> None:
        self._config = config
        self._handler = handler
        self._server = server
        self._engine = engine
        self._finishing = finishing
        self._started = time.monotonic()
        self._dropped = 0
        self.live_delays: Delays | None = None
        """How late live audio is, where there is any."""
        self.watch: Listening | None = None
        """What watches over the streams."""
        self.listening = False
        self.keeping: Keeping | None = None
        """Who keeps our sockets."""
        self.cluster: Callable[[], Row | None] = lambda: None
        """How things stand with other nodes; None without a cluster."""
        self.statistics = Statistics()
        self.health = Health(live=self._live_checks(), ready=self._ready_checks(), clock=time.monotonic)
        handler.subscribe(self.statistics.take)

    def notice(self, notice: Notice) -> None:
        """Count what the engine could not store."""
        self._dropped += notice.dropped

    # HealthSource

    def live_reasons(self) -> Sequence[Row]:
        """Why the process should be started again."""
        return [reason.as_dict() for reason in self.health.live()]

    def ready_reasons(self) -> Sequence[Row]:
        """Why no new call is taken."""
        return [reason.as_dict() for reason in self.health.ready()]

    def warnings(self) -> Sequence[Row]:
        """What is wrong and keeps nobody from recording."""
        cluster = self.cluster()
        trouble = cluster.get("trouble") if cluster is not None else None
        told = [Reason("cluster", f"cluster: {trouble}")] if trouble else []
        if self.keeping is not None and not self.keeping.protected and not self._handler.draining:
            what_to_do = self.keeping.trouble or WHAT_TO_DO
            told.append(Reason("no_holder", f"{ALONE}; {what_to_do}"))
        return [reason.as_dict() for reason in told]

    # Pages

    def status(self) -> Row:
        """The running server, in short."""
        stats, totals = self.statistics, self._engine.totals()
        return {
            "version": own_version(),
            "node": self._config.node,
            "holder_pid": self.keeping.holder_pid if self.keeping is not None else None,
            "recorder_pid": os.getpid(),
            "kept_by": self.keeping.kept_by if self.keeping is not None else None,
            "uptime_s": round(time.monotonic() - self._started, 1),
            "calls": self._handler.active,
            "calls_started": stats.started,
            "calls_ended": dict(stats.ended),
            "calls_refused": stats.refused.total(),
            "streams": stats.streams,
            "streams_alarmed": dict(self.watch.alarms) if self.watch else {},
            "streams_quality": dict(self.watch.grades) if self.watch else {},
            "packets": totals.packets,
            "packets_dropped": self._dropped,
            "render_queue": self._finishing.queued,
            "render_failed": self._finishing.failed,
            "disk_free_bytes": disk_free(self._config.data_dir),
            "draining": self._handler.draining,
            "cluster": self.cluster(),
            "health": self._health_row(),
            "listeners": [asdict(listener) for listener in self._server.listeners],
            "connections": len(self._server.connections),
        }

    def calls(self) -> Sequence[Row]:
        """Calls that are being recorded."""
        return [asdict(call) for call in self._handler.calls()]

    def connections(self) -> Sequence[Row]:
        """TCP and TLS connections, oldest first. Call it on the loop: ages are by its clock."""
        now = asyncio.get_running_loop().time()
        return [_connection(info, now) for info in self._server.connections]

    def snapshot(self) -> Snapshot:
        """All figures, for Prometheus."""
        totals = self._engine.totals()
        return Snapshot(
            statistics=self.statistics,
            calls=self._handler.active,
            media=MediaFigures(
                packets=totals.packets,
                bytes=totals.bytes,
                dropped=self._dropped,
                late_ticks=totals.late_ticks,
            ),
            transport=self._server.counters,
            endpoint=self._server.endpoint_counters,
            messages=self._messages(),
            access=self._handler.entrance.outcomes,
            transport_messages=self._transport_messages(),
            connections=Counter((info.transport, info.state) for info in self._server.connections),
            render_queue=self._finishing.queued,
            render_failed=self._finishing.failed,
            repaired=self._finishing.repaired,
            gaps=self._finishing.gaps,
            gap_seconds=self._finishing.gap_seconds,
            live_delays=self.live_delays,
            alarmed=dict(self.watch.alarms) if self.watch else {},
            grades=dict(self.watch.grades) if self.watch else {},
            disk_free=disk_free(self._config.data_dir),
            ready=not self.health.ready(),
            protected=self.keeping is not None and self.keeping.protected,
            uptime=time.monotonic() - self._started,
            cluster=self.cluster(),
        )

    def _health_row(self) -> Row:
        return {
            "live": not self.live_reasons(),
            "ready": not self.ready_reasons(),
            "reasons": self.ready_reasons(),
            "warnings": self.warnings(),
        }

    def _messages(self) -> dict[tuple[str, ...], int]:
        counted: dict[tuple[str, ...], int] = {}
        for direction, tally in (
            ("received", self._server.messages_received),
            ("sent", self._server.messages_sent),
        ):
            counted.update({(direction, "request", name): count for name, count in tally.requests.items()})
            counted.update({(direction, "response", name): count for name, count in tally.responses.items()})
        return counted

    def _transport_messages(self) -> dict[tuple[str, ...], int]:
        received, sent = self._server.messages_received, self._server.messages_sent
        counted: dict[tuple[str, ...], int] = {
            ("received", name): count for name, count in received.transports.items()
        }
        counted.update({("sent", name): count for name, count in sent.transports.items()})
        return counted

    def _live_checks(self) -> list[Check]:
        dead = Reason("engine_dead", f"the media engine has not worked for {ENGINE_PATIENCE:g} s")
        return [stalled(dead, self._engine_progress, ENGINE_PATIENCE, time.monotonic)]

    def _ready_checks(self) -> list[Check]:
        config = self._config
        return [
            flagged("starting", "the SIP ports are not open yet", lambda: not self.listening),
            flagged("draining", "the server is being shut down", lambda: self._handler.draining),
            full(lambda: self._handler.active, config.max_concurrent_calls),
            not_writable(config.spool_dir),
            disk_low(config.spool_dir, config.recording.min_free_bytes),
            files_low(file_limit, open_files),
        ]

    def _engine_progress(self) -> float | None:
        """The CPU time of the engine's threads rises with each tick; without recordings they may sleep."""
        totals = self._engine.totals()
        return totals.cpu_seconds if totals.recordings else None


def _connection(info: ConnectionInfo, now: float) -> Row:
    row = asdict(info)
    row["age_s"] = round(now - row.pop("opened"), 1)
    row["idle_s"] = round(now - row.pop("last_active"), 1)
    return row
