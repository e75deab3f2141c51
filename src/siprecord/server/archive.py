"""Capture logs in the spool folder: made when a call comes, closed off the loop when it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from siprecord.aio.tasks import spawn
from siprecord.errors import MediaError
from siprecord.media import CaptureLog, MediaEngine, StreamSpec
from siprecord.recording import ports
from siprecord.recording.plan import StreamPlan

SUFFIX = ".pcapng"
OnFinished = Callable[[str, Path], object]
"""Takes the recording id and the path of its closed log."""

_log = logging.getLogger("siprecord.server")


class SpoolArchive:
    """Owns the media engine and the spool folder.

    `on_finished` is called on the loop for each closed log, `on_discarded` with the id of each deleted one.
    """

    def __init__(
        self,
        engine: MediaEngine,
        spool: Path,
        on_finished: OnFinished,
        on_discarded: Callable[[str], object] = lambda recording_id: None,
    ) -> None:
        self.engine = engine
        self._spool = spool
        self._on_finished = on_finished
        self._on_discarded = on_discarded
        self._closing: set[asyncio.Task[None]] = set()

    def create(self, recording_id: str, header: Mapping[str, object]) -> ports.CaptureLog:
        """Make the capture log of a new recording. Raises MediaError when it can't be made."""
        return self.engine.open_log(self._path(recording_id), header)

    def open_stream(
        self, log: ports.CaptureLog, plan: StreamPlan, inherited: ports.Inherited | None = None
    ) -> ports.MediaStream:
        """Open a media stream into `log`. Raises MediaError when there is no free port."""
        assert isinstance(log, CaptureLog), "a log of another archive"
        if inherited is None:
            stream = log.open_stream(stream_spec(plan))
        else:
            spec = stream_spec(plan, announced=inherited.sockets is not None)
            spec = replace(spec, srtp_goes_on=True, srtp_indices=inherited.srtp_indices)
            stream = log.open_stream(spec, inherited.sockets)
        stream.set_rtcp_target(plan.reports, mux=plan.mux)
        return stream

    def finish(self, recording_id: str, log: ports.CaptureLog) -> None:
        """Close the log on a thread, since the disk may be slow, then hand it on."""
        task = spawn(self._close(recording_id, log), name=f"close {recording_id}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def discard(self, recording_id: str, log: ports.CaptureLog) -> None:
        """Close the log and delete its file."""
        try:
            log.close(sync=False)
            self._path(recording_id).unlink(missing_ok=True)
        except (MediaError, OSError) as error:
            _log.warning("%s could not be discarded: %s", recording_id, error)
        self._on_discarded(recording_id)

    async def close(self) -> None:
        """Wait until all that was finished is on disk, then end the engine."""
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        self.engine.close()

    async def _close(self, recording_id: str, log: ports.CaptureLog) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, log.close)
        except MediaError as error:
            _log.error("the log of %s could not be closed well: %s", recording_id, error)
        self._on_finished(recording_id, self._path(recording_id))

    def _path(self, recording_id: str) -> Path:
        return log_path(self._spool, recording_id)


def stream_spec(plan: StreamPlan, *, announced: bool = False) -> StreamSpec:
    """The stream as the engine wants it; nobody knows its ports unless they are `announced`."""
    security = plan.security
    return StreamSpec(
        label=plan.label or "",
        mline=plan.mline,
        kind=plan.kind,
        description={"direction": plan.direction, "payloads": plan.payloads, "content": plan.content},
        expected_source=plan.source,
        announced=announced,
        srtp=security.theirs if security is not None else (),
        srtp_own=security.ours if security is not None else None,
        mask_digits=plan.mask_digits,
    )


def log_path(spool: Path, recording_id: str) -> Path:
    """Where the capture log of a running recording is."""
    return spool / (recording_id + SUFFIX)
