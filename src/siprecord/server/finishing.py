"""What becomes of a capture log when its call is over: it moves out of the spool and is rendered.

Nothing here can hurt a running call, and nothing is forgotten: what could not be rendered is tried again some
times, and at the next start, as is what an earlier life of the server left in the spool.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

from siprecord.aio import finish, spawn
from siprecord.control import Row
from siprecord.errors import RenderError
from siprecord.store import LocalStore, Recording, RecordingNotFound, safe_name, spooled

_ID_TIME = re.compile(r"(\d{8}T\d{6})Z")
RETRY_SECONDS = 30.0
"""Between attempts to move the logs that could not be moved, as on a full disk."""
RENDER_AGAIN_SECONDS = (60.0, 600.0, 3600.0)
"""How long to wait before each further attempt to render; after the last one the next start tries again."""
_SUMMARY = ("outcome", "reason", "started", "ended", "duration_s", "gaps")
_SIP_SUMMARY = ("call_id", "from", "to", "source")

_log = structlog.stdlib.get_logger("siprecord.server")


class Renderer(Protocol):
    """The pool of render processes."""

    def start(self) -> None:
        """Take jobs from now on."""

    async def stop(self) -> None:
        """End the processes."""

    async def render(self, capture: Path, destination: Path) -> object:
        """Render one recording; raises RenderError."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A recording to be rendered; `attempt` counts from 1."""

    recording: Recording
    call_id: str | None
    attempt: int = 1


class Finisher:
    """Turns closed capture logs into recordings, off the loop. `renderer` None: they are only moved."""

    def __init__(
        self,
        store: LocalStore,
        renderer: Renderer | None,
        *,
        keep_capture: bool = True,
        retry_s: float = RETRY_SECONDS,
        render_again_s: Sequence[float] = RENDER_AGAIN_SECONDS,
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._keep_capture = keep_capture
        self._retry_s = retry_s
        self._render_again_s = render_again_s
        self._unmoved: dict[str, tuple[Path, str | None]] = {}
        self._tried: set[str] = set()
        """Those of which an attempt has failed; `failed` counts them once."""
        self._retrying: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._mine: set[str] = set()
        """Those being moved or rendered: the look for what an earlier life left must not find them."""
        self._waiting: set[asyncio.Task[None]] = set()
        """Recordings that are to be rendered once more, later."""
        self._closing = False
        self.failed = 0
        """Recordings that could not be moved or rendered; their logs are kept."""
        self.repaired = 0
        """Logs of an earlier life that were closed as interrupted when this one began."""
        self.gaps: Counter[str] = Counter()
        """Gaps in the audio of what was rendered, by cause."""
        self.gap_seconds: defaultdict[str, float] = defaultdict(float)

    @property
    def queued(self) -> int:
        """Recordings that wait or are being worked on, those that failed and are tried again included."""
        return len(self._tasks) + len(self._unmoved) + len(self._waiting)

    async def start(self, running: Collection[str] = ()) -> None:
        """Take up what an earlier life left behind, but for the recordings that still run.

        Call it before the first call comes.
        """
        self._store.prepare()
        if self._renderer is not None:
            self._renderer.start()
        logs, others = spooled(self._store.layout.spool)
        for other in others:
            _log.warning("this is no file and stays in the spool: remove it", path=str(other))
        spool = [log for log in logs if log.stem not in running]
        self.repaired = len(spool)
        if spool:
            _log.warning("capture logs of an earlier run are closed as interrupted", count=len(spool))
        for log in spool:
            self.submit(log.stem, log)
        if self._renderer is not None:
            self._run(self._take_up_unrendered(), "find unrendered recordings")

    def submit(self, recording_id: str, log: Path, call_id: str | None = None) -> None:
        """A log is closed: make a recording of it. Returns at once. `call_id` is for our own log's lines."""
        self._run(self._finish(recording_id, log, call_id), f"finish {recording_id}")

    async def idle(self) -> None:
        """Wait until nothing is being worked on."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self, grace: float) -> None:
        """Wait for what is being worked on, up to `grace` seconds; the rest is for the next start."""
        self._closing = True
        await finish(*self._waiting)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        if self._renderer is not None:
            await self._renderer.stop()
        await finish(*self._tasks)
        if self._retrying is not None:
            await finish(self._retrying)

    def list(self, limit: int) -> Sequence[Row]:
        """Finished recordings, the newest first. Blocks."""
        return [self._summary(recording) for recording in self._store.list(limit)]

    def get(self, recording_id: str) -> Row | None:
        """All that is known of one finished recording. Blocks."""
        try:
            recording = self._store.find(recording_id)
        except RecordingNotFound:
            return None
        document = self._store.load_metadata(recording)
        return {**(document or {}), "id": recording.id, "rendered": document is not None}

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._keep(self._tasks, spawn(work, name=name))

    def _keep(self, among: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        among.add(task)
        task.add_done_callback(among.discard)

    async def _finish(self, recording_id: str, log: Path, call_id: str | None) -> None:
        name = safe_name(recording_id)
        self._mine.add(name)
        try:
            await self._move_and_render(recording_id, log, call_id)
        finally:
            self._mine.discard(name)

    async def _move_and_render(self, recording_id: str, log: Path, call_id: str | None) -> None:
        try:
            directory = await asyncio.to_thread(_move, self._store, recording_id, log)
        except OSError as error:
            self.failed += recording_id not in self._tried
            ids = {"recording_id": recording_id, "call_id": call_id}
            _log.error("a capture log could not be moved", **ids, error=str(error))
            if not isinstance(error, FileNotFoundError):
                self._try_later(recording_id, log, call_id)
            return
        self._tried.discard(recording_id)
        await self._render(Recording(directory.name, directory), call_id)

    def _try_later(self, recording_id: str, log: Path, call_id: str | None) -> None:
        self._tried.add(recording_id)
        self._unmoved[recording_id] = log, call_id
        if self._retrying is None or self._retrying.done():
            self._retrying = spawn(self._retry(), name="move logs again")

    async def _retry(self) -> None:
        """One more attempt for all; those that fail again begin the next round."""
        await asyncio.sleep(self._retry_s)
        unmoved, self._unmoved = self._unmoved, {}
        self._retrying = None
        for recording_id, (log, call_id) in unmoved.items():
            self.submit(recording_id, log, call_id)

    async def _render(self, recording: Recording, call_id: str | None = None) -> None:
        if self._renderer is not None:
            await self._attempt(self._renderer, _Job(recording, call_id))

    async def _attempt(self, renderer: Renderer, job: _Job) -> None:
        recording = job.recording
        ids = {"recording_id": recording.id, "call_id": job.call_id}
        try:
            await renderer.render(recording.capture, recording.directory)
            gaps = self._note_gaps(await asyncio.to_thread(self._store.load_metadata, recording))
            if not self._keep_capture:
                await asyncio.to_thread(recording.capture.unlink, missing_ok=True)
        except (RenderError, OSError) as error:
            self.failed += job.attempt == 1
            again = next(iter(self._render_again_s[job.attempt - 1 :]), None)
            _log.error("not rendered", **ids, error=str(error), attempt=job.attempt, again_in_s=again)
            if again is not None and not self._closing:
                later = self._attempt_later(again, renderer, replace(job, attempt=job.attempt + 1))
                self._keep(self._waiting, spawn(later, name=f"wait to render {recording.id}"))
        else:
            _log.info("rendered", **ids, directory=str(recording.directory), gap_seconds=gaps)

    def _note_gaps(self, document: Row | None) -> dict[str, float]:
        """Counts them, and answers their seconds by cause."""
        rows: Any = (document or {}).get("gaps") or ()
        for row in rows:
            self.gaps[row["cause"]] += row["count"]
            self.gap_seconds[row["cause"]] += row["seconds"]
        return {row["cause"]: row["seconds"] for row in rows}

    async def _attempt_later(self, seconds: float, renderer: Renderer, job: _Job) -> None:
        await asyncio.sleep(seconds)
        self._run(self._attempt(renderer, job), f"render {job.recording.id} again")

    async def _take_up_unrendered(self) -> None:
        """A long look through all recordings, hence beside the first calls."""
        left = await asyncio.to_thread(self._store.leftovers)
        for directory in left.unreadable:
            _log.error(
                "recordings of another user can't be read; give them to ours", directory=str(directory)
            )
        unknown = (found for found in left.unrendered if found.id not in self._mine)
        await asyncio.gather(*(self._render(found) for found in unknown if not found.rendered))

    def _summary(self, recording: Recording) -> Row:
        document = self._store.load_metadata(recording)
        if document is None:
            return {"id": recording.id, "rendered": False}
        sip = document.get("sip")
        return {
            "id": recording.id,
            "rendered": True,
            **{name: document.get(name) for name in _SUMMARY},
            **{name: sip.get(name) if isinstance(sip, dict) else None for name in _SIP_SUMMARY},
            "streams": len(document.get("streams") or ()),
        }


def _move(store: LocalStore, recording_id: str, log: Path) -> Path:
    return store.finish(recording_id, _started(recording_id, log), log)


def _started(recording_id: str, log: Path) -> datetime:
    """When the recording began: ids begin with it, and a log under another name has its file's time."""
    found = _ID_TIME.match(recording_id)
    if found is not None:
        try:
            return datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            pass
    return datetime.fromtimestamp(log.stat().st_mtime, UTC)
