"""Makes the real parts of a handler, and what follows its recordings: live audio and rendering.

Loaded when a handler is started, since it needs the compiled core.
"""

from __future__ import annotations

import asyncio
import platform
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from siprecord.errors import MediaError
from siprecord.media import MediaEngine, MediaSettings, ShardedMap
from siprecord.render.options import RenderOptions
from siprecord.render.pool import RenderPool, RenderPoolSettings
from siprecord.server.archive import SpoolArchive, log_path
from siprecord.server.config import Config, RenderConfig
from siprecord.server.continuity import Continuity
from siprecord.server.finishing import Finisher
from siprecord.server.health import Health, disk_low, file_limit, files_low, not_writable, open_files
from siprecord.server.media_config import MediaConfig
from siprecord.server.parts import Parts, recording_token, wall_clock
from siprecord.server.publisher import RecordingEvent, RecordingResumed, RecordingStarted, Subscriber
from siprecord.server.runner import CallRunner
from siprecord.store import LocalStore
from siprecord.transcribe import AudioCallback, LiveAudioFeed


class Assembly:
    """The real parts, and the readers of their capture logs.

    Raises MediaError when the spool folder or the media engine can't be had.
    """

    def __init__(
        self,
        config: Config,
        stt_callback: AudioCallback | None = None,
        continuity: Continuity | None = None,
    ) -> None:
        self._config = config
        self.finisher = make_finisher(config)
        self.live = _live_audio(stt_callback) if stt_callback is not None else None
        self.engine = make_engine(config.media)
        parts = make_parts(config, self._closed, on_discarded=self._discarded, engine=self.engine)
        self.parts = replace(parts, continuity=continuity)
        self._call_ids: dict[str, str] = {}

    async def start(self, subscribe: Callable[[Subscriber], object]) -> None:
        """Take up what an earlier life left behind, and listen for recordings."""
        await self.finisher.start(await self._resume())
        subscribe(self._hear)

    async def _resume(self) -> frozenset[str]:
        """Open the calls again that an earlier life had; returns their ids."""
        continuity = self.parts.continuity
        if continuity is None:
            return frozenset()
        return await asyncio.to_thread(continuity.resume, self.engine)

    async def stop(self) -> None:
        """Hand over the rest of live audio, and give rendering its grace time. All logs are closed by now."""
        if self.live is not None:
            await self.live.close()
        await self.finisher.close(self._config.recording.shutdown_grace_s)

    def _hear(self, event: RecordingEvent) -> None:
        if not isinstance(event, RecordingStarted | RecordingResumed):
            return
        self._call_ids[event.recording_id] = event.call_id
        if self.live is not None:
            path = log_path(self._config.spool_dir, event.recording_id)
            self.live.follow(event.recording_id, path, resumed=isinstance(event, RecordingResumed))

    def _discarded(self, recording_id: str) -> None:
        self._call_ids.pop(recording_id, None)
        if self.live is not None:
            self.live.finish(recording_id)

    def _closed(self, recording_id: str, path: Path) -> None:
        if self.live is not None:
            self.live.finish(recording_id)
        self.finisher.submit(recording_id, path, self._call_ids.pop(recording_id, None))


def _live_audio(callback: AudioCallback) -> LiveAudioFeed:
    """The decoders are loaded only where somebody listens."""
    from siprecord.render.live import LiveTail

    return LiveAudioFeed(callback, LiveTail)


def make_finisher(config: Config) -> Finisher:
    """What turns closed logs into recordings."""
    render = config.render
    settings = RenderPoolSettings(workers=render.workers, options=_render_options(render))
    pool = RenderPool(settings) if render.enabled else None
    return Finisher(LocalStore(config.data_dir), pool, keep_capture=config.recording.keep_capture)


def _render_options(render: RenderConfig) -> RenderOptions:
    return RenderOptions(
        formats=render.formats,
        per_stream=render.per_stream,
        mono=render.mono,
        peaks=render.peaks,
        conceal=render.conceal,
        digits=render.digits,
    )


def make_parts(
    config: Config,
    on_finished: Callable[[str, Path], object],
    *,
    on_discarded: Callable[[str], object] = lambda recording_id: None,
    engine: MediaEngine | None = None,
) -> Parts:
    """Make the spool folder and start the media engine, unless one is given, which is closed with the rest.

    `on_finished` is told of each closed log, `on_discarded` of each that was deleted. Raises MediaError when
    folder or engine can't be had.
    """
    try:
        config.spool_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{config.spool_dir} can't be made: {error.strerror}") from error
    calls: ShardedMap[CallRunner] = ShardedMap(config.shard_count)
    engine = engine or make_engine(config.media)
    return Parts(
        archive=SpoolArchive(engine, config.spool_dir, on_finished, on_discarded),
        calls=calls,
        problems=_problems(config),
        wall=wall_clock,
        token=recording_token,
        node=config.node or platform.node(),
    )


def make_engine(media: MediaConfig) -> MediaEngine:
    """Start the media engine; raises MediaError now, not at the first call, when it could receive nothing."""
    family = socket.AF_INET6 if ":" in media.bind_address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((media.bind_address, 0))
    except OSError as error:
        raise MediaError(
            f"media can't be received on {media.bind_address}: {error.strerror}; set media.bind_address"
        ) from error
    return MediaEngine(media_settings(media))


def media_settings(media: MediaConfig) -> MediaSettings:
    """How the engine receives and stores."""
    return MediaSettings(
        bind_address=media.bind_address,
        port_min=media.port_min,
        port_max=media.port_max,
        drain_interval_ms=media.drain_interval_ms,
        threads=media.threads,
        receive_buffer=media.receive_buffer,
        max_pending_bytes=media.max_pending_bytes,
        quarantine_s=media.quarantine_s,
        rtcp_interval_s=media.rtcp_interval_s,
    )


def _problems(config: Config) -> Callable[[], Sequence[str]]:
    checks = (not_writable(config.spool_dir), disk_low(config.spool_dir, config.recording.min_free_bytes))
    health = Health(live=(), ready=checks, clock=time.monotonic)
    files = files_low(file_limit, open_files)  # asked for each call: a burst takes many in no time

    def problems() -> Sequence[str]:
        return [reason.text for reason in (*health.ready(), files()) if reason is not None]

    return problems
