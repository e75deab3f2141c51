"""A recorder that answers as it is told, over real sockets; and a player that sends at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from siprecord.aio import finish, spawn
from siprecord.client import Codec, Played, Track
from siprecord.protocol import (
    AckReceived,
    Answer,
    CancelReceived,
    EndpointSettings,
    Event,
    OutgoingRequest,
    RequestReceived,
    Transmit,
)
from siprecord.protocol.negotiation import AnswerPlan, MediaAnswer, accepted_formats, answer_offer
from siprecord.syntax.multipart import body_parts, find_metadata, find_sdp
from siprecord.syntax.sdp import SessionDescription, parse_sdp
from siprecord.syntax.sip import Request
from siprecord.transport import CustomSIPServer, EndpointControl
from tests.support.patience import PATIENCE

Respond = Callable[["Recorder", RequestReceived, float], None]


@dataclass
class Recorder:
    """Answers INVITEs by `on_invite`; keeps what came."""

    on_invite: Respond
    hang_up_at_ack: bool = False
    other: int = 200
    """The answer to all else."""
    requests: list[Request] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    transports: list[str] = field(default_factory=list)
    dialog: str | None = None
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    def settings(self) -> EndpointSettings:
        return EndpointSettings()

    async def start(self, control: EndpointControl) -> None:
        self.control = control

    def handle(self, event: Event, now: float) -> None:
        self.events.append(event)
        match event:
            case RequestReceived(request=request):
                self.requests.append(request)
                self.transports.append(event.flow.transport)
                if request.method == "INVITE":
                    self.on_invite(self, event, now)
                else:
                    self.control.respond(event.transaction, Answer(self.other), now)
            case AckReceived(dialog=dialog):
                self.acknowledged.set()
                if self.hang_up_at_ack:
                    self.control.request(dialog, OutgoingRequest("BYE"), now)

    def transmitted(self, transmit: Transmit, now: float) -> None:
        pass

    def failed(self, event: Event, error: Exception, now: float) -> None:
        raise error

    async def stop(self) -> None:
        pass

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    @property
    def cancelled(self) -> bool:
        return any(isinstance(event, CancelReceived) for event in self.events)


def offer_of(request: Request) -> SessionDescription:
    parts, deviations = body_parts(request.headers.get("Content-Type"), request.body)
    assert deviations == []
    part = find_sdp(parts)
    assert part is not None
    return parse_sdp(part.body)


def metadata_of(request: Request) -> bytes:
    parts, _ = body_parts(request.headers.get("Content-Type"), request.body)
    part = find_metadata(parts)
    assert part is not None
    return part.body


def answer_to(request: Request, ports: Sequence[int] = (40000, 40002)) -> Answer:
    """An answer that takes the streams; a port of 0 refuses one."""
    offer = offer_of(request)
    media = tuple(
        MediaAnswer(port=port, formats=accepted_formats(each))
        for port, each in zip(ports, offer.media, strict=True)
    )
    answer = answer_offer(offer, AnswerPlan(address="127.0.0.1", session_id=1, media=media))
    return Answer(200, content_type="application/sdp", body=answer.to_bytes())


def accept(ports: Sequence[int] = (40000, 40002)) -> Respond:
    """Take the streams."""

    def respond(recorder: Recorder, event: RequestReceived, now: float) -> None:
        recorder.control.respond(event.transaction, answer_to(event.request, ports), now)

    return respond


def answer_early(recorder: Recorder, event: RequestReceived, now: float) -> None:
    """The SDP goes into a provisional response, and the 200 has none."""
    recorder.control.respond(event.transaction, replace(answer_to(event.request), status=183), now)
    recorder.control.respond(event.transaction, Answer(200), now)


def refuse(status: int) -> Respond:
    def respond(recorder: Recorder, event: RequestReceived, now: float) -> None:
        recorder.control.respond(event.transaction, Answer(status), now)

    return respond


def ring(recorder: Recorder, event: RequestReceived, now: float) -> None:
    """Never a final answer."""
    recorder.control.respond(event.transaction, Answer(180), now)


@asynccontextmanager
async def listening(
    recorder: Recorder, transport: str = "udp", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port where the recorder can be called."""
    server = CustomSIPServer(recorder)
    if tls is not None:
        serving = server.listen_and_serve_tls("127.0.0.1", 0, tls)
    elif transport == "udp":
        serving = server.listen_and_serve_udp("127.0.0.1", 0)
    else:
        serving = server.listen_and_serve_tcp("127.0.0.1", 0)
    task = spawn(serving, name="recorder")
    async with asyncio.timeout(PATIENCE):
        (info,) = await server.wait_listening()
    try:
        yield info.port
    finally:
        await finish(task)


class InstantPlayer:
    """Has everything sent as soon as it is told to, unless it is `stuck`."""

    def __init__(self, *, stuck: bool = False, on_play: Callable[[], object] = lambda: None) -> None:
        self.stuck = stuck
        self.on_play = on_play
        self.tracks: list[Track] = []
        self.stopped: list[int] = []
        self.hosts: list[str] = []

    def encode(self, pcm: bytes, codec: Codec) -> bytes:
        raise NotImplementedError

    def bind(self, host: str) -> tuple[int, int]:
        self.hosts.append(host)
        number = len(self.hosts) - 1
        return number, 30000 + 2 * number

    def play(self, tracks: Sequence[Track]) -> list[int]:
        first = len(self.tracks)
        self.tracks += tracks
        self.on_play()
        return list(range(first, len(self.tracks)))

    def played(self, numbers: Sequence[int]) -> list[Played]:
        return [
            Played(0, False) if self.stuck else Played(-(-len(self.tracks[each].audio) // 160), True)
            for each in numbers
        ]

    def stop(self, numbers: Sequence[int]) -> None:
        self.stopped += numbers
