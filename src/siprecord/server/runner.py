"""Runs one recording: brings events to its session, and executes what the session commands.

No decision is taken here. The runner knows how to do things, the session knows what and when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from siprecord import protocol
from siprecord.errors import MediaError
from siprecord.protocol import Flow, OutgoingRequest
from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.model import Moment
from siprecord.recording.outcome import Ending
from siprecord.recording.plan import StreamPlan
from siprecord.recording.ports import Archive, CaptureLog, MediaStream, StreamStats
from siprecord.recording.refusal import ACCEPT, Refusal
from siprecord.recording.session import RecordingSession
from siprecord.recording.session_parts import State
from siprecord.server import publisher as news
from siprecord.syntax.metadata import write_snapshot_request
from siprecord.syntax.sdp import blank_keys
from siprecord.syntax.sip import blank_credentials

SDP_TYPE = "application/sdp"
CONFIRMATION = (("Require", "siprec"),)


class Signalling(Protocol):
    """What a runner needs of the endpoint."""

    def respond(self, transaction: str, answer: protocol.Answer, now: float) -> None:
        """Answer a request."""

    def dialog_of(self, transaction: str) -> str | None:
        """The dialog an answer created."""

    def request(self, dialog: str, outgoing: OutgoingRequest, now: float) -> str:
        """Send a request within a dialog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all runners share. `wall` gives the wall clock; `header` goes into the first block of each log."""

    signalling: Signalling
    archive: Archive
    publish: Callable[[news.RecordingEvent], None]
    wall: Callable[[], datetime]
    version: str = ""
    node: str = ""


@dataclass(slots=True)
class OpenStream:
    """A stream that is captured, and what it is."""

    plan: StreamPlan
    media: MediaStream
    paused: bool = False


class CallRunner:
    """One recording while it runs. `raw` is its INVITE as received."""

    def __init__(
        self, recording_id: str, session: RecordingSession, services: Services, *, flow: Flow, raw: bytes
    ) -> None:
        self.recording_id = recording_id
        self.session = session
        self.flow = flow
        self.dialog: str | None = None
        self.streams: dict[int, OpenStream] = {}
        self.started = services.wall()
        self.deviations = 0
        self.last_request = ""
        """The transaction of the last request that was answered."""
        self._services = services
        self._raw = raw
        self._log: CaptureLog | None = None
        self._closed: list[OpenStream] = []
        self._now = 0.0

    def take_over(self, log: CaptureLog, streams: dict[int, OpenStream], *, dialog: str) -> None:
        """Go on with what an earlier life had open."""
        self._log, self.streams, self.dialog = log, streams, dialog

    @property
    def log(self) -> CaptureLog | None:
        """The capture log, while it is open."""
        return self._log

    @property
    def call_id(self) -> str:
        """Call-ID of its dialog."""
        identity = self.session.identity
        return identity.call_id if identity is not None else ""

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return self.session.state is State.ENDED

    def receive(self, event: events.Event, now: float) -> None:
        """Bring an event to the session and do what it says."""
        self._now = now
        self._execute(self.session.receive(event, self._moment()))

    def expire(self, now: float) -> None:
        """A deadline of the session has passed."""
        self._now = now
        self._execute(self.session.expire(self._moment()))

    def deadline(self) -> float | None:
        """When to call `expire`."""
        return self.session.deadline()

    def log_message(self, data: bytes, flow: Flow, *, inbound: bool) -> None:
        """Append a SIP message of this call, its secrets blanked. Before the log is open nothing is kept."""
        log = self._log
        if log is None or not data:
            return
        told = blank_credentials(blank_keys(data))
        self._try(lambda: log.append_sip(told, flow.local, flow.remote, flow.transport, inbound))

    def abandon(self, ending: Ending, now: float) -> None:
        """A fault of ours: close the log with what there is and hang up, without asking the session."""
        self._now = now
        self.session.state = State.ENDED
        try:
            if self._log is not None:
                self._finish(do.FinishRecording(ending))
        finally:
            self._bye(do.SendBye(ending.reason))

    # ---- executing -------------------------------------------------------------------------------

    def _execute(self, commands: tuple[do.Command, ...]) -> None:
        """Do the commands in order. What a result brings comes next; a failure drops the rest."""
        queue = deque(commands)
        while queue:
            command = queue.popleft()
            result = EXECUTORS[type(command)](self, command)
            if result is None:
                continue
            if isinstance(result, events.RecordingUnavailable):
                queue.clear()
            queue.extendleft(reversed(self.session.receive(result, self._moment())))

    def _moment(self) -> Moment:
        return Moment(now=self._now, wall=self._services.wall())

    def _start(self, command: do.StartRecording) -> events.RecordingUnavailable | None:
        identity = command.identity
        header = {"recording_id": self.recording_id, "node": self._services.node}
        try:
            self._log = self._services.archive.create(self.recording_id, header)
        except MediaError as error:
            return events.RecordingUnavailable(str(error))
        self.log_message(self._raw, self.flow, inbound=True)
        self._raw = b""
        self._append(
            "recording.started",
            recording_id=self.recording_id,
            call_id=identity.call_id,
            **{"from": identity.from_uri, "to": identity.to_uri},
            request_uri=identity.request_uri,
            transport=identity.transport,
            source=identity.source,
            trunk=identity.trunk or None,
            date=identity.date,
            version=self._services.version,
            node=self._services.node,
        )
        self._publish(
            news.RecordingStarted(
                recording_id=self.recording_id,
                call_id=identity.call_id,
                from_uri=identity.from_uri,
                to_uri=identity.to_uri,
                source=identity.source,
                transport=identity.transport,
                trunk=identity.trunk,
                started=self.started,
            )
        )
        return None

    def _open(self, command: do.OpenStreams) -> events.StreamsOpened:
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

    def _open_one(self, plan: StreamPlan) -> MediaStream:
        assert self._log is not None, "streams need a log"
        media = self._services.archive.open_stream(self._log, plan)
        self.streams[plan.mline] = OpenStream(plan, media)
        self._append(
            "stream.opened",
            interface=media.interface,
            kind=plan.kind,
            rtp_port=media.rtp_port,
            rtcp_port=media.rtcp_port,
            content=plan.content,
            **_description(plan),
        )
        self._publish(
            news.StreamOpened(
                recording_id=self.recording_id,
                call_id=self.call_id,
                name=plan.name,
                label=plan.label,
                mline=plan.mline,
                kind=plan.kind,
                rtp_port=media.rtp_port,
                log_interface=media.interface,
            )
        )
        return media

    def _update(self, command: do.UpdateStream) -> None:
        stream = self.streams[command.plan.mline]
        stream.plan = command.plan
        self._append("stream.updated", interface=stream.media.interface, **_description(command.plan))

    def _pause(self, command: do.PauseStream) -> None:
        stream = self.streams[command.mline]
        self._try(stream.media.pause)
        stream.paused = True
        self._append("stream.paused", interface=stream.media.interface, cause=command.cause)
        self._publish(
            news.StreamPaused(**self._about(), name=stream.plan.name, cause=command.cause),
        )

    def _resume(self, command: do.ResumeStream) -> None:
        stream = self.streams[command.mline]
        self._append("stream.resumed", interface=stream.media.interface)
        self._try(stream.media.resume)
        stream.paused = False
        self._publish(news.StreamResumed(**self._about(), name=stream.plan.name))

    def _close(self, command: do.CloseStream) -> None:
        stream = self.streams.pop(command.mline)
        self._try(stream.media.close)
        self._closed.append(stream)
        self._append("stream.closed", interface=stream.media.interface)
        self._publish(news.StreamClosed(**self._about(), name=stream.plan.name))

    def _answer(self, command: do.Answer) -> None:
        body = command.sdp.to_bytes() if command.sdp is not None else b""
        answer = protocol.Answer(
            200,
            headers=(("Accept", ACCEPT),),
            content_type=SDP_TYPE if body else None,
            body=body,
        )
        self._services.signalling.respond(command.transaction, answer, self._now)
        self.last_request = command.transaction
        if self.dialog is None:
            self.dialog = self._services.signalling.dialog_of(command.transaction)

    def _refuse(self, command: do.Refuse) -> None:
        refusal = command.refusal
        self._services.signalling.respond(command.transaction, refusing(refusal), self._now)
        if self.session.state is State.ENDED:
            self._publish(
                news.CallRefused(
                    call_id=self.call_id,
                    source=f"{self.flow.remote[0]}:{self.flow.remote[1]}",
                    status=refusal.status,
                    reason=explain(refusal),
                )
            )

    def _append_event(self, command: do.AppendEvent) -> None:
        self._append(command.name, **command.fields)
        if command.name == "deviation":
            self.deviations += 1
            fields = command.fields
            self._publish(
                news.DeviationNoted(
                    **self._about(), text=str(fields["text"]), reference=str(fields["reference"])
                )
            )
        elif command.name == "metadata.received":
            self._publish(news.MetadataReceived(**self._about(), number=self.session.knowledge.documents))

    def hang_up_again(self, now: float) -> None:
        """The BYE of an earlier life may never have arrived."""
        self._now = now
        if self.session.ending is not None:
            self._bye(do.SendBye(self.session.ending.reason))

    def _bye(self, command: do.SendBye) -> None:
        reason = f'SIP;cause=200;text="{command.reason}"'
        self._request(OutgoingRequest("BYE", headers=(("Reason", reason),)))

    def _ask_snapshot(self, command: do.RequestSnapshot) -> None:
        headers = (*CONFIRMATION, ("Accept", ACCEPT), ("Content-Disposition", "recording-session"))
        self._request(
            OutgoingRequest(
                "UPDATE",
                headers=headers,
                content_type=command.content_type,
                body=write_snapshot_request("The first metadata was partial"),
            )
        )

    def _request(self, outgoing: OutgoingRequest) -> None:
        if self.dialog is not None:
            self._services.signalling.request(self.dialog, outgoing, self._now)

    def _check(self, command: do.CheckMedia) -> events.MediaChecked:
        if self.session.state is State.ENDING and self._log is not None:
            self._try(self._log.flush)
        counts = {mline: _count(stream.media) for mline, stream in self.streams.items()}
        return events.MediaChecked(counts)

    def _finish(self, command: do.FinishRecording) -> None:
        log = self._log
        if log is None:
            return
        try:
            stats = self._write_end(command.ending)
        finally:
            self._log = None
            self._services.archive.finish(self.recording_id, log)
        self._publish(
            news.RecordingFinished(
                **self._about(),
                outcome=command.ending.outcome.value,
                reason=command.ending.reason,
                started=self.started,
                ended=self._services.wall(),
                packets=sum(counted.packets for _, counted in stats),
                lost=sum(counted.lost for _, counted in stats),
            )
        )

    def _write_end(self, ending: Ending) -> list[tuple[OpenStream, StreamStats]]:
        every = [*self._closed, *self.streams.values()]
        stats = [(stream, stream.media.stats()) for stream in every]
        self._append(
            "recording.ended",
            outcome=ending.outcome.value,
            reason=ending.reason,
            streams=[
                {"interface": stream.media.interface, "packets": counted.packets, "lost": counted.lost}
                for stream, counted in stats
            ],
        )
        return stats

    def _discard(self, command: do.DiscardRecording) -> None:
        log, self._log = self._log, None
        if log is not None:
            self._services.archive.discard(self.recording_id, log)

    # ---- small tools -----------------------------------------------------------------------------

    def _append(self, event: str, /, **fields: object) -> None:
        log = self._log
        if log is not None:
            told = {key: value for key, value in fields.items() if value is not None}
            time_ns = _nanoseconds(self._services.wall())
            self._try(lambda: log.append_event({"event": event, "time_ns": time_ns, **told}))

    def _try(self, work: Callable[[], object]) -> None:
        """Do what may fail without costing the call: a full disk, a port that is gone."""
        try:
            work()
        except MediaError as error:
            self._publish(news.TroubleNoted(**self._about(), text=str(error)))

    def _about(self) -> dict[str, str]:
        return {"recording_id": self.recording_id, "call_id": self.call_id}

    def _publish(self, event: news.RecordingEvent) -> None:
        self._services.publish(event)


def resumption(runner: CallRunner) -> news.RecordingResumed:
    """The news that a call of an earlier life goes on."""
    identity = runner.session.identity
    assert identity is not None, "a call that was answered has an identity"
    return news.RecordingResumed(
        recording_id=runner.recording_id,
        call_id=identity.call_id,
        from_uri=identity.from_uri,
        to_uri=identity.to_uri,
        source=identity.source,
        transport=identity.transport,
        started=runner.started,
        streams=len(runner.streams),
    )


def refusing(refusal: Refusal) -> protocol.Answer:
    """The answer that says no."""
    return protocol.Answer(refusal.status, refusal.reason, refusal.headers)


def explain(refusal: Refusal) -> str:
    """Why, in the words of the refusal itself: its reason phrase, or the text of its Warning."""
    warning = dict(refusal.headers).get("Warning", "")
    return refusal.reason or warning.partition('"')[2].rstrip('"')


def _description(plan: StreamPlan) -> dict[str, object]:
    return {
        "mline": plan.mline,
        "label": plan.label,
        "name": plan.name,
        "direction": plan.direction,
        "payloads": plan.payloads,
    }


def _count(media: MediaStream) -> events.StreamCount:
    stats = media.stats()
    heard = stats.packets + stats.rtcp_packets + stats.dropped_paused
    return events.StreamCount(packets=stats.packets, heard=heard)


def _nanoseconds(time: datetime) -> int:
    """Exact, unlike a float of seconds."""
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


Executor = Callable[[CallRunner, Any], "events.Event | None"]
EXECUTORS: dict[type[do.Command], Executor] = {
    do.StartRecording: CallRunner._start,
    do.DiscardRecording: CallRunner._discard,
    do.OpenStreams: CallRunner._open,
    do.UpdateStream: CallRunner._update,
    do.PauseStream: CallRunner._pause,
    do.ResumeStream: CallRunner._resume,
    do.CloseStream: CallRunner._close,
    do.Answer: CallRunner._answer,
    do.Refuse: CallRunner._refuse,
    do.AppendEvent: CallRunner._append_event,
    do.SendBye: CallRunner._bye,
    do.RequestSnapshot: CallRunner._ask_snapshot,
    do.CheckMedia: CallRunner._check,
    do.FinishRecording: CallRunner._finish,
}
"""How each command is done."""
