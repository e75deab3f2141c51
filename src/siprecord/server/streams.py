"""The captured streams of one recording: opens, changes, pauses and closes them, and tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from siprecord.errors import MediaError
from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.listening import Alarm
from siprecord.recording.plan import StreamPlan
from siprecord.recording.ports import Archive, Inherited, MediaStream, StreamStats
from siprecord.server import publisher as news
from siprecord.server.journal import Journal
from siprecord.syntax.sip import format_host_port


@dataclass(slots=True)
class OpenStream:
    """A stream that is captured, and what it is."""

    plan: StreamPlan
    media: MediaStream
    paused: bool = False
    announced: bool = True
    """Whether somebody was told its ports."""
    alarm: str | None = None
    """What is wrong with what comes on it, `one_way` or `silent`."""


class Streams:
    """The streams of a recording, by m-line while they are open."""

    def __init__(self, journal: Journal, archive: Archive) -> None:
        self.open: dict[int, OpenStream] = {}
        self.closed: list[OpenStream] = []
        self._lost: Inherited | None = None
        """In a call of another node what is left of streams whose ports could not be had: their senders go
        on with their rollover counters when an offer opens them anew.
        """
        self._superseded: dict[int, OpenStream] = {}
        """Streams whose m-line another one has taken already; they are closed next."""
        self._journal = journal
        self._archive = archive

    def open_all(self, command: do.OpenStreams) -> events.StreamsOpened:
        """Open what can be opened; the result says what could not."""
        ports: dict[int, events.Ports] = {}
        failed: dict[int, str] = {}
        for plan in command.plans:
            try:
                stream = self._open_one(plan)
            except MediaError as error:
                failed[plan.mline] = str(error)
                continue
            ports[plan.mline] = events.Ports(rtp=stream.rtp_port, rtcp=stream.rtcp_port)
        return events.StreamsOpened(ports, failed)

    def update(self, command: do.UpdateStream) -> None:
        """A later offer changed it."""
        stream = self.open[command.plan.mline]
        before, stream.plan = stream.plan, command.plan
        self._journal.attempt(lambda: _adapt(stream.media, before, command.plan))
        self._journal.append("stream.updated", interface=stream.media.interface, **_description(command.plan))

    def announce(self) -> None:
        """The answer that leaves now tells the ports of all streams."""
        for stream in self.open.values():
            if not stream.announced:
                self._journal.attempt(stream.media.announce)
                stream.announced = True

    def pause(self, command: do.PauseStream) -> None:
        """Store nothing of it until it is resumed."""
        stream = self.open[command.mline]
        self._journal.attempt(stream.media.pause)
        stream.paused = True
        self._tell("stream.paused", news.StreamPaused, stream, cause=command.cause)

    def resume(self, command: do.ResumeStream) -> None:
        """Store it again."""
        stream = self.open[command.mline]
        self._tell("stream.resumed", news.StreamResumed, stream)
        self._journal.attempt(stream.media.resume)
        stream.paused = False

    def close(self, command: do.CloseStream) -> None:
        """Give its ports back."""
        stream = self._superseded.pop(command.mline, None) or self.open.pop(command.mline)
        self._journal.attempt(stream.media.close)
        self.closed.append(stream)
        self._tell("stream.closed", news.StreamClosed, stream)

    def alarm(self, alarm: Alarm) -> None:
        """What comes on a stream is not as it should be, or is so again."""
        stream = self.open.get(alarm.mline)
        if stream is None:
            return
        stream.alarm = None if alarm.over else alarm.kind
        name = "stream.alarm_over" if alarm.over else "stream.alarm"
        of_alarm = partial(news.StreamAlarm, over=alarm.over)
        self._tell(name, of_alarm, stream, kind=alarm.kind, text=alarm.text)

    def counts(self) -> dict[int, events.StreamCount]:
        """What has come so far on those that are open."""
        return {mline: _count(stream.media) for mline, stream in self.open.items()}

    def stats(self) -> list[tuple[OpenStream, StreamStats]]:
        """What came on each stream that ever was."""
        return [(stream, stream.media.stats()) for stream in (*self.closed, *self.open.values())]

    def open_again(self, plans: Iterable[StreamPlan], inherited: Mapping[int, Inherited]) -> None:
        """Open streams that another node had, by m-line. Raises MediaError."""
        self._lost = Inherited(None, {})
        for plan in plans:
            self._open_one(plan, inherited[plan.mline])

    def _open_one(self, plan: StreamPlan, inherited: Inherited | None = None) -> MediaStream:
        log = self._journal.log
        assert log is not None, "streams need a log"
        inherited = inherited or self._lost
        announced = inherited is not None and inherited.sockets is not None
        media = self._archive.open_stream(log, plan, inherited)
        if plan.mline in self.open:
            self._superseded[plan.mline] = self.open[plan.mline]
        self.open[plan.mline] = OpenStream(plan, media, announced=announced)
        self._journal.append(
            "stream.opened",
            interface=media.interface,
            kind=plan.kind,
            rtp_port=media.rtp_port,
            rtcp_port=media.rtcp_port,
            content=plan.content,
            **_description(plan),
        )
        self._journal.publish(
            news.StreamOpened(
                **self._journal.about(),
                name=plan.name,
                label=plan.label,
                mline=plan.mline,
                kind=plan.kind,
                rtp_port=media.rtp_port,
                log_interface=media.interface,
            )
        )
        return media

    def _tell(
        self, name: str, news_of: Callable[..., news.RecordingEvent], stream: OpenStream, /, **fields: str
    ) -> None:
        """The same to the capture log, which knows the stream by its interface, and as news, by its name."""
        self._journal.append(name, interface=stream.media.interface, **fields)
        self._journal.publish(news_of(**self._journal.about(), name=stream.plan.name, **fields))


def _description(plan: StreamPlan) -> dict[str, object]:
    return {
        "mline": plan.mline,
        "label": plan.label,
        "name": plan.name,
        "direction": plan.direction,
        "payloads": plan.payloads,
        "source": None if plan.source is None else format_host_port(*plan.source),
        "srtp": None if plan.security is None else plan.security.suite,
    }


def _adapt(media: MediaStream, before: StreamPlan, now: StreamPlan) -> None:
    """Let the engine know what the new offer says; what it says no more stays as evidence."""
    if now.source != before.source and now.source is not None:
        media.expect_source(now.source)
    if (now.reports, now.mux) != (before.reports, before.mux):
        media.set_rtcp_target(now.reports, mux=now.mux)
    if now.security is None and before.security is not None:
        media.set_keys()
    elif now.security is not None and now.security != before.security:
        media.set_keys(*now.security.theirs, own=now.security.ours)
    if now.payloads != before.payloads:
        media.expect_payloads(now.payloads)
    if now.mask_digits:
        media.mask_digits(now.payloads)


def _count(media: MediaStream) -> events.StreamCount:
    stats = media.stats()
    heard = stats.packets + stats.rtcp_packets + stats.dropped_paused
    return events.StreamCount(packets=stats.packets, heard=heard)
