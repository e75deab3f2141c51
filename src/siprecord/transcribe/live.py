"""Reads the capture logs of running calls and hands their audio to a callback.

The log is the only source: a callback that is slow falls behind in its own reading and catches up later; one
that fails is told of in the log. Neither costs the recording anything.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from siprecord.aio import spawn
from siprecord.errors import SiprecordError
from siprecord.transcribe.audio import LiveAudio, moment
from siprecord.transcribe.delays import Delays
from siprecord.transcribe.speakers import Speakers

AudioCallback = Callable[[LiveAudio], Awaitable[None] | None]
"""A function or coroutine function; calls for one recording come one after the other."""

POLL_SECONDS = 0.1
THREADS = 2
"""Threads that read and decode, for all calls together: what they can't do at once waits in the logs."""
_log = logging.getLogger("siprecord.transcribe")


class LogPiece(Protocol):
    """Decoded audio of one stream without a hole."""

    @property
    def interface(self) -> int:
        """The stream's interface in the log."""

    @property
    def time_ns(self) -> int:
        """Wall clock of the first sample."""

    @property
    def rate(self) -> int:
        """Samples a second."""

    @property
    def pcm(self) -> bytes:
        """16-bit little-endian mono samples."""


class LogBatch(Protocol):
    """What a log has gained since the last look."""

    @property
    def items(self) -> Sequence[object]:
        """The recorder's events, and other items without an attribute `event`."""

    @property
    def audio(self) -> Sequence[LogPiece]:
        """Audio in order."""

    @property
    def more(self) -> bool:
        """Whether another look finds more at once."""


class LogTail(Protocol):
    """Follows one growing capture log."""

    def poll(self, *, flush: bool = False) -> LogBatch:
        """What has come; `flush` waits for nothing any more. Raises MediaError when the log can't be read.

        It may block: it is called on a thread, though never on two at a time.
        """


class LiveAudioFeed:
    """One reader for each running recording. `follow` and `finish` are called as recordings come and go.

    Logs are read and decoded on threads of its own; the callback runs on the event loop.
    """

    def __init__(
        self,
        callback: AudioCallback,
        open_tail: Callable[[Path], LogTail],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._callback = callback
        self._open_tail = open_tail
        self._poll_seconds = poll_seconds
        self._readers: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self.failures = 0
        """Calls of the callback that raised."""
        self.delays = Delays()
        """From the arrival of a piece's last packet to its callback."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live-audio")

    def follow(self, recording_id: str, path: Path, *, resumed: bool = False) -> None:
        """Start reading the log at `path`, which may be renamed later.

        Of a `resumed` recording, an earlier life of the recorder has handed over the audio that is there: it
        is not handed over again.
        """
        tail = self._open_tail(path)
        ended = asyncio.Event()
        task = spawn(self._read(recording_id, tail, ended, resumed), name=f"live audio {recording_id}")
        task.add_done_callback(lambda done: self._readers.pop(recording_id, None))
        self._readers[recording_id] = (ended, task)

    async def idle(self) -> None:
        """Wait until every recording that is read now has been handed over to its end."""
        await asyncio.gather(*(task for _, task in self._readers.values()), return_exceptions=True)

    def finish(self, recording_id: str) -> None:
        """The log is complete: hand over what is left, then forget it."""
        if recording_id in self._readers:
            self._readers[recording_id][0].set()

    async def close(self) -> None:
        """Wait until all that was recorded has been handed over."""
        for ended, _ in self._readers.values():
            ended.set()
        await self.idle()
        self._threads.shutdown(wait=False)

    async def _read(self, recording_id: str, tail: LogTail, ended: asyncio.Event, resumed: bool) -> None:
        speakers, loop, past = Speakers(), asyncio.get_running_loop(), resumed
        set_by = 0.0
        while True:
            last = ended.is_set()
            try:
                batch = await loop.run_in_executor(self._threads, partial(tail.poll, flush=last))
            except SiprecordError as error:
                _log.error("live audio of %s stops: %s", recording_id, error)
                return
            for event in _events(batch):
                speakers.learn(event)
                set_by += _clock_set(event)
            if past:
                past = batch.more
            else:
                await self._hand_over(recording_id, speakers, batch, set_by)
            if last and not batch.more:
                return
            if not batch.more:
                await _wait(ended, self._poll_seconds)

    async def _hand_over(self, recording_id: str, speakers: Speakers, batch: LogBatch, set_by: float) -> None:
        """`set_by`: by how many seconds the machine's clock is ahead of the recording's."""
        for piece in batch.audio:
            audio = _live(recording_id, speakers, piece)
            self.delays.note(time.time() - set_by - piece.time_ns / 1e9 - audio.seconds)
            await self._call(audio)

    async def _call(self, audio: LiveAudio) -> None:
        try:
            result: Any = self._callback(audio)
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - what a callback does must not end its own supply
            self.failures += 1
            if self.failures == 1:
                _log.error("stt_callback failed; audio goes on coming", exc_info=error)


def _events(batch: LogBatch) -> Iterator[Mapping[str, Any]]:
    for item in batch.items:
        event = getattr(item, "event", None)
        if isinstance(event, Mapping):
            yield event


def _clock_set(event: Mapping[str, Any]) -> float:
    """By how many seconds somebody has set the machine's clock, of which an event may tell."""
    return float(event["by_s"]) if event.get("event") == "clock.set" else 0.0


def _live(recording_id: str, speakers: Speakers, piece: LogPiece) -> LiveAudio:
    return LiveAudio(
        recording_id=recording_id,
        call_id=speakers.call_id,
        label=speakers.label(piece.interface),
        speakers=speakers.of(piece.interface),
        time=moment(piece.time_ns),
        sample_rate=piece.rate,
        samples=piece.pcm,
    )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
