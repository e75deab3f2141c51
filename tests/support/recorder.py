"""An SRC in a few words, and a recording session played as a transcript in virtual time."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from siprecord.protocol import Flow
from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.contents import Contents, read_contents
from siprecord.recording.exchange import LocalMedia
from siprecord.recording.identity import identify
from siprecord.recording.model import Moment
from siprecord.recording.policy import read_signs
from siprecord.recording.session import RecordingSession
from siprecord.recording.session_parts import SessionSettings
from siprecord.syntax.sdp import SessionDescription
from siprecord.syntax.sip import Headers, Request

FLOW = Flow("udp", ("192.0.2.1", 5060), ("198.51.100.7", 5070))
START = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
BOUNDARY = "split"
Wanted = TypeVar("Wanted", bound=do.Command)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One m-line of an offer."""

    label: str | None = "1"
    direction: str | None = "sendonly"
    port: int = 40000
    kind: str = "audio"
    protocol: str = "RTP/AVP"
    formats: str = "0 8"
    more: tuple[str, ...] = ()

    def rows(self) -> list[str]:
        rows = [f"m={self.kind} {self.port} {self.protocol} {self.formats}", *self.more]
        if self.label is not None:
            rows.append(f"a=label:{self.label}")
        if self.direction is not None:
            rows.append(f"a={self.direction}")
        return rows


TWO = (Line(label="1"), Line(label="2", port=40002))


def sdp(*lines: Line, address: str = "198.51.100.7", version: int = 1) -> bytes:
    rows = ["v=0", f"o=SRC 7 {version} IN IP4 198.51.100.7", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    for line in lines:
        rows += line.rows()
    return ("\r\n".join(rows) + "\r\n").encode()


def xml(*elements: str, mode: str | None = "complete") -> bytes:
    said = f"<datamode>{mode}</datamode>" if mode else ""
    inner = said + "".join(elements)
    return f"<recording xmlns='urn:ietf:params:xml:ns:recording:1'>{inner}</recording>".encode()


def uid(number: int) -> str:
    """An id as RFC 7865 section 6.10 wants it."""
    return b64encode(number.to_bytes(16, "big")).decode()


def part(content_type: str, body: bytes, *more: str) -> bytes:
    head = "\r\n".join([f"--{BOUNDARY}", f"Content-Type: {content_type}", *more])
    return head.encode() + b"\r\n\r\n" + body + b"\r\n"


def metadata_part(document: bytes, content_type: str = "application/rs-metadata+xml") -> bytes:
    return part(content_type, document, "Content-Disposition: recording-session")


def multipart(*parts: bytes) -> tuple[str, bytes]:
    return f"multipart/mixed;boundary={BOUNDARY}", b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def body(offer: bytes | None = None, metadata: bytes | None = None) -> tuple[str | None, bytes]:
    """Content type and body of a message with these."""
    if offer is not None and metadata is not None:
        return multipart(part("application/sdp", offer), metadata_part(metadata))
    if offer is not None:
        return "application/sdp", offer
    if metadata is not None:
        return multipart(metadata_part(metadata))
    return None, b""


def request(
    method: str,
    content: tuple[str | None, bytes] = (None, b""),
    *,
    headers: Iterable[tuple[str, str]] = (("Require", "siprec"),),
    contact: str = "<sip:src@198.51.100.7:5070>;+sip.src",
) -> Request:
    rows = [
        ("Via", "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1"),
        ("From", "<sip:src@example.com>;tag=a"),
        ("To", "<sip:recorder@example.com>"),
        ("Call-ID", "call-1"),
        ("CSeq", f"1 {method}"),
        ("Contact", contact),
        *headers,
    ]
    if content[0] is not None:
        rows.append(("Content-Type", content[0]))
    message = Request(method, "sip:recorder@example.com", Headers(rows), content[1])
    message.raw = message.to_bytes()
    return message


def contents(offer: bytes | None = None, metadata: bytes | None = None) -> Contents:
    return read_contents(request("INVITE", body(offer, metadata)))


@dataclass
class Playbook:
    """Plays events into a session. Streams open at once, on ports from 20000, unless `no_ports` or
    `no_log`.
    """

    settings: SessionSettings = field(default_factory=SessionSettings)
    no_ports: bool = False
    no_log: bool = False
    now: float = 100.0
    counts: dict[int, events.StreamCount] = field(default_factory=dict)
    transcript: list[do.Command] = field(default_factory=list)
    next_port: int = 20000

    def __post_init__(self) -> None:
        self.session = RecordingSession(self.settings, LocalMedia(address="192.0.2.1", session_id=1))

    @property
    def moment(self) -> Moment:
        return Moment(now=self.now, wall=START + timedelta(seconds=self.now - 100.0))

    def tell(self, event: events.Event) -> list[do.Command]:
        """Deliver an event, bring results back, and return all commands in order."""
        return self._run(self.session.receive(event, self.moment))

    def wait(self, seconds: float) -> list[do.Command]:
        """Let time pass, waking the session whenever it asks."""
        end = self.now + seconds
        commands: list[do.Command] = []
        while (at := self.session.deadline()) is not None and at <= end:
            self.now = max(self.now, at)
            commands += self._run(self.session.expire(self.moment))
        self.now = end
        return commands

    def invite(
        self, offer: bytes | None = None, metadata: bytes | None = None, message: Request | None = None
    ) -> list[do.Command]:
        message = message or request("INVITE", body(offer, metadata))
        strict = self.settings.policy.strict
        read = read_contents(message, strict=strict)
        signs = read_signs(message)
        return self.tell(events.InviteReceived("t-invite", identify(message, FLOW), read, signs))

    def reinvite(self, offer: bytes | None = None, metadata: bytes | None = None) -> list[do.Command]:
        return self.tell(events.ReinviteReceived("t-reinvite", contents(offer, metadata)))

    def update(self, offer: bytes | None = None, metadata: bytes | None = None) -> list[do.Command]:
        return self.tell(events.UpdateReceived("t-update", contents(offer, metadata)))

    def info(self, metadata: bytes | None = None) -> list[do.Command]:
        return self.tell(events.InfoReceived("t-info", contents(None, metadata)))

    def ack(self, answer: bytes | None = None) -> list[do.Command]:
        return self.tell(events.AckReceived(contents(answer)))

    def bye(self, metadata: bytes | None = None) -> list[do.Command]:
        return self.tell(events.ByeReceived("t-bye", contents(None, metadata)))

    def call(self, offer: bytes | None = None, metadata: bytes | None = None) -> list[do.Command]:
        """INVITE and ACK."""
        return self.invite(offer or sdp(*TWO), metadata) + self.ack()

    def hear(self, *mlines: int) -> None:
        """Packets have come on these m-lines."""
        for mline in mlines:
            old = self.counts.get(mline, events.StreamCount(0, 0))
            self.counts[mline] = events.StreamCount(old.packets + 50, old.heard + 50)

    def _run(self, commands: Sequence[do.Command]) -> list[do.Command]:
        done: list[do.Command] = []
        for command in commands:
            done.append(command)
            self.transcript.append(command)
            if isinstance(command, do.StartRecording) and self.no_log:
                return done + self.tell(events.RecordingUnavailable("The disk is full"))
            if isinstance(command, do.OpenStreams):
                done += self.tell(self._opened(command))
            elif isinstance(command, do.CheckMedia):
                done += self.tell(events.MediaChecked(dict(self.counts)))
        return done

    def _opened(self, command: do.OpenStreams) -> events.StreamsOpened:
        if self.no_ports:
            failed = {plan.mline: "No free media port" for plan in command.plans}
            return events.StreamsOpened({}, failed)
        ports = {}
        for plan in command.plans:
            ports[plan.mline] = events.Ports(rtp=self.next_port, rtcp=self.next_port + 1)
            self.next_port += 2
        return events.StreamsOpened(ports)


def only(commands: Iterable[do.Command], kind: type[Wanted]) -> Wanted:
    """The one command of that kind."""
    (found,) = [command for command in commands if isinstance(command, kind)]
    return found


def every(commands: Iterable[do.Command], kind: type[Wanted]) -> list[Wanted]:
    """All commands of that kind."""
    return [command for command in commands if isinstance(command, kind)]


def kinds(commands: Iterable[do.Command]) -> list[str]:
    """The names of the commands, in order; events by their own name."""
    return [
        command.name if isinstance(command, do.AppendEvent) else type(command).__name__
        for command in commands
    ]


def answer_of(commands: list[do.Command]) -> SessionDescription:
    """The SDP of the answer among them."""
    answer = only(commands, do.Answer).sdp
    assert answer is not None
    return answer


def directions(commands: list[do.Command]) -> list[str]:
    """What the answer among them says of each m-line."""
    return [media.direction.value if media.port else "port 0" for media in answer_of(commands).media]


S1, S2, A, X1 = uid(1), uid(2), uid(3), uid(4)
SESSION = f'<session session_id="{S1}"/>'
ALICE = f'<participant participant_id="{A}"><nameID aor="sip:alice@example.com"/></participant>'
STREAM = f'<stream stream_id="{X1}" session_id="{S1}"><label>1</label></stream>'
SENDS = f'<participantstreamassoc participant_id="{A}"><send>{X1}</send></participantstreamassoc>'
SNAPSHOT = xml(SESSION, ALICE, STREAM, SENDS)
"""Alice sends what is labelled 1."""
