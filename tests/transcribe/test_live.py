from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.transcribe import LiveAudio, LiveAudioFeed, LogTail, Speaker

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Piece:
    interface: int
    time_ns: int
    pcm: bytes = b"\1\0" * 800
    rate: int = 8000


@dataclass(frozen=True)
class Told:
    event: dict[str, object]


@dataclass(frozen=True)
class Batch:
    items: Sequence[object] = ()
    audio: Sequence[Piece] = ()
    more: bool = False


class Tail:
    """Gives one batch a poll; the last poll gets what a reader gives up waiting for."""

    def __init__(self, *batches: Batch | Exception, rest: Batch | None = None) -> None:
        self.batches = list(batches)
        self.rest = rest or Batch()
        self.emptied: Callable[[], None] = lambda: None

    def poll(self, *, flush: bool = False) -> Batch:
        batch = self.batches.pop(0) if self.batches else None
        if not self.batches:
            self.emptied()
        if isinstance(batch, Exception):
            raise batch
        if batch is None:
            return self.rest if flush else Batch()
        return replace(batch, more=True) if flush else batch


OPENED = Told({"event": "stream.opened", "interface": 1, "label": "96", "mline": 0})
STARTED = Told({"event": "recording.started", "call_id": "call@src"})
MODEL = Told(
    {
        "event": "session.model",
        "participants": [{"id": "b", "aor": "sip:bob@example.com", "name": "Bob"}],
        "streams": [{"label": "96", "sending": ["b"]}, {"stream_id": "no label"}],
    }
)


async def feed(tail: Tail, callback: Callable[[LiveAudio], object]) -> LiveAudioFeed:
    def open_tail(path: Path) -> LogTail:
        return tail

    made = LiveAudioFeed(callback, open_tail, poll_seconds=0)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()

    def finish() -> None:
        loop.call_soon_threadsafe(made.finish, "rec-1")

    tail.emptied = finish
    made.follow("rec-1", Path("rec-1.pcapng"))
    await made.idle()
    await made.close()
    return made


async def test_audio_comes_with_its_participant_and_time() -> None:
    heard: list[LiveAudio] = []
    await feed(Tail(Batch((STARTED, OPENED, MODEL), (Piece(1, 5 * SECOND_NS),))), heard.append)
    (audio,) = heard
    assert (audio.recording_id, audio.call_id, audio.label) == ("rec-1", "call@src", "96")
    assert audio.participant == Speaker(id="b", aor="sip:bob@example.com", name="Bob")
    assert audio.time == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert audio.seconds == pytest.approx(0.1)


async def test_streams_without_metadata_have_no_participant() -> None:
    heard: list[LiveAudio] = []
    unlabelled = Told({"event": "stream.opened", "interface": 2, "mline": 1})
    await feed(Tail(Batch((OPENED, unlabelled), (Piece(1, 0), Piece(2, 0), Piece(7, 0)))), heard.append)
    assert [(one.label, one.speakers, one.participant) for one in heard] == [
        ("96", (), None),
        ("mline-1", (), None),
        ("interface-7", (), None),
    ]


async def test_what_a_reader_waited_for_comes_with_the_last_poll() -> None:
    heard: list[LiveAudio] = []
    await feed(Tail(Batch((OPENED,)), rest=Batch(audio=(Piece(1, SECOND_NS),))), heard.append)
    assert [audio.time.second for audio in heard] == [1]


async def test_a_backlog_is_read_to_its_end() -> None:
    heard: list[LiveAudio] = []
    batches = [Batch((OPENED,), (Piece(1, n * SECOND_NS),), more=n < 3) for n in range(1, 4)]
    await feed(Tail(*batches), heard.append)
    assert [audio.time.second for audio in heard] == [1, 2, 3]


async def test_after_a_restart_only_new_audio_comes_and_its_speaker_is_known() -> None:
    heard: list[LiveAudio] = []
    past = Batch((STARTED, OPENED, MODEL), (Piece(1, SECOND_NS),), more=True)
    tail = Tail(past, Batch((), (Piece(1, 2 * SECOND_NS),)), Batch((), (Piece(1, 3 * SECOND_NS),)))
    emptied = asyncio.Event()
    tail.emptied = emptied.set
    made = LiveAudioFeed(heard.append, lambda path: tail, poll_seconds=0)
    made.follow("rec-1", Path("rec-1.pcapng"), resumed=True)
    await asyncio.wait_for(emptied.wait(), 10)
    await made.close()
    (audio,) = heard
    assert (audio.time.second, audio.call_id) == (3, "call@src")
    assert audio.participant == Speaker(id="b", aor="sip:bob@example.com", name="Bob")


async def test_coroutine_callbacks_are_awaited_in_order() -> None:
    heard: list[int] = []

    async def slow(audio: LiveAudio) -> None:
        heard.append(audio.time.second)

    await feed(Tail(Batch((), (Piece(1, SECOND_NS), Piece(1, 2 * SECOND_NS)))), slow)
    assert heard == [1, 2]


async def test_a_failing_callback_keeps_getting_audio(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[LiveAudio] = []

    def fail(audio: LiveAudio) -> None:
        heard.append(audio)
        raise ValueError("no such provider")

    made = await feed(Tail(Batch((), (Piece(1, 0), Piece(1, SECOND_NS)))), fail)
    assert (len(heard), made.failures) == (2, 2)
    assert caplog.text.count("stt_callback failed") == 1


async def test_a_log_that_cannot_be_read_is_told(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[LiveAudio] = []
    await feed(Tail(MediaError("can't read it: it is gone")), heard.append)
    assert heard == []
    assert "live audio of rec-1 stops: can't read it: it is gone" in caplog.text


async def test_logs_are_read_on_other_threads_and_the_callback_runs_on_the_loop() -> None:
    threads: dict[str, set[int]] = {"poll": set(), "callback": set()}

    class Watched(Tail):
        def poll(self, *, flush: bool = False) -> Batch:
            threads["poll"].add(threading.get_ident())
            return super().poll(flush=flush)

    def callback(audio: LiveAudio) -> None:
        threads["callback"].add(threading.get_ident())

    await feed(Watched(Batch((), (Piece(1, 0),))), callback)
    assert threads["callback"] == {threading.get_ident()}
    assert threading.get_ident() not in threads["poll"]


async def test_the_delay_of_each_piece_is_measured_from_its_last_sample() -> None:
    now = time.time_ns()
    pieces = (Piece(1, now - SECOND_NS // 10), Piece(1, now - 40 * SECOND_NS))
    made = await feed(Tail(Batch((), pieces)), lambda audio: None)
    buckets = dict(made.delays.buckets())
    assert (buckets["10.0"], buckets["+Inf"]) == (1, 2)
    assert made.delays.total == pytest.approx(40, abs=5)


async def test_the_delay_is_right_when_the_clock_was_set() -> None:
    """The recording goes on by the clock it began with."""
    before = time.time_ns() - 3600 * SECOND_NS
    batches = Batch((Told({"event": "clock.set", "by_s": 3600.0}),)), Batch((), (Piece(1, before),))
    made = await feed(Tail(*batches), lambda audio: None)
    assert made.delays.total == pytest.approx(0, abs=60)
