"""Makes the real parts of a handler. Loaded when it is started, since it needs the compiled core."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from siprecord.errors import MediaError
from siprecord.media import MediaEngine, MediaSettings, ShardedMap
from siprecord.server.archive import SpoolArchive
from siprecord.server.config import Config
from siprecord.server.health import Health, disk_low, not_writable
from siprecord.server.parts import Parts, recording_token, wall_clock
from siprecord.server.runner import CallRunner


def make_parts(
    config: Config, on_finished: Callable[[str, Path], object], *, engine: MediaEngine | None = None
) -> Parts:
    """Make the spool folder and start the media engine, unless one is given, which is closed with the rest.

    Raises MediaError when either can't be had.
    """
    try:
        config.spool_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{config.spool_dir} can't be made: {error.strerror}") from error
    calls: ShardedMap[CallRunner] = ShardedMap(config.shard_count)
    return Parts(
        archive=SpoolArchive(engine or MediaEngine(media_settings(config)), config.spool_dir, on_finished),
        calls=calls,
        problems=_problems(config),
        wall=wall_clock,
        token=recording_token,
        node=config.node or platform.node(),
    )


def media_settings(config: Config) -> MediaSettings:
    """How the engine receives and stores."""
    media = config.media
    return MediaSettings(
        bind_address=media.bind_address,
        port_min=media.port_min,
        port_max=media.port_max,
        drain_interval_ms=media.drain_interval_ms,
        threads=media.threads,
        receive_buffer=media.receive_buffer,
        max_pending_bytes=media.max_pending_bytes,
    )


def _problems(config: Config) -> Callable[[], Sequence[str]]:
    checks = (not_writable(config.spool_dir), disk_low(config.spool_dir, config.recording.min_free_bytes))
    health = Health(live=(), ready=checks, clock=time.monotonic)

    def problems() -> Sequence[str]:
        return [reason.text for reason in health.ready()]

    return problems
