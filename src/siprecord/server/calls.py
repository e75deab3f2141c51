"""Running calls as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from siprecord.recording.model import RecordingModel
from siprecord.recording.quality import Quality, quality_of
from siprecord.server.runner import CallRunner
from siprecord.server.streams import OpenStream


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """One captured stream. `last_packet_s` is the age of the last packet, None when none has come."""

    mline: int
    name: str
    label: str | None
    kind: str
    rtp_port: int
    packets: int
    bytes: int
    lost: int
    dropped: int
    """Datagrams that came while nothing was to be stored."""
    strays: int
    """Packets of senders that the stream does not follow."""
    overflowed: int
    """Packets that the kernel dropped, as more came than the socket's buffer holds."""
    srtp: str | None
    """The suite that protects it."""
    srtp_failed: int
    """Packets that were not stored since they are not authentic."""
    paused: bool
    last_packet_s: float | None
    participants: tuple[str, ...]
    quality: Quality
    last_sound_s: float | None
    """Since when nothing was heard; None when nothing was yet, or the codec is not looked into."""
    alarm: str | None
    """`one_way`: nothing comes while others send; `silent`: nothing audible comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantInfo:
    """A party of the conversation."""

    id: str
    aor: str | None
    name: str | None
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """One call that is being recorded."""

    id: str
    call_id: str
    from_uri: str
    to_uri: str
    source: str
    transport: str
    trunk: str
    state: str
    paused: bool
    started: datetime
    duration_s: float
    deviations: int
    participants: tuple[ParticipantInfo, ...]
    streams: tuple[StreamInfo, ...]

    @property
    def packets(self) -> int:
        """RTP packets of all open streams."""
        return sum(stream.packets for stream in self.streams)


def describe(runner: CallRunner) -> CallInfo:
    """What there is to say about a running call now."""
    wall = runner.wall()
    session = runner.session
    identity = session.identity
    return CallInfo(
        id=runner.recording_id,
        call_id=runner.call_id,
        from_uri=identity.from_uri if identity else "",
        to_uri=identity.to_uri if identity else "",
        source=identity.source if identity else "",
        transport=runner.flow.transport,
        trunk=identity.trunk if identity else "",
        state=session.state.value,
        paused=session.paused,
        started=runner.started,
        duration_s=(wall - runner.started).total_seconds(),
        deviations=runner.deviations,
        participants=_participants(session.model),
        streams=tuple(_stream(stream, session.model, wall) for _, stream in sorted(runner.streams.items())),
    )


def _participants(model: RecordingModel) -> tuple[ParticipantInfo, ...]:
    return tuple(
        ParticipantInfo(
            id=participant.id,
            aor=participant.names[0].aor if participant.names else None,
            name=participant.names[0].name if participant.names else None,
            present=participant.ended is None,
        )
        for participant in model.participants.values()
    )


def _stream(stream: OpenStream, model: RecordingModel, wall: datetime) -> StreamInfo:
    stats, plan = stream.media.stats(), stream.plan
    last, sound = stats.last_arrival_ns, stats.last_sound_ns
    senders = {
        participant
        for known in model.streams.values()
        if known.mline == plan.mline and known.ended is None
        for participant in model.senders(known.id)
    }
    return StreamInfo(
        mline=plan.mline,
        name=plan.name,
        label=plan.label,
        kind=plan.kind,
        rtp_port=stream.media.rtp_port,
        packets=stats.packets,
        bytes=stats.bytes,
        lost=stats.lost,
        dropped=stats.dropped_paused,
        strays=stats.strays,
        overflowed=stats.dropped_kernel,
        srtp=plan.security.suite if plan.security is not None else None,
        srtp_failed=stats.srtp_failed,
        paused=stream.paused,
        last_packet_s=max(0.0, wall.timestamp() - last / 1e9) if last else None,
        participants=tuple(sorted(senders)),
        quality=quality_of(stats, plan.payloads),
        last_sound_s=max(0.0, wall.timestamp() - sound / 1e9) if sound else None,
        alarm=stream.alarm,
    )
