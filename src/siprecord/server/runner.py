"""Runs one recording: brings events to its session, and executes what the session commands.

No decision is taken here. The runner knows how to do things, the session knows what and when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from siprecord import protocol
from siprecord.errors import MediaError
from siprecord.protocol import Flow, OutgoingRequest
from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.identity import CallIdentity
from siprecord.recording.listening import Alarm
from siprecord.recording.model import Moment
from siprecord.recording.outcome import Ending
from siprecord.recording.ports import CaptureLog, Inherited, StreamStats
from siprecord.recording.quality import quality_of
from siprecord.recording.refusal import ACCEPT
from siprecord.recording.session import RecordingSession
from siprecord.recording.session_parts import State
from siprecord.recording.succession import Continuation
from siprecord.server import publisher as news
from siprecord.server.journal import Journal
from siprecord.server.refusing import explain, refusing
from siprecord.server.services import Services
from siprecord.server.streams import OpenStream, Streams
from siprecord.syntax.metadata import write_snapshot_request

SDP_TYPE = "application/sdp"
REPLACED = 'SIP;cause=200;text="Another dialog has replaced this one"'
CONFIRMATION = (("Require", "siprec"),)


class CallRunner:
    """One recording while it runs. `raw` is its INVITE as received."""

    def __init__(
        self, recording_id: str, session: RecordingSession, services: Services, *, flow: Flow, raw: bytes
    ) -> None:
        self.recording_id = recording_id
        self.session = session
        self.flow = flow
        self.dialog: str | None = None
        self.started = services.wall()
        self.deviations = 0
        self.last_request = ""
        """The transaction of the last request that was answered."""
        self.heard = False
        """Whether the SRC has sent a message since this recording began."""
        self._services = services
        self._raw = raw
        self._journal = Journal(recording_id, session, services)
        self._media = Streams(self._journal, services.archive)
        self._now = 0.0

    def take_over(self, log: CaptureLog, streams: dict[int, OpenStream], *, dialog: str) -> None:
        """Go on with what an earlier life had open."""
        self._journal.log, self._media.open, self.dialog = log, streams, dialog

    def begin_elsewhere(self, inherited: Mapping[int, Inherited]) -> None:
        """Go on with a call that another node had, and with its streams by m-line, in a log of our own.

        Raises MediaError when there can be no log, or a stream can't be captured.
        """
        identity = self.session.identity
        assert identity is not None, "a call that was answered has an identity"
        failed = self._start(do.StartRecording(identity))
        if failed is not None:
            raise MediaError(failed.reason)
        for event in self.session.knowledge.retell():
            self._append_event(event)
        self._media.open_again(self.session.streams.values(), inherited)

    def silence(self, mline: int, cause: str) -> None:
        """Go on with a stream as it was: paused."""
        self._media.pause(do.PauseStream(mline, cause))

    def withdraw(self) -> None:
        """Somebody else goes on with this call, and there is nothing in this recording: forget it."""
        self.session.state = State.ENDED
        for mline in tuple(self.streams):
            self._media.close(do.CloseStream(mline))
        self._discard(do.DiscardRecording())

    @property
    def empty(self) -> bool:
        """Whether nothing has come in it: no message, no packet."""
        return not self.heard and not any(count.heard for count in self._media.counts().values())

    @property
    def log(self) -> CaptureLog | None:
        """The capture log, while it is open."""
        return self._journal.log

    @property
    def call_id(self) -> str:
        """Call-ID of its dialog."""
        return self._journal.call_id

    @property
    def streams(self) -> dict[int, OpenStream]:
        """The open streams by m-line."""
        return self._media.open

    def alarm(self, alarm: Alarm) -> None:
        """Tell what is wrong with what comes on a stream."""
        self._media.alarm(alarm)

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
        self.heard = self.heard or (inbound and bool(data))
        self._journal.append_message(data, flow, inbound=inbound)

    def abandon(self, ending: Ending, now: float) -> None:
        """A fault of ours: close the log with what there is and hang up, without asking the session."""
        self._now = now
        self.session.state = State.ENDED
        try:
            if self._journal.log is not None:
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

    def wall(self) -> datetime:
        """The time of day by the recording's own clock, for what is compared with its packets and events."""
        return self._journal.wall()

    def _moment(self) -> Moment:
        return Moment(now=self._now, wall=self.wall())

    def _start(self, command: do.StartRecording) -> events.RecordingUnavailable | None:
        identity = command.identity
        header = {"recording_id": self.recording_id, "node": self._services.node}
        try:
            self._journal.log = self._services.archive.create(self.recording_id, header)
        except MediaError as error:
            return events.RecordingUnavailable(str(error))
        self.log_message(self._raw, self.flow, inbound=True)
        self._raw = b""
        self._journal.append(
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
        self._journal.publish(
            news.RecordingStarted(
                recording_id=self.recording_id,
                **_caller(identity),
                trunk=identity.trunk,
                started=self.started,
            )
        )
        return None

    def _answer(self, command: do.Answer) -> None:
        body = command.sdp.to_bytes() if command.sdp is not None else b""
        answer = protocol.Answer(
            200,
            headers=(("Accept", ACCEPT),),
            content_type=SDP_TYPE if body else None,
            body=body,
        )
        self._media.announce()
        self._services.signalling.respond(command.transaction, answer, self._now)
        self.last_request = command.transaction
        if self.dialog is None:
            self.dialog = self._services.signalling.dialog_of(command.transaction)

    def _change_dialog(self, command: do.ChangeDialog) -> None:
        self._request(OutgoingRequest("BYE", headers=(("Reason", REPLACED),)))
        self.dialog, self.flow = self._services.signalling.dialog_of(command.transaction), command.flow
        host, port = command.flow.remote
        self._journal.publish(news.DialogReplaced(**self._journal.about(), source=f"{host}:{port}"))

    def _refuse(self, command: do.Refuse) -> None:
        refusal = command.refusal
        self._services.signalling.respond(command.transaction, refusing(refusal), self._now)
        if self.session.state is State.ENDED:
            self._journal.publish(
                news.CallRefused(
                    call_id=self.call_id,
                    source=f"{self.flow.remote[0]}:{self.flow.remote[1]}",
                    status=refusal.status,
                    reason=explain(refusal),
                )
            )

    def _append_event(self, command: do.AppendEvent) -> None:
        self._journal.record(command.name, command.fields)
        if command.name == "deviation":
            self.deviations += 1
            fields = command.fields
            self._journal.publish(
                news.DeviationNoted(
                    **self._journal.about(), text=str(fields["text"]), reference=str(fields["reference"])
                )
            )
        elif command.name == "metadata.received":
            self._journal.publish(
                news.MetadataReceived(**self._journal.about(), number=self.session.knowledge.documents)
            )

    def note_continuation(
        self,
        found: Continuation,
        *,
        node: str | None = None,
        cause: str | None = None,
        last_seen_ns: int | None = None,
    ) -> None:
        """This recording continues one that fell silent, or whose `node` has died."""
        self._journal.append(
            "recording.continues",
            recording=found.recording_id,
            by=found.by,
            value=found.value,
            gap_s=round(found.gap_s, 3),
            node=node,
            cause=cause,
            last_seen_ns=last_seen_ns,
        )
        self._journal.publish(
            news.RecordingContinues(
                **self._journal.about(),
                recording=found.recording_id,
                by=found.by,
                gap_s=found.gap_s,
                node=node,
                cause=cause,
            )
        )

    def note_continued(self, other: str, *, node: str, cause: str) -> None:
        """Another node took this call over and has a recording of it too."""
        self._journal.append("recording.continued", recording_id=other, node=node, cause=cause)

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
        if self.session.state is State.ENDING and self._journal.log is not None:
            self._journal.attempt(self._journal.log.flush)
        return events.MediaChecked(self._media.counts())

    def _finish(self, command: do.FinishRecording) -> None:
        log = self._journal.log
        if log is None:
            return
        try:
            stats = self._write_end(command.ending)
        finally:
            self._journal.log = None
            self._services.archive.finish(self.recording_id, log)
        self._journal.publish(
            news.RecordingFinished(
                **self._journal.about(),
                outcome=command.ending.outcome.value,
                reason=command.ending.reason,
                started=self.started,
                ended=self.wall(),
                packets=sum(counted.packets for _, counted in stats),
                lost=sum(counted.lost for _, counted in stats),
                overflowed=sum(counted.dropped_kernel for _, counted in stats),
            )
        )

    def _write_end(self, ending: Ending) -> list[tuple[OpenStream, StreamStats]]:
        stats = self._media.stats()
        self._journal.append(
            "recording.ended",
            outcome=ending.outcome.value,
            reason=ending.reason,
            streams=[
                {
                    "interface": stream.media.interface,
                    **ended_fields(counted),
                    "quality": asdict(quality_of(counted, stream.plan.payloads)),
                }
                for stream, counted in stats
            ],
        )
        return stats

    def _discard(self, command: do.DiscardRecording) -> None:
        log, self._journal.log = self._journal.log, None
        if log is not None:
            self._services.archive.discard(self.recording_id, log)


def ended_fields(counted: StreamStats) -> dict[str, int]:
    """What the end of a recording tells of each stream; refusals only where there were some."""
    refused = {
        "strays": counted.strays,
        "overflowed": counted.dropped_kernel,
        "srtp_failed": counted.srtp_failed,
        "srtp_replayed": counted.srtp_replayed,
    }
    told = {name: count for name, count in refused.items() if count}
    return {"packets": counted.packets, "lost": counted.lost, **told}


def _caller(identity: CallIdentity) -> dict[str, str]:
    """What the news of a recording that begins or goes on tells of its call."""
    return {
        "call_id": identity.call_id,
        "from_uri": identity.from_uri,
        "to_uri": identity.to_uri,
        "source": identity.source,
        "transport": identity.transport,
    }


def resumption(runner: CallRunner) -> news.RecordingResumed:
    """The news that a call of an earlier life goes on."""
    identity = runner.session.identity
    assert identity is not None, "a call that was answered has an identity"
    return news.RecordingResumed(
        recording_id=runner.recording_id,
        **_caller(identity),
        started=runner.started,
        streams=len(runner.streams),
    )


Executor = Callable[[CallRunner, Any], "events.Event | None"]
EXECUTORS: dict[type[do.Command], Executor] = {
    do.StartRecording: CallRunner._start,
    do.DiscardRecording: CallRunner._discard,
    do.OpenStreams: lambda runner, command: runner._media.open_all(command),
    do.UpdateStream: lambda runner, command: runner._media.update(command),
    do.PauseStream: lambda runner, command: runner._media.pause(command),
    do.ResumeStream: lambda runner, command: runner._media.resume(command),
    do.CloseStream: lambda runner, command: runner._media.close(command),
    do.Answer: CallRunner._answer,
    do.ChangeDialog: CallRunner._change_dialog,
    do.Refuse: CallRunner._refuse,
    do.AppendEvent: CallRunner._append_event,
    do.SendBye: CallRunner._bye,
    do.RequestSnapshot: CallRunner._ask_snapshot,
    do.CheckMedia: CallRunner._check,
    do.FinishRecording: CallRunner._finish,
}
"""How each command is done."""
